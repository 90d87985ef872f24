/** The pages on the real service (APP_URL), with its sandbox around it: order, turn back, pay, wait. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, fill, open, REAL, withPage } from "./browser.mjs";

const skip = REAL ? false : "APP_URL is not set";
const READY_MS_MAX = 120_000;
const name = `b${Date.now().toString(36).slice(-9)}`;
let world;
before(async () => { if (REAL) world = await open({ real: true }); });
after(() => world?.close());

test("a person orders, turns back, comes again, pays, and gets an open door", { skip }, () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: name });
  await page.locator('#subdomain-state[data-kind="good"]').waitFor();
  await accessible(page);
  await page.click("#submit");
  await page.getByRole("link", { name: "Back" }).click();
  await page.click("#change");
  await page.waitForURL(/#order$/);
  await page.locator('#subdomain-state[data-kind="good"]').waitFor();
  await page.click("#submit");
  await page.getByRole("button", { name: "Pay" }).click();
  await page.waitForURL(/success\.html\?session_id=cs_/);
  await page.locator('#outcome[data-state="ready"]').waitFor({ timeout: READY_MS_MAX });
  const door = await page.getAttribute("#open", "href");
  assert.ok(door.includes(name), door);
  await accessible(page);
  const answer = await page.goto(door);
  assert.equal(answer.status(), 200);
}, { expected: /Failed to load resource/, bypassCSP: true }));

test("a name in use is refused in the form", { skip }, () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: name });
  await page.locator('#subdomain-state[data-kind="bad"]').waitFor();
}));

test("an address that leads nowhere shows a page", { skip }, () => withPage(world, "/nowhere", async (page) => {
  assert.equal(await page.textContent("h1"), "ページが見つかりません");
}, { expected: /Failed to load resource/ }));
