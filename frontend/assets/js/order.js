/** The order form: filled from the catalogue, checked, sent once. */
import { catalog, post, Refusal, waitInWords } from "./api.js";
import { Availability, isPassing } from "./availability.js";
import { drawApplications, drawFailure, drawPeriods } from "./choices.js";
import { at, webAddress } from "./elements.js";
import { blame, clearSummary, fault, FIELDS, inputsOf, summarise } from "./faults.js";
import { inLanguage, pick } from "./language.js";
import { remember, remembered } from "./memory.js";
import { drawConsent } from "./operator.js";
import { isOwn, showPending } from "./pending.js";
import { drawReceipt } from "./receipt.js";
import { tidied } from "./subdomain.js";

const SECOND_MS = 1_000;
const form = at("form", HTMLFormElement);
const button = at("submit", HTMLButtonElement);
/** @type {import("./api.js").Catalog | null} */
let offered = null;
/** @type {Availability | null} */
let availability = null;
let isSending = false;

/** @param {string} name */
function value(name) {
  const entered = String(new FormData(form).get(name) ?? "").trim();
  return name === "subdomain" ? tidied(entered) : entered;
}

export async function start() {
  const kept = remembered();
  for (const name of ["subdomain", "company_name", "email"]) {
    for (const input of inputsOf(name)) input.value ||= kept.form?.[name] ?? "";
  }
  form.addEventListener("input", (event) => changed(/** @type {HTMLInputElement} */ (event.target)));
  form.addEventListener("submit", submit);
  // Until now the browser itself would have sent the form.
  button.disabled = false;
  // The browser's "back" shows this very page again, as it was left.
  addEventListener("pageshow", () => { setSending(false); showPending(); });
  showPending();
  await load(kept.form ?? {});
}

/** @param {Record<string, string>} kept */
async function load(kept) {
  try {
    offered = await catalog();
  } catch (error) {
    return drawFailure(at("applications"), error instanceof Error ? error.message : String(error), () => load(kept));
  }
  const { applications, service_domain: domain, trial_url: url } = offered;
  at("domain").textContent = `.${domain}`;
  const first = applications.find(({ available }) => available);
  const days = first?.periods.find(({ price }) => price)?.days;
  let chosen = { oss_type: kept.oss_type ?? first?.id ?? "", duration_days: kept.duration_days ?? String(days ?? "") };
  inLanguage(() => {
    draw(chosen.oss_type, chosen.duration_days);
    chosen = { oss_type: value("oss_type"), duration_days: value("duration_days") };
  });
  form.addEventListener("change", () => {
    chosen = { oss_type: value("oss_type"), duration_days: value("duration_days") };
  });
  const input = at("subdomain", HTMLInputElement);
  availability = new Availability(input, at("subdomain-state"), { address: (name) => url.replace("{subdomain}", name), isOwn });
}

/**
 * @param {string} application
 * @param {string} days
 */
function draw(application, days) {
  if (!offered) return;
  drawConsent(at("consent"), offered);
  drawApplications(at("applications"), offered.applications, application);
  drawPeriodsOf(application, days);
}

/**
 * @param {string} application
 * @param {string} days
 */
function drawPeriodsOf(application, days) {
  if (!offered) return;
  drawPeriods(at("periods"), offered.applications.find(({ id, available }) => available && id === application), days);
  receipt();
}

function receipt() {
  if (offered) drawReceipt(offered, { oss_type: value("oss_type"), duration_days: value("duration_days"), subdomain: value("subdomain") });
}

/** @param {HTMLInputElement} input */
function changed(input) {
  blame(input.name, "");
  if (input.name === "oss_type") drawPeriodsOf(input.value, value("duration_days"));
  else receipt();
}

/**
 * What the live check found out already.
 * @param {string} name
 */
const known = (name) => (name === "subdomain" ? availability?.refusal ?? "" : "");

/**
 * @param {string} name
 * @param {string} text
 * @param {{code?: string, secs?: number | null}} [why] what the service refused it for
 */
function mark(name, text, why) {
  // What passes by itself is no fault of what was entered.
  blame(name, isPassing(why?.code ?? "") ? "" : text);
  if (name === "subdomain" && text) availability?.refuse(text, why);
}

/** @param {boolean} sending */
function setSending(sending) {
  isSending = sending;
  button.setAttribute("aria-busy", String(sending));
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  if (isSending) return;
  clearSummary();
  /** @type {[string, string][]} */
  const faults = FIELDS.map((name) => [name, fault(name, value(name), inputsOf(name).every((input) => input.validity.valid)) || known(name)]);
  for (const [name, text] of faults) mark(name, text);
  const wrong = faults.filter(([, text]) => text);
  if (wrong.length > 0) return summarise(pick("入力内容を確認してください。", "Please check what you entered."), wrong);
  setSending(true);
  const entered = Object.fromEntries(FIELDS.map((name) => [name, value(name)]));
  try {
    const { checkout_url: url, until } = await post("/api/create-checkout", { ...entered, duration_days: Number(entered.duration_days) });
    const address = webAddress(url);
    if (!address) throw new Refusal({});
    remember({ form: entered, checkout_url: address, until: until * SECOND_MS });
    location.assign(address);
  } catch (error) {
    refused(error instanceof Refusal ? error : new Refusal({}));
    setSending(false);
  }
}

/** @param {Refusal} refusal */
function refused({ message, code, field, retryAfterSecs: secs }) {
  const when = secs ? pick(`（${waitInWords(secs)}が目安です）`, ` (Usually ${waitInWords(secs)}.)`) : "";
  if (!field || !FIELDS.includes(field)) return summarise(message + when, []);
  mark(field, message + when, { code, secs });
  summarise(pick("お申し込みを進められませんでした。", "We could not go on with your order."), [[field, message + when]]);
}
