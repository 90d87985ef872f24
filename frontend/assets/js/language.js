/** Japanese as the pages are written, English beside it; the choice is remembered. */
import { at } from "./elements.js";
import { guarded } from "./memory.js";
import { english } from "./texts.js";

const KEY = "tamesuke-language";
/** @type {Map<Element, string>} */
const japanese = new Map();
/** @type {"ja" | "en"} */
let language = "ja";

export const current = () => language;

/**
 * The one of two texts.
 * @param {string} ja
 * @param {string} en
 */
export const pick = (ja, en) => (language === "ja" ? ja : en);

/**
 * Runs now, and again whenever the language changes.
 * @param {() => void} draw
 */
export function inLanguage(draw) {
  draw();
  document.addEventListener("language", draw);
}

/** Reads the choice: ?lang= first, then what was chosen before. */
export function startLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  const chosen = asked ?? guarded(() => localStorage.getItem(KEY), null);
  if (chosen === "en" || chosen === "ja") choose(chosen);
  apply();
  const button = at("language", HTMLButtonElement);
  button.addEventListener("click", () => {
    choose(pick("en", "ja") === "en" ? "en" : "ja");
    apply();
    document.dispatchEvent(new Event("language"));
  });
  // Until now a click on it would have been lost.
  button.disabled = false;
}

/** @param {"ja" | "en"} chosen */
function choose(chosen) {
  language = chosen;
  guarded(() => localStorage.setItem(KEY, chosen), undefined);
}

/** Puts every marked text of the page into the language. */
function apply() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) translate(element);
  const title = document.querySelector("title");
  if (title) {
    title.dataset.t ??= `title_${document.body.dataset.page}`;
    translate(title);
  }
  const button = document.getElementById("language");
  if (!button) return;
  button.textContent = pick("English", "日本語");
  button.lang = pick("en", "ja");
}

/** @param {Element} element */
function translate(element) {
  const ja = japanese.get(element) ?? element.textContent ?? "";
  japanese.set(element, ja);
  const name = element.getAttribute("data-t") ?? "";
  element.textContent = pick(ja, english[name] ?? ja);
}
