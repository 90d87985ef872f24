/**
 * The service's API as the pages know it, with the world behind it made up.
 * Names choose the answer: `taken`, `leaving`, `held` and `slow` when checked;
 * `snatched`, `goes`, `rival`, `limited`, `down`, `lost`, `brief` when ordered. Orders are in mock-trials.mjs.
 * It keeps nothing but what was released, and never talks to anybody.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { trialAt } from "./mock-trials.mjs";

const PAGES = fileURLToPath(new URL("../../frontend", import.meta.url));
const POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const FRAME_MS = 120;
/** How long a payment page stays open, and one that was given before and is nearly over. */
const OPEN_SECS = 31 * 60;
const BRIEF_SECS = 3;
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/;
const price = (amount) => ({ amount_minor: amount, currency: "jpy", amount: String(amount), display: `¥${amount.toLocaleString("en")}` });

const CATALOG = {
  applications: [
    { id: "nginx", name: "nginx", name_ja: "nginx", available: true, description: { ja: "静的なページを配信するWebサーバー。配信や設定を確かめたい方に。", en: "A web server for static pages. For trying out delivery and settings." }, periods: [{ days: 7, price: price(500) }, { days: 14, price: price(900) }] },
    { id: "growi", name: "GROWI", name_ja: "GROWI", available: false, description: { ja: "Markdownで書く社内Wiki。", en: "A wiki for teams, written in Markdown." }, periods: [] },
    { id: "wordpress", name: "WordPress", name_ja: "WordPress", available: false, description: { ja: "ブログとWebサイトの作成。", en: "Blogs and web sites." }, periods: [] },
  ],
  rules: { subdomain: { pattern: NAME.source, length_max: 12 }, company_name: { length_max: 100 }, email: { length_max: 254 } },
  service_domain: "persys.jp", trial_url: "https://{subdomain}.persys.jp", support_contact: "support@example.jp",
  legal_url: null, terms_url: null, privacy_url: null, checkout_minutes: 31,
};

const CHECKS = {
  taken: (pick) => ({ reason: "subdomain_taken", detail: pick("このアドレスはすでに使われています。別の名前をお選びください。", "This address is already in use. Please choose another name.") }),
  leaving: (pick) => ({ reason: "subdomain_leaving", detail: pick("このアドレスは、前の環境を片付けているところです。終わりしだいお選びいただけます。", "The last environment at this address is being cleared away. You can choose it as soon as that is done."), retry_after: 120 }),
  held: (pick) => ({ reason: "subdomain_reserved", detail: pick("このアドレスは、ほかの方がお支払いの手続きをしています。別の名前をお選びになるか、時間をおいてお試しください。", "Somebody else is paying for this address. Please choose another name, or try again later."), until: 1_796_000_000 }),
};

const ORDERS = {
  snatched: (pick) => [409, { code: "subdomain_taken", field: "subdomain", detail: CHECKS.taken(pick).detail }],
  goes: (pick) => [409, { code: "subdomain_leaving", field: "subdomain", detail: CHECKS.leaving(pick).detail, retry_after: 1 }],
  rival: (pick) => [409, { code: "subdomain_reserved", field: "subdomain", detail: CHECKS.held(pick).detail, until: 1_796_000_000 }],
  limited: (pick) => [429, { code: "too_many_requests", retry_after: 60, detail: pick("操作が多すぎます。", "Too many requests.") }],
  down: (pick) => [503, { code: "stripe_unavailable", retry_after: 30, detail: pick("ただいまお支払いの画面を用意できません。", "The payment page can't be made just now.") }],
  lost: () => [500, "not json"],
};

const json = (response, status, body, headers = {}) => {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
};

async function bodyOf(request) {
  let text = "";
  for await (const part of request) text += part;
  return text;
}

function checkSubdomain({ url, response, pick }) {
  const subdomain = url.searchParams.get("subdomain") ?? "";
  if (!NAME.test(subdomain)) return json(response, 400, { code: "subdomain_malformed", field: "subdomain", detail: pick("半角の英小文字・数字・ハイフンで12文字までです。", "Up to 12 of a-z, 0-9 and hyphen.") });
  if (subdomain === "down") return json(response, 503, { code: "not_ready", detail: pick("準備中です。", "Not ready yet.") });
  const refused = CHECKS[subdomain]?.(pick);
  json(response, 200, refused ? { available: false, subdomain, ...refused } : { available: true, subdomain });
}

