/** Tells the server how far I have read: at once for the badges here, a moment later over the network. */

const TOGETHER_MS = 250;

export class Reading {
  #commands;
  #rooms;
  /** @type {Map<string, number>} room -> seq the server has not confirmed */
  #unsent = new Map();
  /** @type {any} */
  #timer = 0;

  /** @param {import("./commands.js").Commands} commands @param {import("./rooms.js").Rooms} rooms */
  constructor(commands, rooms) {
    this.#commands = commands;
    this.#rooms = rooms;
  }

  /** @param {string} room @param {number} seq */
  mark(room, seq) {
    if (seq <= (this.#rooms.get(room)?.read_seq ?? seq)) return;
    this.#rooms.read(room, seq);
    this.#unsent.set(room, Math.max(seq, this.#unsent.get(room) ?? 0));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), TOGETHER_MS);
  }

  flush() {
    this.#unsent.forEach((seq, room) => this.#send(room, seq));
  }

  /** @param {string} room @param {number} seq */
  async #send(room, seq) {
    if (!this.#commands.open) return;
    try {
      await this.#commands.read(room, seq);
    } catch (error) {
      // Offline, or a database is away: the next `ready` or mark sends it again.
      if (/** @type {import("./errors.js").CommandError} */ (error).code !== "not_found") return;
    }
    if (this.#unsent.get(room) === seq) this.#unsent.delete(room);
  }
}
