/** Where people get help, in the foot of every page. */
import { catalog } from "./api.js";
import { inLanguage, pick } from "./language.js";
import { webAddress } from "./elements.js";

export async function startSupport() {
  const link = document.getElementById("support");
  const contact = await catalog().then((found) => found.support_contact, () => null);
  if (!(link instanceof HTMLAnchorElement) || !contact) return;
  const href = webAddress(contact) ?? (contact.includes("@") ? `mailto:${contact}` : null);
  if (href) link.href = href;
  link.hidden = false;
  inLanguage(() => { link.textContent = `${pick("お問い合わせ", "Contact")}: ${contact}`; });
}
