/** The order in short, beside the form: what, for how long, where, how much. */
import { at } from "./elements.js";
import { daysInWords, nameOf } from "./choices.js";
import { advice } from "./subdomain.js";

const NOTHING = "—";

/**
 * @param {import("./api.js").Catalog} catalog
 * @param {{oss_type: string, duration_days: string, subdomain: string}} form
 */
export function drawReceipt(catalog, form) {
  const application = catalog.applications.find(({ id, available }) => available && id === form.oss_type);
  const period = application?.periods.find(({ days }) => String(days) === form.duration_days);
  const isNamed = form.subdomain !== "" && !advice(form.subdomain);
  at("receipt-application").textContent = application ? nameOf(application) : NOTHING;
  at("receipt-period").textContent = period ? daysInWords(period.days) : NOTHING;
  at("receipt-address").textContent = isNamed ? catalog.trial_url.replace("{subdomain}", form.subdomain) : NOTHING;
  at("receipt-total").textContent = period?.price?.display ?? NOTHING;
}
