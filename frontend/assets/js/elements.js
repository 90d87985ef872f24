/** Elements found and made. Text goes in as text, never as markup. */

/**
 * The page's own element of that id; its absence is a fault of the page.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function at(id, kind) {
  const found = document.getElementById(id);
  if (!found || (kind && !(found instanceof kind))) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (found);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [text]
 * @param {string} [className]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, text = "", className = "") {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/**
 * Shows an element with that text, or hides it when there is none.
 * Writes only what is new: a live region speaks of each write.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/**
 * Only addresses of the web become links.
 * @param {string | null | undefined} address
 * @returns {string | null}
 */
export const webAddress = (address) => (address && /^https?:\/\//.test(address) ? address : null);
