/**
 * My rooms: names, newest messages, unread counts.
 *
 * Topics: `room` (detail: the identity) when one room has changed, `rooms` when rooms have come or
 * gone, `behind` when the server has messages that no event announced.
 *
 * @typedef {import("../lib/types.js").Room} Room
 * @typedef {import("../lib/types.js").Message} Message
 */

import { Unread } from "../lib/unread.js";

export class Rooms {
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** @type {Map<string, Unread>} */
  #unread = new Map();
  #topics;
  #me;

  /** @param {import("../lib/topics.js").Topics} topics @param {string} me my identity @param {Room[]} rooms */
  constructor(topics, me, rooms) {
    this.#topics = topics;
    this.#me = me;
    rooms.forEach((room) => this.#put(room));
  }

  /** Takes a whole snapshot; rooms that are not in it are removed. @param {Room[]} rooms */
  replace(rooms) {
    const present = new Set(rooms.map((room) => room.identity));
    const gone = [...this.#rooms.keys()].filter((identity) => !present.has(identity));
    const come = rooms.some(({ identity }) => !this.#rooms.has(identity));
    gone.forEach((identity) => this.#forget(identity));
    const changed = rooms.filter((room) => this.#put(room));
    if (gone.length || come) this.#topics.tell("rooms");
    changed.forEach(({ identity }) => this.#topics.tell("room", identity));
  }

  /** @param {Room} room */
  add(room) {
    const known = this.#rooms.has(room.identity);
    this.#put(room);
    this.#topics.tell(known ? "room" : "rooms", room.identity);
  }

  /** Changes only the given fields: those that all members see alike, or my own role. @param {Partial<Room> & {identity: string}} fields */
  update(fields) {
    const room = this.#rooms.get(fields.identity);
    if (!room) return;
    this.#rooms.set(fields.identity, { ...room, ...fields });
    this.#topics.tell("room", fields.identity);
  }

  /** @param {string} identity */
  remove(identity) {
    if (!this.#rooms.has(identity)) return;
    this.#forget(identity);
    this.#topics.tell("rooms");
  }

  /** @param {string} identity @returns {Readonly<Room> | undefined} */
  get(identity) {
    return this.#rooms.get(identity);
  }

  /** Returns the rooms, the one with the newest message first. @returns {Readonly<Room>[]} */
  list() {
    return [...this.#rooms.values()].sort((a, b) => latest(b) - latest(a));
  }

  /** A new message, in any room. @param {Message} message */
  created(message) {
    const room = this.#rooms.get(message.room_identity);
    if (!room || message.seq <= room.last_seq) return;
    this.#unread.get(room.identity)?.created(message);
    this.update({ identity: room.identity, last_seq: message.seq, last_message: message });
  }

  /** An edited or recalled one. @param {Message} message */
  changed(message) {
    const room = this.#rooms.get(message.room_identity);
    if (!room) return;
    const before = this.unread(room.identity);
    this.#unread.get(room.identity)?.changed(message);
    const shown = room.last_message;
    if (shown?.identity === message.identity && shown.revision <= message.revision) {
      this.update({ identity: room.identity, last_message: message });
    } else if (this.unread(room.identity) !== before) {
      this.#topics.tell("room", room.identity);
    }
  }

  /** @param {Record<string, {seq: number}>} heads what the server says the rooms have */
  announced(heads) {
    let behind = false;
    for (const [identity, { seq }] of Object.entries(heads)) {
      const room = this.#rooms.get(identity);
      if (!room || seq <= room.last_seq) continue;
      this.#unread.get(identity)?.missed(seq - room.last_seq);
      this.update({ identity, last_seq: seq });
      behind = true;
    }
    if (behind) this.#topics.tell("behind");
  }

  /** I have read up to `seq`, here or on another device. @param {string} identity @param {number} seq */
  read(identity, seq) {
    const unread = this.#unread.get(identity);
    if (!unread || unread.readSeq >= seq) return;
    unread.read(seq);
    this.update({ identity, read_seq: seq });
  }

  /** A user with whom I have a conversation has come online, or gone. @param {string} user @param {boolean} online */
  presence(user, online) {
    const room = this.#withPeer(user);
    if (room && room.online !== online) this.update({ identity: room.identity, online });
  }

  /** A direct room has the other user's name and picture. @param {string} user @param {import("../lib/types.js").User} profile */
  renamed(user, { nickname, avatar }) {
    const room = this.#withPeer(user);
    if (room && (room.name !== nickname || room.avatar !== avatar)) {
      this.update({ identity: room.identity, name: nickname, avatar });
    }
  }

  /** @param {string} identity */
  unread(identity) {
    return this.#unread.get(identity)?.count ?? 0;
  }

  /** The sum over all rooms. */
  get totalUnread() {
    return [...this.#unread.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** @param {string} user */
  #withPeer(user) {
    return [...this.#rooms.values()].find(({ peer }) => peer?.identity === user);
  }

  /** Returns whether anything has changed. @param {Room} room */
  #put(room) {
    const known = this.#rooms.get(room.identity);
    const unread = new Unread(this.#me, room);
    // What was read here a moment ago may not have reached the snapshot.
    unread.read(this.#unread.get(room.identity)?.readSeq ?? 0);
    const next = { ...room, read_seq: unread.readSeq, unread: 0 }; // `unread` is computed
    const same = this.unread(room.identity) === unread.count && JSON.stringify(known) === JSON.stringify(next);
    this.#rooms.set(room.identity, next);
    this.#unread.set(room.identity, unread);
    return !same;
  }

  /** @param {string} identity */
  #forget(identity) {
    this.#rooms.delete(identity);
    this.#unread.delete(identity);
  }
}

/** @param {Readonly<Room>} room */
function latest(room) {
  return room.last_message?.created_at ?? room.created_at;
}
