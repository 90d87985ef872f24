/** Follows one trial: a stream of events, and asking every few seconds when that does not hold. */
import { call, Refusal } from "./api.js";
import { current } from "./language.js";

const FINAL = ["ready", "closed", "expired", "refused"];
const POLL_MS = 3_000;
const STREAM_FAILURES_MAX = 3;

/**
 * @typedef {object} Trial
 * @property {string} state
 * @property {number} step how many are done
 * @property {number} steps
 * @property {{ja: string, en: string}[]} [step_names]
 * @property {number} attempt
 * @property {string | null} url
 * @property {string | null} ends_at
 * @property {string} detail
 */

/** @param {string} state */
export const isFinal = (state) => FINAL.includes(state);

export class Watch {
  #session;
  #seen;
  #failed;
  /** @type {EventSource | null} */
  #stream = null;
  #failures = 0;
  #timer = 0;

  /**
   * @param {string} session
   * @param {(trial: Trial) => void} seen
   * @param {(refusal: Refusal) => void} failed
   */
  constructor(session, seen, failed) {
    this.#session = session;
    this.#seen = seen;
    this.#failed = failed;
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => { if (event.persisted) this.open(); });
  }

  /** Begins anew; after a change of language the words come in the other one. */
  open() {
    this.close();
    this.#failures = 0;
    const stream = new EventSource(`/api/trials/${encodeURIComponent(this.#session)}/events?lang=${current()}`);
    stream.addEventListener("trial", (event) => {
      this.#failures = 0;
      this.#take(JSON.parse(event.data));
    });
    stream.addEventListener("end", () => this.close());
    stream.addEventListener("error", () => {
      this.#failures += 1;
      // A refused stream is closed by the browser for good; asking tells why.
      if (stream.readyState === EventSource.CLOSED || this.#failures >= STREAM_FAILURES_MAX) this.#poll();
    });
    this.#stream = stream;
  }

  /** Nothing is asked any more. */
  close() {
    clearTimeout(this.#timer);
    this.#stream?.close();
    this.#stream = null;
  }

  /** @param {Trial} trial */
  #take(trial) {
    if (isFinal(trial.state)) this.close();
    this.#seen(trial);
  }

  async #poll() {
    this.close();
    let isOver = false;
    try {
      const trial = await call(`/api/trials/${encodeURIComponent(this.#session)}`);
      isOver = isFinal(trial.state);
      this.#take(trial);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal({});
      isOver = ["trial_unknown", "trial_malformed"].includes(refusal.code);
      this.#failed(refusal);
    }
    if (!isOver) this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }
}
