/** An order of this tab that is not paid yet. */
import { at, webAddress } from "./elements.js";
import { payable, remembered } from "./memory.js";

/** Offers the way back to its payment page, as long as there is one. */
export function showPending() {
  const url = webAddress(payable(remembered()));
  at("pending").hidden = !url;
  if (url) at("pending-link", HTMLAnchorElement).href = url;
}

/**
 * Whether that order holds the name.
 * @param {string} name
 */
export function isOwn(name) {
  const order = remembered();
  return payable(order) !== null && order.form?.subdomain === name;
}
