/** The rule of a name, as the form tells it. The service has the last word. */
import { pick } from "./language.js";

const LENGTH_MAX = 12;
const RULE = /^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/;

/**
 * What was meant: full-width letters of a Japanese keyboard and capitals are put right.
 * @param {string} typed
 */
export const tidied = (typed) => typed.normalize("NFKC").trim().toLowerCase();

/** @param {string} name */
const isWellFormed = (name) => RULE.test(name) && name.slice(2, 4) !== "--";

/**
 * The nearest name that would do; empty when nothing usable was typed.
 * @param {string} name
 */
export function nearest(name) {
  const kept = name.replace(/[\s_.・]+/g, "-").replace(/[^a-z0-9-]/g, "").replace(/-+/g, "-");
  const cut = kept.replace(/^-+/, "").slice(0, LENGTH_MAX).replace(/-+$/, "");
  return isWellFormed(cut) ? cut : "";
}

/**
 * Why a name does not do, and what would; empty when it does.
 * @param {string} name
 */
export function advice(name) {
  if (isWellFormed(name)) return "";
  const better = nearest(name);
  const instead = better ? pick(`（例: ${better}）`, ` (such as ${better})`) : "";
  return reason(name) + instead + pick("。", ".");
}

/** @param {string} name */
function reason(name) {
  if (/[^a-z0-9-]/.test(name)) return pick("使えるのは、半角の英小文字・数字・ハイフンだけです", "Only a–z, 0–9 and hyphen can be used");
  if (name.length > LENGTH_MAX) return pick("12文字までにしてください", "Please use at most 12 characters");
  if (/^-|-$/.test(name)) return pick("最初と最後は英数字にしてください", "Please begin and end with a letter or a digit");
  return pick("3文字目と4文字目に続けてハイフンは使えません", "The third and fourth character cannot both be hyphens");
}
