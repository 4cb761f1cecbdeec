/**
 * Empties the outbox: one message at a time in each room, so that they arrive in the order they
 * were written, whatever fails in between.
 *
 * @typedef {import("../lib/types.js").Entry} Entry
 */

import { delay } from "../lib/backoff.js";
import { gettext } from "../lib/i18n.js";
import { CommandError } from "./errors.js";

// The server says that nothing was stored and the same request may be repeated.
const PASSING = new Set(["unavailable", "rate_limited"]);
const MAX_TRIES = 8;

export class Sender {
  #commands;
  #store;
  /** Rooms with a message on its way. */
  #busy = new Set();

  /** @param {import("./commands.js").Commands} commands @param {import("./store.js").Store} store */
  constructor(commands, store) {
    this.#commands = commands;
    this.#store = store;
  }

  /** @param {string} room @param {string} text @returns {Entry} */
  send(room, text) {
    const entry = this.#store.compose(room, text);
    this.#pump(room);
    return entry;
  }

  /** Sends a failed entry again, under the same client id. @param {string} clientId */
  retry(clientId) {
    this.#store.requeue(clientId);
    const entry = this.#store.outbox.get(clientId);
    if (entry) this.#pump(entry.room_identity);
  }

  /** Sends everything that waits, in all rooms. */
  flush() {
    const rooms = new Set(this.#store.outbox.entries().map((entry) => entry.room_identity));
    rooms.forEach((room) => this.#pump(room));
  }

  /** @param {string} room */
  async #pump(room) {
    if (this.#busy.has(room)) return;
    this.#busy.add(room);
    let entry = this.#store.outbox.next(room);
    while (entry && this.#commands.open && (await this.#deliver(entry))) {
      entry = this.#store.outbox.next(room);
    }
    this.#busy.delete(room);
    // The socket may have come back during the wait for the last answer.
    if (entry && this.#commands.live && this.#store.outbox.next(room)) this.#pump(room);
  }

  /** @param {Entry} entry @returns {Promise<boolean>} false when the connection was lost */
  async #deliver(entry) {
    for (let tries = 1; this.#store.outbox.get(entry.client_id); tries += 1) {
      try {
        this.#store.created(await this.#commands.send(entry));
        return true;
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        if (error.code === "disconnected") return false;
        if (!PASSING.has(error.code) || tries >= MAX_TRIES) return this.#fail(entry, error);
        await pause(Math.max(error.retryAfter * 1000, delay(tries - 1)));
      }
    }
    return true;
  }

  /** @param {Entry} entry @param {CommandError} error */
  #fail(entry, error) {
    const said = error.code === "timeout" ? gettext("The server didn't respond.") : error.detail;
    this.#store.fail(entry.client_id, said || gettext("Not sent."));
    return true;
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
