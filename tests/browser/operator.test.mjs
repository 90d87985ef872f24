/** What the operator's settings put on the pages: the legal notice, the terms, the privacy policy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, fitsWidth, open, PHONE, withPage } from "./browser.mjs";

const LEGAL = "https://example.jp/legal";
const TERMS = "https://example.jp/terms";
const PRIVACY = "https://example.jp/privacy";
const withPages = async (pages, path, use, options) => {
  const world = await open({ pages });
  try {
    await withPage(world, path, async (page) => { await page.locator("#support:not([hidden])").waitFor(); await use(page); }, options);
  } finally {
    await world.close();
  }
};
const inFoot = (page) => page.locator(".foot a:not(#support)").evaluateAll((links) => links.map((link) => [link.textContent, link.href]));

test("all three stand in the foot of every page, in either language", () => withPages({ legal_url: LEGAL, terms_url: TERMS, privacy_url: PRIVACY }, "/cancel.html", async (page) => {
  assert.deepEqual(await inFoot(page), [["特定商取引法に基づく表記", LEGAL], ["利用規約", TERMS], ["プライバシーポリシー", PRIVACY]]);
  await page.click("#language");
  assert.deepEqual(await inFoot(page), [["Legal notice", LEGAL], ["Terms of use", TERMS], ["Privacy policy", PRIVACY]]);
}));

const consents = [
  [{ terms_url: TERMS, privacy_url: PRIVACY }, "お支払いへ進むと、利用規約とプライバシーポリシーに同意したものとみなします。", "By going on to payment you agree to the terms of use and the privacy policy."],
  [{ terms_url: TERMS }, "お支払いへ進むと、利用規約に同意したものとみなします。", "By going on to payment you agree to the terms of use."],
  [{ privacy_url: PRIVACY }, "お支払いへ進むと、プライバシーポリシーに同意したものとみなします。", "By going on to payment you agree to the privacy policy."],
];
for (const [pages, ja, en] of consents) {
  test(`below the button stands what is agreed to: ${Object.keys(pages).join(", ")}`, () => withPages(pages, "/", async (page) => {
    await page.locator("#consent:not([hidden])").waitFor();
    assert.equal(await page.textContent("#consent"), ja);
    assert.deepEqual(await page.locator("#consent a").evaluateAll((links) => links.map(({ href }) => href)), Object.values(pages));
    await fitsWidth(page);
    await accessible(page);
    await page.click("#language");
    assert.equal(await page.textContent("#consent"), en);
  }, { viewport: PHONE, bypassCSP: true, reducedMotion: "reduce" }));
}

test("an operator without pages has no links to them, and an address that is no web page is none", () => withPages({ legal_url: "javascript:alert(1)" }, "/", async (page) => {
  await page.locator("#oss_type-nginx:checked").waitFor();
  assert.deepEqual(await inFoot(page), []);
  assert.ok(await page.isHidden("#consent"));
}));

test("the form says from when the period counts, and the questions what of an early end", () => withPages({}, "/", async (page) => {
  await page.locator("#duration_days-hint", { hasText: "7日後の同じ時刻" }).waitFor();
  await page.click("text=途中でやめた場合、返金はありますか？");
  await page.getByText("途中でおやめになった場合の返金はございません。").waitFor();
}));
