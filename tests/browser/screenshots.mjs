/** Pictures of every page for a person to look at: phone and wide, light and dark. SHOTS says where to. */
import { mkdir } from "node:fs/promises";
import { fill, open, PHONE, WIDE, withPage } from "./browser.mjs";

const INTO = process.env.SHOTS ?? "shots";
const NARROW = { ...PHONE, width: 390 };
const REFUSED = /Failed to load resource/;
const good = (page) => page.locator('#subdomain-state[data-kind="good"]').waitFor();
const state = (name) => (page) => page.locator(`#outcome[data-state="${name}"]`).waitFor();
const order = (subdomain, where) => async (page) => { await fill(page, { subdomain }); await page.click("#submit"); await page.locator(where).waitFor(); };
const at = (id) => `/success.html?session_id=cs_test_${id}`;
const views = [
  ["home", "/", async (page) => { await fill(page); await good(page); }],
  ["loading", "/", (page) => page.locator("#applications .muted").waitFor(), (page) => page.route("**/api/catalog", () => undefined)],
  ["no-catalog", "/", (page) => page.getByRole("button", { name: "もう一度読み込む" }).waitFor(), (page) => page.route("**/api/catalog", (route) => route.abort())],
  ["faults", "/", async (page) => { await fill(page, { subdomain: "taken", email: "" }); await page.click("#submit"); await page.locator('#subdomain-state[data-kind="bad"]').waitFor(); }],
  ["order-down", "/", order("down", "#summary:not([hidden])")],
  ["order-snatched", "/", order("snatched", "#summary:not([hidden])")],
  ["order-goes", "/", order("goes", "#summary:not([hidden])")],
  ["waiting", at("waiting"), state("reserved")],
  ["working", at("working"), (page) => page.locator("#steps li[aria-current]").waitFor()],
  ["retry", at("retry"), (page) => page.locator("#retry:not([hidden])").waitFor()],
  ["ready", at("ready"), (page) => page.locator("#open").waitFor()],
  ["refused", at("refused"), state("refused")],
  ["stuck", at("stuck"), state("stuck")],
  ["expired", at("expired"), state("expired")],
  ["closed", at("closed"), state("closed")],
  ["unknown", at("nobody"), state("unknown")],
  ["cancel", "/", async (page) => { await fill(page); await page.click("#submit"); await page.click("text=Back"); await page.locator("#resume:not([hidden])").waitFor(); }],
  ["cancel-alone", "/cancel.html", (page) => page.locator("#support:not([hidden])").waitFor()],
  ["lost", "/nowhere", (page) => page.locator("#support:not([hidden])").waitFor()],
];
/** In English and wide only: the words are what is looked at. */
const english = ["home", "faults", "working", "ready", "refused", "stuck", "cancel", "lost"];

await mkdir(INTO, { recursive: true });
const world = await open({ pages: { legal_url: "https://example.jp/legal", terms_url: "https://example.jp/terms", privacy_url: "https://example.jp/privacy" } });
async function shoot(name, [, path, arrive, before], { language = "ja", ...options }) {
  await withPage(world, path, async (page) => {
    if (language === "en") await page.click("#language");
    await arrive(page);
    await page.screenshot({ path: `${INTO}/${name}.png`, fullPage: true });
  }, { ...options, before, expected: REFUSED });
}
for (const [size, viewport] of [["phone", NARROW], ["wide", WIDE]]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const view of views) await shoot(`${view[0]}-${size}-${colorScheme}`, view, { viewport, colorScheme });
  }
}
for (const view of views.filter(([name]) => english.includes(name))) await shoot(`${view[0]}-en`, view, { viewport: WIDE, language: "en" });
await world.close();
