/**
 * The only connection to the server: commands with answers, events, heartbeat, reconnecting.
 *
 * Events: each frame without an id is dispatched under its type, with the frame as `detail`;
 * `state` when `state` has changed.
 *
 * @typedef {{name: "connecting" | "ready" | "waiting" | "closed", retryAt: number, code: number}}
 * State
 */

import { delay } from "../lib/backoff.js";
import { CommandError } from "./errors.js";

export const ANSWER_MS = 10_000;
const OPEN_MS = 10_000;
// A connection that lasted this long was a good one: the next failure starts at the short delays.
const STABLE_MS = 5_000;
const SIGNED_OUT = 4401;
const REFUSED = 4403;
const FLOODING = 4429;
const TOO_MANY = 4409;
const RESTART = 1012;
/** Not one of the server's close codes: `ready` was for another user than the page's. */
export const OTHER_USER = 1;

export class Socket extends EventTarget {
  /** @type {State} */
  state = { name: "connecting", retryAt: 0, code: 0 };
  /** @type {Map<string, {resolve: Function, reject: Function, timer: any}>} */
  #pending = new Map();
  /** @type {?WebSocket} */
  #ws = null;
  #open;
  #isMine;
  /** Failures in a row. */
  #attempt = 0;
  #counter = 0;
  #readyAt = 0;
  #lastPing = 0;
  #heartbeatMs = 0;
  /** @type {any} */
  #timer = 0;

  /**
   * @param {() => WebSocket} open makes a new connection
   * @param {(ready: any) => boolean} [isMine] whether a `ready` is for the user of this page
   */
  constructor(open, isMine = () => true) {
    super();
    this.#open = open;
    this.#isMine = isMine;
  }

  get ready() {
    return this.state.name === "ready";
  }

  /** Connects now, whatever it was waiting for. */
  connect() {
    clearTimeout(this.#timer);
    this.#detach();
    this.#become("connecting");
    const ws = this.#open();
    this.#ws = ws;
    ws.onmessage = (event) => this.#receive(String(event.data));
    ws.onclose = (event) => this.#lost(event.code);
    this.#timer = setTimeout(() => this.#lost(0), OPEN_MS);
  }

  /** Ends the connection for good. @param {number} code why */
  stop(code) {
    this.#lost(code, true);
  }

  /** Connects again after having been closed, after a delay. @param {number} ms */
  connectIn(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.connect(), ms);
  }

  /** Connects now unless it is connected, or must not connect. */
  retryNow() {
    if (this.state.name === "waiting") this.connect();
  }

  /** The network is known to be gone; do not wait for the heartbeat to find out. */
  drop() {
    if (this.state.name === "ready" || this.state.name === "connecting") this.#lost(0);
  }

  /** Finds out soon whether the connection still works (after sleep, or in a tab that was hidden for long). */
  check() {
    if (this.ready) this.#ping();
    else this.retryNow();
  }

  /**
   * @param {string} type @param {object} fields
   * @returns {Promise<any>} the ack; rejects with CommandError
   */
  request(type, fields) {
    if (!this.ready) return Promise.reject(new CommandError({ code: "disconnected" }));
    this.#counter += 1;
    const id = String(this.#counter);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, new CommandError({ code: "timeout" })), ANSWER_MS);
      this.#pending.set(id, { resolve, reject, timer });
      this.tell(type, { id, ...fields });
    });
  }

  /** Sends a command that is never answered. @param {string} type @param {object} fields */
  tell(type, fields) {
    if (this.ready) this.#ws?.send(JSON.stringify({ type, ...fields }));
  }

  /** @param {string} text */
  #receive(text) {
    const frame = JSON.parse(text);
    if (frame.type === "ready") {
      // Nothing may be sent under another user's name, so this comes before anybody learns of the
      // connection.
      if (!this.#isMine(frame)) return this.stop(OTHER_USER);
      this.#welcome(frame);
    }
    if (frame.type === "ack") this.#settle(frame.id, frame);
    else if (frame.type === "error" && frame.id) this.#settle(frame.id, new CommandError(frame));
    else this.dispatchEvent(new CustomEvent(frame.type, { detail: frame }));
    // Browsers slow the timers of hidden tabs down; incoming frames wake us in time.
    if (this.ready && Date.now() - this.#lastPing > this.#heartbeatMs) this.#ping();
  }

  /** @param {{heartbeat: number}} frame */
  #welcome(frame) {
    clearTimeout(this.#timer);
    this.#heartbeatMs = frame.heartbeat * 1000;
    this.#readyAt = this.#lastPing = Date.now();
    this.#become("ready");
    this.#timer = setInterval(() => this.#ping(), this.#heartbeatMs);
  }

  #ping() {
    this.#lastPing = Date.now();
    const ws = this.#ws;
    this.request("ping", {}).catch((error) => {
      if (error.code === "timeout" && ws === this.#ws) this.drop();
    });
  }

  /** @param {string} id @param {object | CommandError} answer */
  #settle(id, answer) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (answer instanceof CommandError) pending.reject(answer);
    else pending.resolve(answer);
  }

  /** @param {number} code the close code, 0 when there was none @param {boolean} [forGood] */
  #lost(code, forGood = code === SIGNED_OUT || code === REFUSED) {
    clearTimeout(this.#timer);
    this.#detach();
    if (this.#readyAt && Date.now() - this.#readyAt > STABLE_MS) this.#attempt = 0;
    this.#readyAt = 0;
    if (forGood) this.#become("closed", 0, code);
    else this.#wait(code);
    const error = new CommandError({ code: "disconnected" });
    for (const id of [...this.#pending.keys()]) this.#settle(id, error);
  }

  /** @param {number} code */
  #wait(code) {
    // A server that restarts is back soon; one that complained of flooding must be left alone; and
    // of fifty open tabs, another one is being looked at.
    if (code === RESTART) this.#attempt = Math.min(this.#attempt, 1);
    if (code === FLOODING || code === TOO_MANY) this.#attempt = Math.max(this.#attempt, 4);
    const wait = delay(this.#attempt);
    this.#attempt += 1;
    this.#become("waiting", Date.now() + wait, code);
    this.#timer = setTimeout(() => this.connect(), wait);
  }

  /** A dead connection may take minutes to close: stop listening to it at once. */
  #detach() {
    clearInterval(this.#timer);
    if (!this.#ws) return;
    this.#ws.onmessage = this.#ws.onclose = null;
    this.#ws.close();
    this.#ws = null;
  }

  /** @param {State["name"]} name @param {number} [retryAt] @param {number} [code] */
  #become(name, retryAt = 0, code = 0) {
    this.state = { name, retryAt, code };
    this.dispatchEvent(new CustomEvent("state", { detail: this.state }));
  }
}

/** The socket of the page's own server. @returns {WebSocket} */
export function openPageSocket() {
  const address = new URL("/ws/", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(address, "im.v1");
}
