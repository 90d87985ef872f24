/** The one script that pages name: chooses the page's own part. */
import { startLanguage } from "./js/language.js";
import { startSupport } from "./js/support.js";

/** @type {Record<string, () => Promise<void>>} */
const parts = {
  home: async () => (await import("./js/order.js")).start(),
  success: async () => (await import("./js/success.js")).start(),
  cancel: async () => (await import("./js/cancel.js")).start(),
};

startLanguage();
startSupport();
await parts[document.body.dataset.page ?? ""]?.();
