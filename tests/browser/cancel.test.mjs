/** Turning back from payment. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fill, open, withPage } from "./browser.mjs";

let world;
before(async () => { world = await open(); });
after(() => world.close());

async function orderAndTurnBack(page) {
  await fill(page);
  await page.check("#duration_days-14");
  await page.click("#submit");
  await page.waitForURL(/\/mock\/pay$/);
  await page.click("text=Back");
  await page.locator("#resume:not([hidden])").waitFor();
}

test("the same payment page is one click away", () => withPage(world, "/", async (page) => {
  await orderAndTurnBack(page);
  assert.equal(await page.textContent("#kept-subdomain"), "acme");
  await page.click("#resume");
  await page.waitForURL(/\/mock\/pay$/);
}));

test("changing gives the name back and shows the form as it was", () => withPage(world, "/", async (page) => {
  await orderAndTurnBack(page);
  await page.click("#change");
  await page.waitForURL(/#order$/);
  await page.locator("#duration_days-14:checked").waitFor();
  assert.equal(await page.inputValue("#company_name"), "株式会社アクメ");
  assert.equal(await page.inputValue("#email"), "taro@example.co.jp");
  assert.equal(await page.inputValue("#subdomain"), "acme");
  assert.equal(world.mock.seen.releases, 1);
  assert.ok(await page.isHidden("#pending"));
}));

test("nothing can be pressed before the script that hears it is there", () => withPage(world, "/", async (page) => {
  let arrive;
  const gate = new Promise((resolve) => { arrive = resolve; });
  await page.route(/\/js\/(cancel|language)\.js$/, async (route) => { await gate; await route.continue(); });
  await page.goto(`${world.url}/cancel.html`, { waitUntil: "commit" });
  await page.locator("#change").waitFor();
  assert.ok(await page.isDisabled("#change"));
  assert.ok(await page.isDisabled("#language"));
  arrive();
  await page.click("#change");
  await page.waitForURL(/#order$/);
  await page.click("#language");
  await page.locator("html[lang=en]").waitFor();
}));

test("home offers the unpaid order, and no more once it is paid", () => withPage(world, "/", async (page) => {
  await orderAndTurnBack(page);
  await page.goto(`${world.url}/`);
  await page.click("#pending-link");
  await page.click("text=Pay >> nth=-1");
  await page.locator('#outcome[data-state="ready"]').waitFor();
  await page.goto(`${world.url}/`);
  await page.locator("#oss_type-nginx").waitFor();
  assert.ok(await page.isHidden("#pending"));
}));

test("a payment page is offered until it lapses, however lately it was asked for", () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: "brief" });
  await page.click("#submit");
  await page.waitForURL(/\/mock\/pay$/);
  const { until } = await page.evaluate(() => JSON.parse(sessionStorage.getItem("tamesuke-order")));
  assert.ok(until - Date.now() <= 3_000, `${until - Date.now()} ms are left`);
  await page.waitForFunction((end) => Date.now() > end, until);
  await page.click("text=Back");
  await page.locator("#lapsed:not([hidden])").waitFor();
  assert.ok(await page.isHidden("#resume"));
  await page.goto(`${world.url}/`);
  await page.locator("#oss_type-nginx").waitFor();
  assert.ok(await page.isHidden("#pending"));
}));

test("a refused release is told and can be tried again", () => withPage(world, "/", async (page) => {
  await orderAndTurnBack(page);
  await page.route("**/api/checkout/release", (route) => route.fulfill({ status: 409, json: { code: "already_paid", detail: "すでにお支払い済みです。" } }));
  await page.click("#change");
  await page.locator("#summary", { hasText: "すでにお支払い済みです" }).waitFor();
  assert.equal(await page.getAttribute("#change", "aria-busy"), "false");
}, { expected: /Failed to load resource/ }));

test("opened by itself it leads to the form", () => withPage(world, "/cancel.html", async (page) => {
  await page.locator("#support:not([hidden])").waitFor();
  assert.ok(await page.isHidden("#resume"));
  assert.ok(await page.isHidden("#kept"));
  await page.click("#change");
  await page.waitForURL(/#order$/);
}));

test("an address that leads nowhere leads home, in either language", () => withPage(world, "/no/such/page", async (page) => {
  assert.equal(await page.textContent("h1"), "ページが見つかりません");
  await page.click("#language");
  assert.equal(await page.textContent("h1"), "There is no such page");
  await page.getByRole("link", { name: "To the order form" }).click();
  await page.locator("#oss_type-nginx").waitFor();
}, { expected: /Failed to load resource/ }));
