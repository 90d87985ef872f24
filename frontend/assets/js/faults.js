/** What is wrong with the form: beside each field, and in a summary that takes the focus. */
import { at, make } from "./elements.js";
import { pick } from "./language.js";
import { advice, tidied } from "./subdomain.js";

export const FIELDS = ["oss_type", "duration_days", "subdomain", "company_name", "email"];

/**
 * What to say of a field's value; empty when nothing is wrong.
 * @param {string} name
 * @param {string} value
 * @param {boolean} isValid what the browser thinks of it
 */
export function fault(name, value, isValid) {
  if (!value) {
    /** @type {Record<string, string>} */
    const missing = {
      oss_type: pick("アプリケーションを選んでください。", "Please choose an application."),
      duration_days: pick("期間を選んでください。", "Please choose a period."),
      subdomain: pick("ご希望のアドレスを入力してください。", "Please enter the address you would like."),
      company_name: pick("会社名を入力してください。", "Please enter your company's name."),
      email: pick("メールアドレスを入力してください。", "Please enter your email address."),
    };
    return missing[name] ?? "";
  }
  if (name === "subdomain") return advice(tidied(value));
  if (isValid || name !== "email") return "";
  return pick("メールアドレスの形を確認してください（例: taro@example.co.jp）。", "Please check the email address (such as taro@example.co.jp).");
}

/**
 * The inputs of a field: one, or the radios of a group.
 * @param {string} name
 * @returns {HTMLInputElement[]}
 */
export const inputsOf = (name) => [...at("form").querySelectorAll("input")].filter((input) => input.name === name);

/**
 * Marks a field. The subdomain has no place of its own for this: its live region says it.
 * @param {string} name
 * @param {string} text empty when the field is right
 */
export function blame(name, text) {
  const error = document.getElementById(`${name}-error`);
  if (error) error.textContent = text;
  for (const input of inputsOf(name)) {
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

/** Nothing is wrong any more. */
export function clearSummary() {
  at("summary").hidden = true;
  at("summary").replaceChildren();
}

/**
 * @param {string} heading
 * @param {[string, string][]} wrong field and what is wrong with it
 */
export function summarise(heading, wrong) {
  const list = make("ul");
  list.append(...wrong.map(([name, text]) => {
    const link = make("a", text);
    const target = inputsOf(name).find((input) => !input.disabled);
    link.href = `#${target?.id ?? "order"}`;
    link.addEventListener("click", (event) => {
      if (!target) return;
      event.preventDefault();
      target.focus();
    });
    const item = make("li");
    item.append(link);
    return item;
  }));
  const summary = at("summary");
  summary.replaceChildren(make("p", heading), ...(wrong.length > 0 ? [list] : []));
  summary.hidden = false;
  summary.focus();
}
