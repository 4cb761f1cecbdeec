/**
 * My rooms: names, newest messages, unread counts. Event: `change` after anything changed.
 *
 * Unread is computed (newest seq minus what was read), never counted, so it cannot get stuck.
 *
 * @typedef {import("../lib/types.js").Room} Room
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {Room & {floor: number}} KnownRoom `floor`: messages up to this seq count as read;
 *   beyond `read_seq` when I joined later, or wrote them myself
 */

export class Rooms extends EventTarget {
  /** @type {Map<string, KnownRoom>} */
  #rooms = new Map();
  #me;

  /** @param {string} me my identity @param {Room[]} rooms */
  constructor(me, rooms) {
    super();
    this.#me = me;
    rooms.forEach((room) => this.#put(room));
  }

  /** A whole snapshot; rooms that are not in it are gone. @param {Room[]} rooms */
  replace(rooms) {
    const present = new Set(rooms.map((room) => room.identity));
    for (const identity of [...this.#rooms.keys()]) {
      if (!present.has(identity)) this.#rooms.delete(identity);
    }
    rooms.forEach((room) => this.#put(room));
    this.#changed();
  }

  /** @param {Room} room */
  add(room) {
    this.#put(room);
    this.#changed();
  }

  /** Only what all members see alike: role and unread are kept. @param {Partial<Room> & {identity: string}} fields */
  update(fields) {
    const room = this.#rooms.get(fields.identity);
    if (room) Object.assign(room, fields);
    this.#changed();
  }

  /** @param {string} identity */
  remove(identity) {
    if (this.#rooms.delete(identity)) this.#changed();
  }

  /** @param {string} identity @returns {KnownRoom | undefined} */
  get(identity) {
    return this.#rooms.get(identity);
  }

  /** The one with the newest message first. @returns {KnownRoom[]} */
  list() {
    return [...this.#rooms.values()].sort((a, b) => latest(b) - latest(a));
  }

  /** A new message, in any room. @param {Message} message */
  created(message) {
    const room = this.#rooms.get(message.room_identity);
    if (!room || message.seq <= room.last_seq) return;
    const mine = message.user_identity === this.#me;
    if (mine && room.floor >= message.seq - 1) room.floor = message.seq;
    room.last_seq = message.seq;
    room.last_message = message;
    this.#changed();
  }

  /** An edited or recalled one. @param {Message} message */
  changed(message) {
    const room = this.#rooms.get(message.room_identity);
    if (room?.last_message?.identity !== message.identity) return;
    if (room.last_message.revision > message.revision) return;
    room.last_message = message;
    this.#changed();
  }

  /** @param {Record<string, {seq: number}>} heads what the server says the rooms have */
  announced(heads) {
    for (const [identity, { seq }] of Object.entries(heads)) {
      const room = this.#rooms.get(identity);
      if (room) room.last_seq = Math.max(room.last_seq, seq);
    }
    this.#changed();
  }

  /** I have read up to `seq`, here or on another device. @param {string} identity @param {number} seq */
  read(identity, seq) {
    const room = this.#rooms.get(identity);
    if (!room || room.read_seq >= seq) return;
    room.read_seq = seq;
    room.floor = Math.max(room.floor, seq);
    this.#changed();
  }

  /** Somebody I have a conversation with has come online, or gone. @param {string} user @param {boolean} online */
  presence(user, online) {
    const room = [...this.#rooms.values()].find(({ peer }) => peer?.identity === user);
    if (!room || room.online === online) return;
    room.online = online;
    this.#changed();
  }

  /** @param {string} identity */
  unread(identity) {
    const room = this.#rooms.get(identity);
    return room ? Math.max(0, room.last_seq - room.floor) : 0;
  }

  /** Over all rooms. */
  get totalUnread() {
    return [...this.#rooms.keys()].reduce((sum, identity) => sum + this.unread(identity), 0);
  }

  /** @param {Room} room */
  #put(room) {
    const known = this.#rooms.get(room.identity);
    // What was read here a moment ago may not have reached the snapshot.
    const floor = Math.max(room.last_seq - room.unread, known?.floor ?? 0);
    this.#rooms.set(room.identity, { ...room, floor });
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/** @param {Room} room */
function latest(room) {
  return room.last_message?.created_at ?? room.created_at;
}