async function createCheckout({ request, response, pick, origin, seen }) {
  const order = JSON.parse(await bodyOf(request));
  seen.orders.push(order);
  const refused = ORDERS[order.subdomain]?.(pick);
  if (refused) return json(response, refused[0], refused[1], refused[1].retry_after ? { "Retry-After": String(refused[1].retry_after) } : {});
  const until = Math.floor(Date.now() / 1000) + (order.subdomain === "brief" ? BRIEF_SECS : OPEN_SECS);
  json(response, 200, { checkout_url: `${origin}/mock/pay`, until }, { "Set-Cookie": "tmsk_form=x; Path=/; HttpOnly; SameSite=Lax" });
}

async function events({ id, url, request, response, pick }) {
  const language = url.searchParams.get("lang") ?? pick("ja", "en");
  if (id === "cs_test_nostream") return json(response, 503, { code: "busy", detail: pick("混み合っています。", "Busy.") });
  if (!trialAt(id, 0, language)) return json(response, 404, { code: "trial_unknown", detail: "" });
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let isOpen = true;
  request.on("close", () => { isOpen = false; });
  for (let frame = 0; isOpen; frame += 1) {
    const { trial, isLast } = trialAt(id, frame, language);
    response.write(`event: trial\ndata: ${JSON.stringify(trial)}\n\n`);
    if (isLast === "end") return response.end("event: end\ndata: {}\n\n");
    if (isLast === "stays") return response.write(": still here\n\n");
    await new Promise((done) => { setTimeout(done, FRAME_MS); });
  }
}

function trial({ id, response, pick, seen }) {
  seen.polls += 1;
  const found = trialAt(id, seen.polls * 6, pick("ja", "en"));
  if (found) json(response, 200, found.trial);
  else json(response, 404, { code: "trial_unknown", detail: pick("このお申し込みは見つかりません。", "There is no such order.") });
}

async function page({ url, response }) {
  const path = normalize(url.pathname === "/" ? "/index.html" : url.pathname);
  const content = await readFile(join(PAGES, path)).catch(() => null);
  const type = content ? TYPES[extname(path)] ?? "application/octet-stream" : TYPES[".html"];
  response.writeHead(content ? 200 : 404, { "Content-Type": type, "Content-Security-Policy": POLICY });
  response.end(content ?? await readFile(join(PAGES, "not-found.html")));
}

function pay({ response }) {
  response.writeHead(200, { "Content-Type": TYPES[".html"], "Content-Security-Policy": POLICY });
  response.end('<!doctype html><html lang="en"><title>Pay</title><link rel="icon" href="/assets/favicon.svg"><h1>Pay</h1><a href="/success.html?session_id=cs_test_ready">Pay</a> <a href="/cancel.html">Back</a>');
}

function answer(call) {
  const [, id, isEvents] = /^\/api\/trials\/([^/]+)(\/events)?$/.exec(call.url.pathname) ?? [];
  if (id) return isEvents ? events({ ...call, id }) : trial({ ...call, id });
  switch (`${call.request.method} ${call.url.pathname}`) {
    case "GET /api/catalog": return json(call.response, 200, { ...CATALOG, ...call.pages });
    case "GET /api/check-subdomain": return checkSubdomain(call);
    case "POST /api/create-checkout": return createCheckout(call);
    case "POST /api/checkout/release":
      call.seen.releases += 1;
      return json(call.response, 200, { released: true });
    case "GET /mock/pay": return pay(call);
    default: return page(call);
  }
}

/** Starts on a free port; `seen` is what the pages did, `pages` are those the operator has. */
export async function startMock(port = 0, pages = {}) {
  const seen = { orders: [], releases: 0, polls: 0 };
  const server = createServer((request, response) => {
    const isEnglish = (request.headers["accept-language"] ?? "ja").startsWith("en");
    const pick = (ja, en) => (isEnglish ? en : ja);
    const origin = `http://${request.headers.host}`;
    Promise.resolve(answer({ request, response, url: new URL(request.url, origin), pick, origin, seen, pages })).catch((error) => {
      console.error("mock server:", error);
      response.destroy();
    });
  });
  await new Promise((listening) => { server.listen(port, "127.0.0.1", listening); });
  const stop = () => { server.closeAllConnections(); server.close(); };
  return { url: `http://127.0.0.1:${server.address().port}`, seen, stop };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await startMock(Number(process.env.PORT ?? 8600))).url);
