/**
 * The state of the page: users, rooms, messages, drafts and what waits to be sent, each in one
 * place. Views read it, and listen to the topics of what they show (lib/topics.js).
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {import("../lib/types.js").Entry} Entry
 */

import { Outbox } from "../lib/outbox.js";
import { Topics } from "../lib/topics.js";
import { Drafts } from "./drafts.js";
import { Messages } from "./messages.js";
import { Rooms } from "./rooms.js";
import { Users } from "./users.js";

export class Store {
  /**
   * @param {object} page
   * @param {import("../lib/types.js").Me} page.me
   * @param {import("../lib/types.js").Room[]} page.rooms
   * @param {import("../lib/limits.js").Limits} page.limits
   * @param {import("../lib/clock.js").ServerClock} page.clock
   * @param {import("./api.js").Api} page.api
   * @param {Storage} page.storage
   */
  constructor({ me, rooms, limits, clock, api, storage }) {
    this.me = me;
    this.limits = limits;
    this.clock = clock;
    this.topics = new Topics();
    this.api = api;
    /** Rooms that are being asked for. @type {Set<string>} */
    this.asked = new Set();
    this.users = new Users(this.topics, api);
    this.users.learn({ [me.identity]: me });
    this.rooms = new Rooms(this.topics, me.identity, rooms);
    this.messages = new Messages(this.topics);
    this.drafts = new Drafts(this.topics, storage, me.identity);
    this.outbox = new Outbox(storage, me.identity);
  }

  /** @param {string} topic @param {(detail: any) => void} listener @param {AbortSignal} [signal] */
  on(topic, listener, signal) {
    this.topics.on(topic, listener, signal);
  }

  /** Takes a stored message, however it arrived: what waited to be sent under its client id is sent. @param {Message} message */
  stored(message) {
    if (message.user_identity !== this.me.identity) return;
    const entry = this.outbox.get(message.client_id);
    if (entry?.room_identity !== message.room_identity) return;
    this.outbox.remove(entry.client_id);
    this.topics.tell("sent", { entry, message });
  }

  /** A message was stored just now. @param {Message} message */
  created(message) {
    this.clock.atLeast(message.created_at);
    if (!this.rooms.get(message.room_identity)) this.#ask(message.room_identity);
    this.rooms.created(message);
    this.stored(message);
  }

  /** A conversation I have deleted, in which something is said again. @param {string} room */
  async #ask(room) {
    if (this.asked.has(room)) return;
    this.asked.add(room);
    try {
      this.rooms.add(await this.api.get(`rooms/${room}/`));
    } catch {
      // Deleted again, or offline: the next message asks again, and `ready` brings all rooms.
    }
    this.asked.delete(room);
  }

  /** A message was edited or recalled. @param {Message} message */
  changed(message) {
    this.clock.atLeast(message.updated_at);
    this.rooms.changed(message);
    this.messages.changed(message);
  }

  /** A profile has changed. @param {{identity: string, nickname: string, avatar: string}} user */
  profile(user) {
    this.users.learn({ [user.identity]: user });
    this.rooms.renamed(user.identity, user);
  }

  /** Writes a message to be sent. @param {string} room @param {string} text @returns {Entry} */
  compose(room, text) {
    const entry = this.outbox.add(room, text);
    this.topics.tell("entry", entry);
    return entry;
  }

  /** @param {string} clientId @param {string} reason */
  fail(clientId, reason) {
    const entry = this.outbox.get(clientId);
    if (!entry) return;
    this.outbox.fail(clientId, reason);
    this.topics.tell("entry", entry);
  }

  /** Puts an entry back into the queue. @param {string} clientId */
  requeue(clientId) {
    const entry = this.outbox.get(clientId);
    if (!entry) return;
    this.outbox.retry(clientId);
    this.topics.tell("entry", entry);
  }

  /** Discards an entry. @param {string} clientId */
  discard(clientId) {
    const entry = this.outbox.get(clientId);
    if (!entry) return;
    this.outbox.remove(clientId);
    this.topics.tell("discarded", entry);
  }

  /** Another tab has changed what both share. @param {StorageEvent} event */
  changedElsewhere(event) {
    this.drafts.changedElsewhere(event);
    const clientId = this.outbox.clientIdOf(event.key);
    const known = this.outbox.get(clientId);
    if (!known || event.newValue !== null) return;
    // A message that it sent arrives by the socket too; one that it discarded must go here as well.
    if (known.reason) this.discard(clientId);
  }
}
