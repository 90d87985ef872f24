/** Calls of the service. Every refusal becomes one kind of error. */
import { current, pick } from "./language.js";

const WAIT_MS_MAX = 30_000;

/** A refusal: what to tell, its stable code, the field to blame, and when to try again. */
export class Refusal extends Error {
  /** @param {{detail?: string, code?: string, field?: string, retry_after?: number}} body */
  constructor(body) {
    super(body.detail ?? pick("エラーが発生しました。少し待ってから、もう一度お試しください。", "Something went wrong. Please try again in a little while."));
    this.code = body.code ?? "unknown";
    this.field = body.field ?? null;
    this.retryAfterSecs = body.retry_after ?? null;
  }
}

/**
 * "in about 2 minutes": how long to wait, in words.
 * @param {number} secs
 */
export function waitInWords(secs) {
  const minutes = Math.ceil(secs / 60);
  if (minutes === 1 && secs >= 60) return pick("約1分後", "in about a minute");
  return secs < 60 ? pick(`約${secs}秒後`, `in about ${secs} seconds`) : pick(`約${minutes}分後`, `in about ${minutes} minutes`);
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
export async function call(path, options = {}) {
  const limit = AbortSignal.timeout(WAIT_MS_MAX);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  let answer;
  try {
    answer = await fetch(path, { ...options, signal, headers: { "Accept-Language": current(), ...options.headers } });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refusal({
      code: "offline",
      detail: pick("接続できませんでした。通信環境を確認して、もう一度お試しください。", "We could not be reached. Please check your connection and try again."),
    });
  }
  const text = await answer.text();
  const body = parsed(text);
  if (!answer.ok) throw new Refusal({ retry_after: Number(answer.headers.get("Retry-After")) || undefined, ...body });
  return body;
}

/**
 * An answer that is no JSON comes from something between us; it is told like one without words.
 * @param {string} text
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    console.info("an answer was no JSON", error);
    return {};
  }
}

/**
 * @param {string} path
 * @param {object} body
 */
export const post = (path, body) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/**
 * @typedef {{amount_minor: number, currency: string, amount: string, display: string}} Price
 * @typedef {{days: number, price: Price | null}} Period
 * @typedef {{id: string, name: string, name_ja: string, description: {ja: string, en: string}, available: boolean, periods: Period[]}} Application
 * @typedef {{applications: Application[], service_domain: string, trial_url: string, support_contact: string | null, legal_url: string | null, terms_url: string | null, privacy_url: string | null, checkout_minutes: number}} Catalog
 */

/** @type {Promise<Catalog> | null} */
let catalogue = null;

/**
 * The catalogue, asked for once. A failure is asked for again.
 * @returns {Promise<Catalog>}
 */
export function catalog() {
  catalogue ??= call("/api/catalog").catch((error) => {
    catalogue = null;
    throw error;
  });
  return catalogue;
}
