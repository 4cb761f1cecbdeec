/**
 * Empties the outbox: one message at a time in each room, so that they arrive in the order they
 * were written, whatever fails in between.
 *
 * Events (detail): `sending` {entry}, `sent` {entry, message}, `failed` {entry}, `discarded` {entry}.
 *
 * @typedef {import("../lib/types.js").Entry} Entry
 * @typedef {import("../lib/types.js").Message} Message
 */

import { delay } from "../lib/backoff.js";
import { gettext } from "../lib/i18n.js";
import { CommandError } from "./socket.js";

// The server says: nothing was stored, the same request may be repeated.
const PASSING = new Set(["unavailable", "rate_limited"]);
const MAX_TRIES = 8;

export class Sender extends EventTarget {
  #socket;
  #outbox;
  /** Rooms with a message on its way. */
  #busy = new Set();

  /** @param {import("./socket.js").Socket} socket @param {import("../lib/outbox.js").Outbox} outbox */
  constructor(socket, outbox) {
    super();
    this.#socket = socket;
    this.#outbox = outbox;
    socket.addEventListener("ready", () => this.flush());
  }

  /** @param {string} roomIdentity @param {string} data @returns {Entry} */
  send(roomIdentity, data) {
    const entry = this.#outbox.add(roomIdentity, data);
    this.#tell("sending", entry);
    this.#pump(roomIdentity);
    return entry;
  }

  /** What is not sent yet. @param {string} roomIdentity @returns {Entry[]} */
  unsent(roomIdentity) {
    return this.#outbox.entries(roomIdentity);
  }

  /** Sends a failed one again, under the same client id. @param {string} clientId */
  retry(clientId) {
    const entry = this.#outbox.get(clientId);
    if (!entry) return;
    this.#outbox.retry(clientId);
    this.#tell("sending", entry);
    this.#pump(entry.room_identity);
  }

  /** Gives a failed one up. @param {string} clientId */
  discard(clientId) {
    const entry = this.#outbox.get(clientId);
    if (!entry) return;
    this.#outbox.remove(clientId);
    this.#tell("discarded", entry);
  }

  /** The message turned out to be stored, by whatever way one learns that. @param {Message} message */
  settle(message) {
    const entry = this.#outbox.get(message.client_id);
    if (!entry || entry.room_identity !== message.room_identity) return;
    this.#outbox.remove(entry.client_id);
    this.#tell("sent", entry, message);
  }

  /** Sends everything that waits, in all rooms. */
  flush() {
    const rooms = new Set(this.#outbox.entries().map((entry) => entry.room_identity));
    rooms.forEach((room) => this.#pump(room));
  }

  /** @param {string} roomIdentity */
  async #pump(roomIdentity) {
    if (this.#busy.has(roomIdentity)) return;
    this.#busy.add(roomIdentity);
    let entry = this.#outbox.next(roomIdentity);
    while (entry && this.#socket.ready && (await this.#deliver(entry))) {
      entry = this.#outbox.next(roomIdentity);
    }
    this.#busy.delete(roomIdentity);
    // The connection may have come back while the last answer was being waited for.
    if (entry && this.#socket.ready && this.#outbox.next(roomIdentity)) this.#pump(roomIdentity);
  }

  /** @param {Entry} entry @returns {Promise<boolean>} false when the connection was lost */
  async #deliver(entry) {
    for (let tries = 1; this.#outbox.get(entry.client_id); tries += 1) {
      try {
        const ack = await this.#request(entry);
        this.settle(ack.message);
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

  /** @param {Entry} entry */
  #request({ room_identity, client_id, data }) {
    return this.#socket.request("message.send", { room_identity, client_id, data });
  }

  /** @param {Entry} entry @param {CommandError} error */
  #fail(entry, error) {
    const reason = error.code === "timeout" ? gettext("The server did not answer.") : error.detail;
    if (this.#outbox.get(entry.client_id)) {
      this.#outbox.fail(entry.client_id, reason);
      this.#tell("failed", entry);
    }
    return true;
  }

  /** @param {string} type @param {Entry} entry @param {Message} [message] */
  #tell(type, entry, message) {
    this.dispatchEvent(new CustomEvent(type, { detail: { entry, message } }));
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
