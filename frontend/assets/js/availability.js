/** The live check of a name: waits for a pause in typing, drops older answers. */
import { call, waitInWords } from "./api.js";
import { pick } from "./language.js";
import { advice, tidied } from "./subdomain.js";

const SECOND_MS = 1_000;
const PAUSE_MS = 300;
const LOOK_AGAIN_MS_MIN = 5_000;
/** How soon to look again where nobody said when. */
const LOOK_AGAIN_SECS = 60;

/**
 * Whether what stands in a name's way goes away by itself.
 * @param {string} code
 */
export const isPassing = (code) => code === "subdomain_leaving" || code === "subdomain_reserved";

/** @typedef {"" | "busy" | "good" | "bad" | "wait"} Kind */

export class Availability {
  #input;
  #state;
  #address;
  #isOwn;
  #timer = 0;
  /** @type {AbortController | null} */
  #request = null;

  /**
   * @param {HTMLInputElement} input
   * @param {HTMLElement} state the live region beside it
   * @param {{address: (name: string) => string, isOwn: (name: string) => boolean}} known
   *   what a name's address will be; whether this tab's own unpaid order holds it
   */
  constructor(input, state, { address, isOwn }) {
    this.#input = input;
    this.#state = state;
    this.#address = address;
    this.#isOwn = isOwn;
    input.addEventListener("input", () => this.look());
    input.addEventListener("change", () => this.#tidy());
    document.addEventListener("language", () => this.look());
    this.look();
  }

  /** Looks at what is typed now, after a pause. */
  look() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    const name = tidied(this.#input.value);
    if (!name) return this.#say("", "");
    const wrong = advice(name);
    if (wrong) {
      // While typing, "my-" is on its way to "my-shop": say it after the pause only.
      this.#timer = setTimeout(() => this.#say("bad", wrong), PAUSE_MS);
      return;
    }
    this.#say("busy", pick("空きを確認しています…", "Checking…"));
    this.#timer = setTimeout(() => this.#ask(name), PAUSE_MS);
  }

  /** Why the name does not do, as far as is known now; empty when nothing speaks against it. */
  get refusal() {
    return this.#state.dataset.kind === "bad" ? this.#state.textContent ?? "" : "";
  }

  /**
   * What the order was refused for stands where the check's answer stood.
   * What passes is looked at again, and does not keep the order from being sent again.
   * @param {string} text
   * @param {{code?: string, secs?: number | null}} [why] the refusal's code, and when to try again
   */
  refuse(text, { code = "", secs = null } = {}) {
    this.#request?.abort();
    this.#stand(text, code, secs);
  }

  /** Puts capitals and full-width letters right when the field is left, and says so. */
  #tidy() {
    const name = tidied(this.#input.value);
    if (name === this.#input.value) return;
    this.#input.value = name;
    this.look();
    if (name) this.#say("busy", pick(`「${name}」に直して確認しています…`, `Written as “${name}”. Checking…`));
  }

  /** @param {string} name */
  async #ask(name) {
    const request = new AbortController();
    this.#request = request;
    try {
      const answer = await call(`/api/check-subdomain?subdomain=${encodeURIComponent(name)}`, { signal: request.signal });
      if (request.signal.aborted) return;
      if (answer.available) this.#say("good", pick(`使えます。${this.#address(name)}`, `Available: ${this.#address(name)}`));
      else if (answer.reason === "subdomain_reserved" && this.#isOwn(name)) this.#say("good", pick("お支払いの途中のお申し込みのために、お取り置きしています。", "Held for the order you have not paid yet."));
      else this.#refused(answer);
    } catch (error) {
      if (request.signal.aborted) return;
      const { field = null, message = "" } = /** @type {{field?: string, message?: string}} */ (error);
      if (field) this.#say("bad", message);
      else this.#say("wait", pick(`今は空きを確認できません。お申し込みの際に確認します。（${message}）`, `We cannot check just now; we check when you order. (${message})`));
    }
  }

  /** @param {{reason: string, detail: string, retry_after?: number, until?: number}} answer */
  #refused({ reason, detail, retry_after: secs, until }) {
    let text = detail;
    if (secs) text += pick(`${waitInWords(secs)}にもう一度確認します。`, ` We look again ${waitInWords(secs)}.`);
    if (until) {
      const time = new Date(until * SECOND_MS).toLocaleTimeString(pick("ja-JP", "en-GB"), { timeZone: "Asia/Tokyo", hour: "2-digit", minute: "2-digit" });
      text += pick(`（お手続きは${time}まで）`, ` (until ${time} JST at most)`);
    }
    this.#stand(text, reason, secs ?? null);
  }

  /**
   * @param {string} text
   * @param {string} code
   * @param {number | null} secs
   */
  #stand(text, code, secs) {
    clearTimeout(this.#timer);
    const passes = isPassing(code);
    this.#say(passes ? "wait" : "bad", text);
    if (passes) this.#timer = setTimeout(() => this.look(), Math.max((secs ?? LOOK_AGAIN_SECS) * SECOND_MS, LOOK_AGAIN_MS_MIN));
  }

  /**
   * @param {Kind} kind
   * @param {string} text
   */
  #say(kind, text) {
    this.#state.dataset.kind = kind;
    this.#state.textContent = text;
  }
}
