/** The one script that pages name: chooses the page's own part. */
import { startLanguage } from "./js/language.js";
import { startFoot } from "./js/operator.js";

/** @type {Record<string, () => Promise<void>>} */
const parts = {
  home: async () => (await import("./js/order.js")).start(),
  success: async () => (await import("./js/success.js")).start(),
  cancel: async () => (await import("./js/cancel.js")).start(),
};

startLanguage();
startFoot();
await parts[document.body.dataset.page ?? ""]?.();
