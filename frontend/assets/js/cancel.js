/** Turned back from payment: the same page again, or the form with what was entered. */
import { post, Refusal } from "./api.js";
import { daysInWords } from "./choices.js";
import { at, webAddress } from "./elements.js";
import { inLanguage } from "./language.js";
import { payable, remember, remembered } from "./memory.js";

export async function start() {
  const order = remembered();
  const url = webAddress(payable(order));
  at("resume").hidden = !url;
  if (url) at("resume", HTMLAnchorElement).href = url;
  at("lapsed").hidden = Boolean(url) || !order.checkout_url;
  at("kept").hidden = !url || !order.form;
  inLanguage(() => drawKept(order.form ?? {}));
  const button = at("change", HTMLButtonElement);
  button.addEventListener("click", change);
  // Until now a click on it would have been lost.
  button.disabled = false;
}

/** @param {Record<string, string>} form */
function drawKept(form) {
  at("kept-subdomain").textContent = form.subdomain ?? "";
  at("kept-company").textContent = form.company_name ?? "";
  at("kept-period").textContent = form.duration_days ? daysInWords(Number(form.duration_days)) : "";
}

/** Gives the name back, then shows the form as it was. */
async function change() {
  const button = at("change");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await post("/api/checkout/release", {});
    remember({ form: remembered().form });
    location.assign("/#order");
  } catch (error) {
    const summary = at("summary");
    summary.textContent = error instanceof Refusal ? error.message : new Refusal({}).message;
    summary.hidden = false;
    summary.focus();
  } finally {
    button.setAttribute("aria-busy", "false");
  }
}
