/** What the form held, kept in this tab until the order is paid. */
const KEY = "tamesuke-order";

/**
 * @typedef {object} Order
 * @property {Record<string, string>} [form] what was entered, by field
 * @property {string} [checkout_url] where it is paid
 * @property {number} [until] when that page lapses, in milliseconds
 */

/**
 * A store that the browser refuses (blocked cookies) remembers nothing; the pages work without.
 * @template T
 * @param {() => T} use
 * @param {T} otherwise
 * @returns {T}
 */
export function guarded(use, otherwise) {
  try {
    return use();
  } catch (error) {
    console.info("the browser keeps nothing for this page", error);
    return otherwise;
  }
}

/** @returns {Order} */
export const remembered = () => guarded(() => JSON.parse(sessionStorage.getItem(KEY) ?? "{}"), {});

/** @param {Order} order */
export const remember = (order) => guarded(() => sessionStorage.setItem(KEY, JSON.stringify(order)), undefined);

export const forget = () => guarded(() => sessionStorage.removeItem(KEY), undefined);

/**
 * The payment page of an order, as long as it can still be paid.
 * @param {Order} order
 */
export const payable = (order) => (order.checkout_url && Date.now() < (order.until ?? 0) ? order.checkout_url : null);

/**
 * When this tab first showed that order: a reload does not start the clock anew.
 * @param {string} session
 */
export function firstSeen(session) {
  const key = `tamesuke-seen-${session}`;
  const seen = guarded(() => Number(sessionStorage.getItem(key)), 0);
  if (seen) return seen;
  const now = Date.now();
  guarded(() => sessionStorage.setItem(key, String(now)), undefined);
  return now;
}
