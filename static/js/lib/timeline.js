/**
 * How far one room is known, and what is still missing. Pure: no page, no network.
 *
 * Live events are hints: they may come twice, out of order, or never. A message is let through only
 * when everything before it is here or known not to exist.
 *
 * @typedef {import("./types.js").Message} Message
 * @typedef {import("./types.js").SyncAnswer} SyncAnswer
 * @typedef {{created: Message[], changed: Message[]}} Step what is to be shown now
 */

const MAX_CHANGES_KEPT = 500;

export class Timeline {
  /** @type {Map<number, Message>} messages that came before their turn, by seq */
  #held = new Map();
  /** @type {Map<string, Message>} the newest version of messages that changed meanwhile */
  #changes = new Map();
  #final = 0;
  #head = { seq: 0, revision: 0 };

  /** @param {{seq: number, revision: number, completeTo?: number}} known */
  constructor({ seq, revision, completeTo = 0 }) {
    this.seq = Math.max(seq, completeTo);
    this.revision = revision;
  }

  /** True when the room is known to have more than what has arrived: time to `sync`. */
  get lacking() {
    return this.#held.size > 0 || this.#head.seq > this.seq || this.#head.revision > this.revision;
  }

  /** Returns how many messages are missing at least. */
  get behind() {
    return Math.max(0, this.#head.seq, ...this.#held.keys()) - this.seq;
  }

  /** @param {{seq: number, revision: number}} head what the server says the room has */
  announced({ seq, revision }) {
    this.#head.seq = Math.max(this.#head.seq, seq);
    this.#head.revision = Math.max(this.#head.revision, revision);
  }

  /** A new message has arrived. @param {Message} message @returns {Step} */
  created(message) {
    this.#hold(message);
    return { created: this.#drain(), changed: [] };
  }

  /** A message was edited or recalled. @param {Message} message @returns {Step} */
  updated(message) {
    if (message.revision <= this.revision) return { created: [], changed: [] };
    if (message.revision === this.revision + 1) this.revision += 1;
    else this.announced({ seq: 0, revision: message.revision });
    return this.#change([message]);
  }

  /** Takes the answer to `sync` with this timeline's seq and revision. @param {SyncAnswer} answer @returns {Step} */
  synced(answer) {
    answer.messages.forEach((message) => this.#hold(message));
    this.revision = Math.max(this.revision, answer.revision);
    this.#final = Math.max(this.#final, answer.complete_to);
    const step = this.#change(answer.changed);
    return { created: [...step.created, ...this.#drain()], changed: step.changed };
  }

  /** Returns the newest known version of a message that was read from history. @param {Message} message @returns {Message} */
  freshest(message) {
    const change = this.#changes.get(message.identity);
    return change && change.revision > message.revision ? change : message;
  }

  /** @param {Message[]} messages @returns {Step} */
  #change(messages) {
    for (const message of messages) this.#remember(message);
    const shown = messages.filter((message) => message.seq <= this.seq);
    messages.filter((message) => message.seq > this.seq).forEach((message) => this.#hold(message));
    return { created: this.#drain(), changed: shown };
  }

  /** @param {Message} message */
  #remember(message) {
    if (this.freshest(message) !== message) return;
    this.#changes.set(message.identity, message);
    if (this.#changes.size > MAX_CHANGES_KEPT) {
      this.#changes.delete([...this.#changes.keys()][0]);
    }
  }

  /** @param {Message} message */
  #hold(message) {
    if (message.seq <= this.seq) return;
    const held = this.#held.get(message.seq);
    if (!held || held.revision < message.revision) this.#held.set(message.seq, message);
  }

  /**
   * Lets through what is next, and what follows a gap that is final. A gap may be longer than an
   * answer to `sync`: then the next answer is requested from the end of this one.
   *
   * @returns {Message[]}
   */
  #drain() {
    const ready = [];
    for (const seq of [...this.#held.keys()].sort((a, b) => a - b)) {
      if (seq > Math.max(this.seq, this.#final) + 1) break;
      const message = this.#held.get(seq);
      this.#held.delete(seq);
      if (message && seq > this.seq) ready.push(this.freshest(message));
      this.seq = Math.max(this.seq, seq);
    }
    this.seq = Math.max(this.seq, this.#final);
    return ready;
  }
}
