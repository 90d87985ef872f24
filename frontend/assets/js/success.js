/** After payment: the ten steps as they happen, and the address when it answers. */
import { catalog } from "./api.js";
import { at, make, tell, webAddress } from "./elements.js";
import { current, inLanguage, pick } from "./language.js";
import { firstSeen, forget } from "./memory.js";
import { isFinal, Watch } from "./watch.js";

const SECOND_MS = 1_000;
const IN_WORK = ["paid", "provisioning", "stuck"];
const AGAIN = ["refused", "expired", "closed", "unknown"];

/** @typedef {import("./watch.js").Trial} Trial */

/** @type {Trial | null} */
let last = null;
let isUnknown = false;

export async function start() {
  const session = new URLSearchParams(location.search).get("session_id") ?? "";
  document.addEventListener("language", draw);
  if (!/^cs_[A-Za-z0-9_]{1,255}$/.test(session)) return unknown();
  const watch = new Watch(session, seen, (refusal) => {
    if (["trial_unknown", "trial_malformed"].includes(refusal.code)) unknown();
    else tell(at("trouble"), refusal.message);
  });
  const began = firstSeen(session);
  const clock = setInterval(() => {
    if (isUnknown || (last && isFinal(last.state))) clearInterval(clock);
    else elapsed(began);
  }, SECOND_MS);
  document.addEventListener("language", () => { if (at("elapsed").textContent) elapsed(began); });
  inLanguage(() => { if (!isUnknown) watch.open(); });
}

/** @param {Trial} trial */
function seen(trial) {
  last = trial;
  if (trial.state !== "reserved") forget();
  tell(at("trouble"), "");
  draw();
}

function unknown() {
  isUnknown = true;
  draw();
}

/** @param {number} began */
function elapsed(began) {
  const seconds = Math.floor((Date.now() - began) / SECOND_MS);
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  at("elapsed").textContent = pick(`経過 ${time}`, `${time} elapsed`);
}

/** @param {string} state */
function title(state) {
  /** @type {Record<string, string>} */
  const titles = {
    reserved: pick("お支払いを確認しています", "We are confirming your payment"),
    ready: pick("ご用意ができました", "Your trial is ready"),
    ending: pick("お試しは終了しました", "Your trial is over"),
    closed: pick("お試しは終了しました", "Your trial is over"),
    expired: pick("お支払いの期限が過ぎました", "The time to pay is over"),
    refused: pick("ご提供できませんでした", "We could not provide your trial"),
    stuck: pick("お時間をいただいています", "This is taking longer than usual"),
    unknown: pick("お申し込みが見つかりません", "We could not find this order"),
  };
  return titles[state] ?? pick("お支払いありがとうございます", "Thank you for your payment");
}

function draw() {
  const state = isUnknown ? "unknown" : last?.state;
  if (!state) return;
  at("outcome").dataset.state = state;
  at("title").textContent = title(state);
  document.title = `${title(state)} | ${pick("ためすけ", "Tamesuke")}`;
  tell(at("detail"), isUnknown
    ? pick("リンクが途中で切れていないか、ご確認ください。お支払いがお済みの場合、ご案内はメールでお届けします。", "Please check that the link is complete. If you have paid, you will hear from us by mail.")
    : last?.detail ?? "");
  at("working").hidden = !IN_WORK.includes(state);
  // "It usually takes minutes" is no comfort once a person has to look into it.
  at("may-close").hidden = state === "stuck";
  at("ready").hidden = state !== "ready";
  at("again").hidden = !AGAIN.includes(state);
  tell(at("trouble"), isUnknown ? "" : at("trouble").textContent ?? "");
  if (last && !isUnknown) drawTrial(last);
  if (["ready", "refused", "stuck", "unknown"].includes(state)) help();
}

/** @param {Trial} trial */
function drawTrial(trial) {
  const isAgain = trial.attempt > 1 && trial.state === "provisioning";
  tell(at("retry"), isAgain ? pick(`もう一度作成しています（${trial.attempt}回目）。そのままお待ちください。`, `We are making it again (attempt ${trial.attempt}). Please wait a little longer.`) : "");
  const doing = trial.state === "provisioning" ? trial.step_names?.[trial.step]?.[current()] : null;
  tell(at("now"), doing ? pick(`作業中: ${doing}`, `Now: ${doing}`) : "");
  if (IN_WORK.includes(trial.state)) drawSteps(trial);
  if (trial.state === "ready") drawReady(trial);
}

/** @param {Trial} trial */
function drawSteps(trial) {
  const bar = at("bar", HTMLProgressElement);
  bar.max = trial.steps;
  bar.value = trial.step;
  at("bar-label").textContent = pick(`${trial.steps}段階のうち${trial.step}まで完了`, `${trial.step} of ${trial.steps} steps done`);
  const names = trial.step_names ?? [];
  at("steps").hidden = names.length === 0;
  at("steps").replaceChildren(...names.map((name, index) => {
    const number = index + 1;
    const item = make("li", name[current()]);
    item.dataset.number = String(number);
    if (number <= trial.step) item.dataset.done = "";
    if (number === trial.step + 1 && trial.state === "provisioning") item.setAttribute("aria-current", "step");
    return item;
  }));
}

/** @param {Trial} trial */
function drawReady(trial) {
  const address = webAddress(trial.url);
  for (const id of ["open", "address"]) {
    const link = at(id, HTMLAnchorElement);
    link.hidden = !address;
    if (address) link.href = address;
  }
  at("address").textContent = address ?? "";
  const end = trial.ends_at ? new Date(trial.ends_at) : null;
  const shown = end?.toLocaleString(pick("ja-JP", "en-GB"), { timeZone: "Asia/Tokyo", year: "numeric", month: "long", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit" });
  at("until").textContent = shown ? pick(`${shown}（日本時間）`, `${shown} (JST)`) : pick("ご案内のメールをご覧ください", "Please see our mail");
}

/** Where to ask; without the catalogue the page's own words must do. */
async function help() {
  const contact = await catalog().then((found) => found.support_contact, () => null);
  tell(at("help"), contact ? pick(`ご不明な点は ${contact} までご連絡ください。`, `Questions? Please write to ${contact}.`) : "");
}
