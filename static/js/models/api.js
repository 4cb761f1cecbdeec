/** The only place where the pages call the REST API. */

import { CommandError } from "./errors.js";

const TIMEOUT_MS = 10_000;
// Names the page's user: the cookie may be another user's by now (accounts/authentication.py).
const FOR_USER = "X-Expected-User";

export class Api {
  #me;
  #clock;
  #csrf;
  /** Called when the browser is signed in as another user. Nothing has been done then. */
  otherUser = () => {};

  /**
   * @param {string} me my identity
   * @param {import("../lib/clock.js").ServerClock} clock
   * @param {() => string} csrf the token of the page's forms
   */
  constructor(me, clock, csrf) {
    this.#me = me;
    this.#clock = clock;
    this.#csrf = csrf;
  }

  /** @param {string} path below /api/v1/ @returns {Promise<any>} */
  get(path) {
    return this.#call("GET", path);
  }

  /** @param {string} path @param {object} body @returns {Promise<any>} */
  post(path, body) {
    return this.#call("POST", path, body);
  }

  /** @param {string} path @param {object} body @returns {Promise<any>} */
  patch(path, body) {
    return this.#call("PATCH", path, body);
  }

  /** @param {string} path @returns {Promise<any>} */
  delete(path) {
    return this.#call("DELETE", path);
  }

  /**
   * Whether the server serves. While it starts, it answers this with a time to wait, and all other
   * requests with errors, which browsers write into the console.
   */
  async serves() {
    try {
      const response = await this.#fetch("GET", "health/live/");
      return response.ok && !response.headers.has("Retry-After");
    } catch {
      return false;
    }
  }

  /** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
  async #call(method, path, body) {
    const response = await this.#fetch(method, path, body);
    this.#readTime(response);
    if (response.ok) return response.status === 204 ? null : response.json();
    throw await this.#refusal(response);
  }

  /** @param {string} method @param {string} path @param {object} [body] */
  async #fetch(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json", [FOR_USER]: this.#me };
    if (body) headers["Content-Type"] = "application/json";
    if (method !== "GET") headers["X-CSRFToken"] = this.#csrf();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      return await fetch(`/api/v1/${path}`, { method, headers, signal, body: body && JSON.stringify(body) });
    } catch {
      throw new CommandError({ code: "disconnected" });
    }
  }

  /** @param {Response} response */
  async #refusal(response) {
    const problem = await response.json().catch(() => ({}));
    if (problem.code === "other_user") this.otherUser();
    const retryAfter = Number(response.headers.get("Retry-After") ?? 0);
    const code = problem.code ?? (response.status >= 500 ? "unavailable" : String(response.status));
    return new CommandError({ code, detail: problem.detail ?? "", retry_after: retryAfter });
  }

  /** In whole seconds: exact enough for time limits of minutes. @param {Response} response */
  #readTime(response) {
    this.#clock.set(Date.parse(response.headers.get("Date") ?? "") + 500);
  }
}
