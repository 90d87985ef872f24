/**
 * One Chromium and one server for a test file. What a page complains of on its
 * console fails the test that opened it, unless the test says what it expects.
 */
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { startMock } from "./mock-server.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const PHONE = { width: 360, height: 780 };
export const WIDE = { width: 1280, height: 900 };

/** The real service's address, or null when the mock is to be used. */
export const REAL = process.env.APP_URL?.replace(/\/$/, "") ?? null;

/** A browser, and the mock server (unless `real`), whose operator has those pages. */
export async function open({ real = false, pages = {} } = {}) {
  const mock = real ? null : await startMock(0, pages);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  return { browser, mock, url: mock?.url ?? REAL, close: async () => { await browser.close(); mock?.stop(); } };
}

/**
 * Runs `use` with a fresh page at `path`.
 * `expected` matches console lines that belong to the test (a refused request is one).
 */
export async function withPage(world, path, use, { expected = null, before = null, ...options } = {}) {
  const context = await world.browser.newContext({ viewport: WIDE, locale: "ja-JP", timezoneId: "Asia/Tokyo", ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (line) => { if (["error", "warning"].includes(line.type())) complaints.push(line.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.setDefaultTimeout(15_000);
  try {
    await before?.(page);
    await page.goto(`${world.url}${path}`);
    await use(page);
    assert.deepEqual(complaints.filter((text) => !expected?.test(text)), []);
  } finally {
    await context.close();
  }
}

/** No violation that axe knows of. Axe styles elements while it looks, so the page wants `bypassCSP`. */
export async function accessible(page) {
  const { violations } = await new AxeBuilder({ page }).options({ preload: false }).analyze();
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`), []);
}

/** Nothing is wider than the window. */
export async function fitsWidth(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `the page is ${content} wide in a window of ${window}`);
}

/** Fills the form's three texts. */
export async function fill(page, { subdomain = "acme", company_name: company = "株式会社アクメ", email = "taro@example.co.jp" } = {}) {
  await page.locator("#oss_type-nginx").waitFor();
  await page.fill("#subdomain", subdomain);
  await page.fill("#company_name", company);
  await page.fill("#email", email);
}
