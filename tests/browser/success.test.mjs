/** The page after payment, through every way it can go. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fitsWidth, open, PHONE, withPage } from "./browser.mjs";

let world;
before(async () => { world = await open(); });
after(() => world.close());

const REFUSED = /Failed to load resource/;
const at = (id) => `/success.html?session_id=${id}`;
const state = (page, name) => page.locator(`#outcome[data-state="${name}"]`).waitFor();

test("the ten steps are walked through to the open door", () => withPage(world, at("cs_test_ready"), async (page) => {
  await state(page, "ready");
  assert.equal(await page.locator("#steps li").count(), 10);
  assert.equal(await page.getAttribute("#open", "href"), "https://acme.persys.jp");
  assert.match(await page.textContent("#until"), /2026年12月1日.*19:00（日本時間）/);
  assert.ok(await page.isHidden("#working"));
}));

test("a stream that is refused is replaced by asking", () => withPage(world, at("cs_test_nostream"), async (page) => {
  await state(page, "ready");
  assert.ok(world.mock.seen.polls > 0);
}, { expected: REFUSED }));

test("while a person looks into it nothing else is promised", () => withPage(world, at("cs_test_stuck"), async (page) => {
  await state(page, "stuck");
  await page.locator("#steps li").first().waitFor();
  assert.ok(await page.isHidden("#retry"));
  assert.ok(await page.isHidden("#may-close"));
}));

test("before the payment has arrived nobody is thanked for it, and no step is shown", () => withPage(world, at("cs_test_waiting"), async (page) => {
  await state(page, "reserved");
  assert.equal(await page.textContent("h1"), "お支払いを確認しています");
  await page.locator("#detail", { hasText: "お支払いを確認できしだい" }).waitFor();
  assert.ok(await page.isHidden("#working"));
  assert.ok(await page.isHidden("#again"));
}));

test("a second attempt is said to be one", () => withPage(world, at("cs_test_retry"), async (page) => {
  await page.locator("#retry", { hasText: "もう一度作成しています（2回目）" }).waitFor();
}));

const outcomes = [
  ["refused", /全額を返金/, true, true],
  ["expired", /もう一度お申し込み/, true, false],
  ["stuck", /運用担当者/, false, true],
  ["closed", /すべて削除/, true, false],
];
for (const [name, said, again, help] of outcomes) {
  test(`"${name}" is told with what follows from it`, () => withPage(world, at(`cs_test_${name}`), async (page) => {
    await state(page, name);
    assert.match(await page.textContent("#detail"), said);
    assert.equal(await page.isVisible("#again a"), again);
    if (help) await page.locator("#help", { hasText: "support@example.jp" }).waitFor();
  }));
}

for (const [path, why] of [["/success.html", "without an order"], [at("javascript:1"), "with a malformed one"], [at("cs_test_nobody"), "with an unknown one"]]) {
  test(`${why} the page says so and leads home`, () => withPage(world, path, async (page) => {
    await state(page, "unknown");
    await page.locator("#trouble").waitFor({ state: "hidden" });
    assert.equal(await page.getAttribute("#again a", "href"), "/");
  }, { expected: REFUSED }));
}

test("the words follow the language in the middle of the work", () => withPage(world, at("cs_test_working"), async (page) => {
  await page.locator("#now", { hasText: "作業中: 設定情報の送信" }).waitFor();
  await page.locator("#steps li[aria-current]").waitFor();
  await page.locator("#elapsed", { hasText: "経過" }).waitFor();
  await page.click("#language");
  await page.locator("#detail", { hasText: "being made" }).waitFor();
  assert.doesNotMatch(await page.innerText("main"), /[ぁ-んァ-ヶ一-龠]/);
}));

test("a phone needs no sideways scrolling", () => withPage(world, at("cs_test_working"), async (page) => {
  await state(page, "provisioning");
  await fitsWidth(page);
}, { viewport: PHONE }));
