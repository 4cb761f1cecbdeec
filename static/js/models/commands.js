/**
 * What a user does to messages, over whichever way is open: the socket, or the REST API while the
 * socket does not get through (fallback.js).
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {import("../lib/types.js").SyncAnswer} SyncAnswer
 * @typedef {import("../lib/types.js").Page} Page
 */

import { wellFormed } from "../lib/text.js";

const PAGE = 50;

export class Commands {
  /** True while requests replace the socket. */
  rest = false;
  #socket;
  #api;

  /** @param {import("./socket.js").Socket} socket @param {import("./api.js").Api} api */
  constructor(socket, api) {
    this.#socket = socket;
    this.#api = api;
  }

  /** Whether anything can be sent at the moment. */
  get open() {
    return this.#socket.ready || this.rest;
  }

  /** Whether the socket is ready. */
  get live() {
    return this.#socket.ready;
  }

  /** @param {{room_identity: string, client_id: string, data: string}} entry @returns {Promise<Message>} */
  async send({ room_identity: room, client_id: clientId, data: text }) {
    const data = wellFormed(text);
    if (this.#byRest) return this.#api.post(`rooms/${room}/messages/`, { client_id: clientId, data });
    const ack = await this.#socket.request("message.send", { room_identity: room, client_id: clientId, data });
    return ack.message;
  }

  /** @param {string} identity @param {string} text @returns {Promise<Message>} */
  async edit(identity, text) {
    const data = wellFormed(text);
    if (this.#byRest) return this.#api.patch(`messages/${identity}/`, { data });
    return (await this.#socket.request("message.edit", { message_identity: identity, data })).message;
  }

  /** @param {string} identity @returns {Promise<Message>} */
  async recall(identity) {
    if (this.#byRest) return this.#api.delete(`messages/${identity}/`);
    return (await this.#socket.request("message.recall", { message_identity: identity })).message;
  }

  /** @param {string} room @param {number} seq */
  async read(room, seq) {
    if (this.#byRest) return this.#api.post(`rooms/${room}/read/`, { seq });
    return this.#socket.request("room.read", { room_identity: room, seq });
  }

  /** Returns what a room has beyond what is known here; null when I am not in it. @param {string} room @param {{seq: number, revision: number}} known @returns {Promise<?SyncAnswer>} */
  async sync(room, known) {
    if (this.#byRest) return this.#syncByRest(room, known);
    const ack = await this.#socket.request("sync", { rooms: { [room]: known } });
    return ack.rooms[room] ?? null;
  }

  /** @param {string} room @param {string} query @returns {Promise<Page>} */
  history(room, query) {
    return this.#api.get(`rooms/${room}/messages/?${query}`);
  }

  get #byRest() {
    return this.rest && !this.#socket.ready;
  }

  /** Finds changes on the newest page only: older ones appear when the socket is back. @param {string} room @param {{seq: number, revision: number}} known @returns {Promise<?SyncAnswer>} */
  async #syncByRest(room, { seq, revision }) {
    try {
      const page = await this.history(room, `after=${seq}&limit=${PAGE}`);
      const newest = page.revision > revision ? await this.history(room, `limit=${PAGE}`) : null;
      const changed = newest?.messages.filter((message) => message.revision > revision) ?? [];
      return { ...page, changed, has_more: page.has_after };
    } catch (error) {
      if (/** @type {import("./errors.js").CommandError} */ (error).code === "not_found") return null;
      throw error;
    }
  }
}
