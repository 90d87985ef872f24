/** The order form, as a person uses it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fill, fitsWidth, open, PHONE, withPage } from "./browser.mjs";

let world;
before(async () => { world = await open(); });
after(() => world.close());

const REFUSED = /Failed to load resource/;
const text = (page, selector) => page.locator(selector).textContent();

test("applications, periods and prices come from the catalogue", () => withPage(world, "/", async (page) => {
  await page.locator("#oss_type-nginx:checked").waitFor();
  assert.ok(await page.locator("#oss_type-growi").isDisabled());
  assert.match(await text(page, "label:has(#oss_type-growi)"), /準備中/);
  await page.check("#duration_days-14");
  assert.equal(await text(page, "#receipt-total"), "¥900");
}));

test("an empty form is not sent; the summary takes the focus and leads to the fields", () => withPage(world, "/", async (page) => {
  await page.locator("#oss_type-nginx").waitFor();
  const sent = world.mock.seen.orders.length;
  await page.click("#submit");
  assert.equal(await page.evaluate(() => document.activeElement.id), "summary");
  assert.equal(await page.locator("#summary li").count(), 3);
  assert.equal(await page.getAttribute("#company_name", "aria-invalid"), "true");
  assert.match(await text(page, "#email-error"), /メールアドレス/);
  await page.click("#summary li:last-child a");
  assert.equal(await page.evaluate(() => document.activeElement.id), "email");
  assert.equal(world.mock.seen.orders.length, sent);
}));

test("what is wrong goes away as soon as it is mended", () => withPage(world, "/", async (page) => {
  await fill(page, { email: "taro" });
  await page.click("#submit");
  assert.match(await text(page, "#email-error"), /taro@example\.co\.jp/);
  await page.fill("#email", "taro@example.jp");
  assert.equal(await text(page, "#email-error"), "");
  assert.equal(await page.getAttribute("#email", "aria-invalid"), null);
}));

const checks = [
  ["acme", "good", /使えます。https:\/\/acme\.persys\.jp/],
  ["taken", "bad", /すでに使われています/],
  ["leaving", "wait", /約2分後にもう一度確認/],
  ["held", "wait", /\d+:\d\dまで/],
  ["my_shop", "bad", /例: my-shop/],
  ["ab--cd", "bad", /3文字目/],
  ["down", "wait", /お申し込みの際に確認します/],
];
for (const [name, kind, said] of checks) {
  test(`the live check says of "${name}" that it is ${kind}`, () => withPage(world, "/", async (page) => {
    await fill(page, { subdomain: name });
    await page.locator(`#subdomain-state[data-kind="${kind}"]`).waitFor();
    assert.match(await text(page, "#subdomain-state"), said);
  }, { expected: REFUSED }));
}

test("capitals and full-width letters are put right when the field is left", () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: "ＡｃＭＥ" });
  await page.locator('#subdomain-state[data-kind="good"]').waitFor();
  assert.equal(await page.inputValue("#subdomain"), "acme");
}));

test("only the last of several names typed is told", () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: "" });
  await page.route(/check-subdomain\?subdomain=tak$/, () => undefined);
  await page.locator("#subdomain").pressSequentially("taken", { delay: 20 });
  await page.locator('#subdomain-state[data-kind="bad"]').waitFor();
  await page.fill("#subdomain", "acme");
  await page.locator('#subdomain-state[data-kind="good"]').waitFor();
  assert.match(await text(page, "#subdomain-state"), /acme/);
}));

test("a good order leads to payment, is sent once, and carries what was entered", () => withPage(world, "/", async (page) => {
  world.mock.seen.orders.length = 0;
  await fill(page);
  await page.dblclick("#submit");
  await page.waitForURL(/\/mock\/pay$/);
  assert.deepEqual(world.mock.seen.orders, [
    { oss_type: "nginx", duration_days: 7, subdomain: "acme", company_name: "株式会社アクメ", email: "taro@example.co.jp" },
  ]);
}));

const refusals = [
  ["snatched", "#subdomain-state", /別の名前/],
  ["limited", "#summary", /操作が多すぎます。（約1分後が目安です）/],
  ["down", "#summary", /（約30秒後が目安です）/],
  ["lost", "#summary", /エラーが発生しました/],
];
for (const [name, where, said] of refusals) {
  test(`an order refused as "${name}" says what to do and can be sent again`, () => withPage(world, "/", async (page) => {
    await fill(page, { subdomain: name });
    await page.click("#submit");
    await page.locator("#summary:not([hidden])").waitFor();
    assert.match(await text(page, where), said);
    assert.equal(await page.getAttribute("#submit", "aria-busy"), "false");
  }, { expected: REFUSED }));
}

for (const name of ["goes", "rival"]) {
  test(`a name refused for a while ("${name}") does not keep the form from being sent again`, () => withPage(world, "/", async (page) => {
    await fill(page, { subdomain: name });
    await page.locator('#subdomain-state[data-kind="good"]').waitFor();
    const sent = world.mock.seen.orders.length;
    for (const times of [1, 2]) {
      const answered = page.waitForResponse("**/api/create-checkout");
      await page.click("#submit");
      await answered;
      await page.locator("#summary:not([hidden])").waitFor();
      assert.equal(await page.getAttribute("#subdomain-state", "data-kind"), "wait");
      assert.equal(await page.getAttribute("#subdomain", "aria-invalid"), null);
      assert.equal(world.mock.seen.orders.length, sent + times);
    }
  }, { expected: REFUSED }));
}

