/** What axe finds on every page, in light and dark, wide and on a phone; and without JavaScript. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, fill, open, PHONE, WIDE, withPage } from "./browser.mjs";

let world;
before(async () => { world = await open(); });
after(() => world.close());

const views = [
  ["the form", "/", async (page) => { await fill(page); await page.locator('#subdomain-state[data-kind="good"]').waitFor(); }],
  ["the form with faults", "/", async (page) => { await fill(page, { subdomain: "taken", email: "" }); await page.click("#submit"); await page.locator('#subdomain-state[data-kind="bad"]').waitFor(); }],
  ["the questions opened", "/?lang=en", async (page) => { await page.locator("#oss_type-nginx").waitFor(); for (const one of await page.locator("summary").all()) await one.click(); }],
  ["the work", "/success.html?session_id=cs_test_retry", (page) => page.locator("#retry:not([hidden])").waitFor()],
  ["the open door", "/success.html?session_id=cs_test_ready", (page) => page.locator("#open").waitFor()],
  ["the refusal", "/success.html?session_id=cs_test_refused", (page) => page.locator("#help:not([hidden])").waitFor()],
  ["an address that leads nowhere", "/nowhere", (page) => page.locator("#support:not([hidden])").waitFor()],
  ["the way back", "/cancel.html", (page) => page.locator("#support:not([hidden])").waitFor()],
];
for (const colorScheme of ["light", "dark"]) {
  for (const [name, path, arrive] of views) {
    test(`axe finds nothing in ${name}, ${colorScheme}`, async () => {
      const viewport = colorScheme === "dark" ? PHONE : WIDE;
      await withPage(world, path, async (page) => { await arrive(page); await accessible(page); }, { colorScheme, viewport, reducedMotion: "reduce", bypassCSP: true, expected: path === "/nowhere" ? /Failed to load resource/ : null });
    });
  }
}

test("without JavaScript the form says what is missing", () => withPage(world, "/", async (page) => {
  assert.match(await page.locator("noscript").first().textContent(), /JavaScript/);
}, { javaScriptEnabled: false }));
