/**
 * Messages on their way out. They survive a reload, a crash of the browser and signing out.
 *
 * Each entry has its own key: two tabs share the storage, and one must not overwrite what the other
 * has added. Both may then send an entry; its client id makes the server keep one.
 *
 * @typedef {import("./types.js").Entry} Entry
 */

import { newClientId } from "./ids.js";

export class Outbox {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Storage} */
  #storage;
  #prefix;

  /** @param {Storage} storage @param {string} owner the user's identity */
  constructor(storage, owner) {
    this.#storage = storage;
    this.#prefix = `im.outbox.${owner}.`;
    this.#load();
  }

  /** @param {string} roomIdentity @param {string} data @returns {Entry} */
  add(roomIdentity, data) {
    const entry = {
      client_id: newClientId(),
      room_identity: roomIdentity,
      data,
      order: this.#nextOrder(),
      reason: "",
    };
    return this.#save(entry);
  }

  /** @param {string} clientId @returns {Entry | undefined} */
  get(clientId) {
    return this.#entries.get(clientId);
  }

  /** Returns the entries in the order in which they were written. @param {string} [roomIdentity] @returns {Entry[]} */
  entries(roomIdentity) {
    const all = [...this.#entries.values()].sort((a, b) => a.order - b.order);
    return roomIdentity ? all.filter((entry) => entry.room_identity === roomIdentity) : all;
  }

  /** The next one to send. @param {string} roomIdentity @returns {Entry | undefined} */
  next(roomIdentity) {
    return this.entries(roomIdentity).find((entry) => !entry.reason);
  }

  /** @param {string} clientId @param {string} reason not empty */
  fail(clientId, reason) {
    this.#change(clientId, { reason });
  }

  /** Puts an entry back into the queue, with the same client id. @param {string} clientId */
  retry(clientId) {
    this.#change(clientId, { reason: "" });
  }

  /** Another tab has changed it. Returns the entry, undefined if it is gone. @param {string} clientId */
  reread(clientId) {
    this.#entries.delete(clientId);
    this.#read(this.#prefix + clientId);
    return this.#entries.get(clientId);
  }

  /** The entry was sent, or discarded. @param {string} clientId */
  remove(clientId) {
    this.#entries.delete(clientId);
    this.#attempt(() => this.#storage.removeItem(this.#prefix + clientId));
  }

  /** Returns the client id when a storage key is one of ours, "" otherwise. @param {?string} key */
  clientIdOf(key) {
    return key?.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : "";
  }

  /** @param {string} clientId @param {Partial<Entry>} fields */
  #change(clientId, fields) {
    const entry = this.#entries.get(clientId);
    if (entry) this.#save(Object.assign(entry, fields));
  }

  /** @param {Entry} entry @returns {Entry} */
  #save(entry) {
    this.#entries.set(entry.client_id, entry);
    this.#attempt(() => {
      this.#storage.setItem(this.#prefix + entry.client_id, JSON.stringify(entry));
    });
    return entry;
  }

  #nextOrder() {
    const last = Math.max(0, ...[...this.#entries.values()].map((entry) => entry.order));
    return Math.max(last + 1, Date.now());
  }

  #load() {
    this.#attempt(() => {
      const keys = Array.from({ length: this.#storage.length }, (_, i) => this.#storage.key(i));
      keys.filter((key) => this.clientIdOf(key)).forEach((key) => this.#read(String(key)));
    });
  }

  /** @param {string} key */
  #read(key) {
    this.#attempt(() => {
      const entry = JSON.parse(this.#storage.getItem(key) ?? "");
      if (entry?.client_id !== this.clientIdOf(key)) return;
      this.#entries.set(entry.client_id, { ...entry, reason: entry.reason ?? "" });
    });
  }

  /** A full or forbidden storage costs the safety net, not the message. @param {() => void} action */
  #attempt(action) {
    try {
      action();
    } catch {
      // What is in memory is still sent.
    }
  }
}