test("a name refused for a while is looked at again by itself", () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: "goes" });
  await page.click("#submit");
  await page.locator('#subdomain-state[data-kind="wait"]').waitFor();
  await page.locator('#subdomain-state[data-kind="good"]').waitFor();
}, { expected: REFUSED }));

test("before the scripts run, nothing that was entered gets into the address", () => withPage(world, "/", async (page) => {
  const enter = async () => {
    for (const [field, typed] of [["subdomain", "acme"], ["company_name", "Acme"], ["email", "taro@example.jp"]]) await page.fill(`#${field}`, typed);
    await page.press("#email", "Enter");
  };
  await enter();
  assert.ok(await page.isDisabled("#submit"));
  assert.equal(await page.inputValue("#email"), "taro@example.jp");
  // Should the browser send the form all the same, it is not in the address.
  await page.evaluate(() => { document.querySelector("#submit").disabled = false; });
  const sent = page.waitForRequest((request) => request.isNavigationRequest());
  await page.press("#email", "Enter");
  const request = await sent;
  assert.deepEqual([request.method(), new URL(request.url()).search], ["POST", ""]);
}, { before: (page) => page.route("**/assets/js/order.js", () => undefined) }));

test("a name known to be taken is not sent", () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: "taken" });
  await page.locator('#subdomain-state[data-kind="bad"]').waitFor();
  const sent = world.mock.seen.orders.length;
  await page.click("#submit");
  await page.locator("#summary li", { hasText: "別の名前" }).waitFor();
  assert.equal(await page.getAttribute("#subdomain", "aria-invalid"), "true");
  assert.equal(world.mock.seen.orders.length, sent);
}));

test("a catalogue that does not load can be asked for again", () => withPage(world, "/", async (page) => {
  await page.getByRole("button", { name: "もう一度読み込む" }).waitFor();
  await page.unroute("**/api/catalog");
  await page.getByRole("button", { name: "もう一度読み込む" }).click();
  await page.locator("#oss_type-nginx:checked").waitFor();
}, { expected: REFUSED, before: (page) => page.route("**/api/catalog", (route) => route.abort()) }));

test("the language is switched in place, kept, and asked for from the service", () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: "taken" });
  await page.check("#duration_days-14");
  await page.click("#language");
  assert.equal(await page.getAttribute("html", "lang"), "en");
  await page.locator("#subdomain-state", { hasText: "Please choose another" }).waitFor();
  assert.ok(await page.isChecked("#duration_days-14"));
  assert.doesNotMatch(await page.innerText("main"), /[ぁ-んァ-ヶ一-龠]/);
  await page.reload();
  assert.match(await text(page, "#hero-title"), /Before you decide/);
  assert.match(await page.title(), /Tamesuke/);
  await page.goto(`${world.url}/?lang=ja`);
  assert.match(await text(page, "h1"), /導入を決める前に/);
}));

test("the whole form can be filled and sent from the keyboard", () => withPage(world, "/", async (page) => {
  await page.locator("#oss_type-nginx:checked").waitFor();
  await page.focus("#oss_type-nginx");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  assert.ok(await page.isChecked("#duration_days-14"));
  for (const typed of ["acme", "Acme", "taro@example.jp"]) {
    await page.keyboard.press("Tab");
    await page.keyboard.type(typed);
  }
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/mock\/pay$/);
}));

test("a phone needs no sideways scrolling", () => withPage(world, "/", async (page) => {
  await fill(page, { subdomain: "abcdefghijkl" });
  await page.locator('#subdomain-state[data-kind="good"]').waitFor();
  await fitsWidth(page);
}, { viewport: PHONE }));
