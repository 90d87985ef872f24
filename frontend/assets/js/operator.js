/** The operator, in the foot of every page and below the form: whom to ask, and his own pages. */
import { catalog } from "./api.js";
import { make, webAddress } from "./elements.js";
import { inLanguage, pick } from "./language.js";

/** @typedef {import("./api.js").Catalog} Catalog */

export async function startFoot() {
  const link = document.getElementById("support");
  const found = await catalog().catch(() => null);
  if (!(link instanceof HTMLAnchorElement) || !found) return;
  drawPages(link, found);
  const contact = found.support_contact;
  if (!contact) return;
  const href = webAddress(contact) ?? (contact.includes("@") ? `mailto:${contact}` : null);
  if (href) link.href = href;
  link.hidden = false;
  inLanguage(() => { link.textContent = `${pick("お問い合わせ", "Contact")}: ${contact}`; });
}

/**
 * The operator's pages, each where there is one.
 * @param {HTMLElement} before
 * @param {Catalog} catalog
 */
function drawPages(before, { legal_url: legal, terms_url: terms, privacy_url: privacy }) {
  /** @type {[string | null, string, string][]} */
  const pages = [
    [legal, "特定商取引法に基づく表記", "Legal notice"],
    [terms, "利用規約", "Terms of use"],
    [privacy, "プライバシーポリシー", "Privacy policy"],
  ];
  for (const [url, ja, en] of pages) {
    const link = linkTo(url);
    if (!link) continue;
    before.before(link);
    inLanguage(() => { link.textContent = pick(ja, en); });
  }
}

/**
 * What is agreed to by ordering; nothing where the operator asks for no agreement.
 * @param {HTMLElement} into
 * @param {Catalog} catalog
 */
export function drawConsent(into, { terms_url: terms, privacy_url: privacy }) {
  /** @type {[string | null, string][]} */
  const pages = [
    [terms, pick("利用規約", "terms of use")],
    [privacy, pick("プライバシーポリシー", "privacy policy")],
  ];
  const links = pages.flatMap(([url, words]) => linkTo(url, words) ?? []);
  // Opened beside the form, which keeps what was entered.
  for (const link of links) link.target = "_blank";
  const and = pick("と", " and the ");
  into.replaceChildren(
    pick("お支払いへ進むと、", "By going on to payment you agree to the "),
    ...links.flatMap((link, index) => (index > 0 ? [and, link] : [link])),
    pick("に同意したものとみなします。", "."),
  );
  into.hidden = links.length === 0;
}

/**
 * @param {string | null} url
 * @param {string} [words]
 */
function linkTo(url, words = "") {
  const address = webAddress(url);
  if (!address) return null;
  const link = make("a", words);
  link.href = address;
  return link;
}
