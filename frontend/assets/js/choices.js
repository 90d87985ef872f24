/** The form's choices, drawn from the catalogue. */
import { make } from "./elements.js";
import { current, pick } from "./language.js";

/** @typedef {import("./api.js").Application} Application */
/** @typedef {import("./api.js").Period} Period */

/** @param {Application} application */
export const nameOf = (application) => pick(application.name_ja, application.name);
/** @param {number} days */
export const daysInWords = (days) => pick(`${days}日間`, `${days} days`);

/**
 * @param {string} name
 * @param {string} value
 * @param {{checked: boolean, disabled: boolean}} how
 */
function choice(name, value, { checked, disabled }) {
  const label = make("label", "", "choice");
  const input = make("input");
  Object.assign(input, { type: "radio", name, value, checked, disabled, required: true, id: `${name}-${value}` });
  input.setAttribute("aria-describedby", `${name}-error`);
  if (disabled) label.dataset.off = "";
  label.append(input);
  return label;
}

/**
 * @param {HTMLElement} into
 * @param {Application[]} applications
 * @param {string} chosen
 */
export function drawApplications(into, applications, chosen) {
  into.replaceChildren(...applications.map((application) => {
    const { id, available, description } = application;
    const label = choice("oss_type", id, { checked: available && id === chosen, disabled: !available });
    label.append(make("strong", nameOf(application)), make("span", description[current()], "about"));
    if (!available) label.append(make("span", pick("準備中", "Coming soon"), "soon"));
    return label;
  }));
}

/**
 * @param {HTMLElement} into
 * @param {Application | undefined} application
 * @param {string} chosen
 */
export function drawPeriods(into, application, chosen) {
  if (!application) {
    into.replaceChildren(make("p", pick("アプリケーションを選ぶと表示されます。", "Choose an application first."), "muted"));
    return;
  }
  into.replaceChildren(...application.periods.map(({ days, price }) => {
    const label = choice("duration_days", String(days), { checked: price !== null && String(days) === chosen, disabled: !price });
    const shown = price?.display ?? pick("料金を確認できません。少し待ってから、ページを読み込み直してください。", "We cannot look up the price. Please wait a little and load the page again.");
    label.append(make("strong", daysInWords(days)), make("span", shown, price ? "price" : "about"));
    return label;
  }));
}

/**
 * Where the choices would be: why there are none, and a way to ask again.
 * @param {HTMLElement} into
 * @param {string} message
 * @param {() => void} again
 */
export function drawFailure(into, message, again) {
  const text = make("p", message, "notice");
  text.setAttribute("role", "alert");
  const retry = make("button", pick("もう一度読み込む", "Try again"), "secondary");
  retry.type = "button";
  retry.addEventListener("click", again);
  into.replaceChildren(text, retry);
}
