/**
 * What counts as unread: messages of others after the read position that were not recalled and are
 * said by somebody (rooms/unread.py).
 * tests/cases/unread.json has the cases.
 */

const SAID_BY_NOBODY = new Set(["system", "void"]);

/**
 * @param {{seq: number, user_identity: string, kind: string, recalled_at: ?number}} message
 * @param {string} me
 * @param {number} readSeq
 */
export function isUnread(message, me, readSeq) {
  const live = message.recalled_at === null && !SAID_BY_NOBODY.has(message.kind);
  return live && message.seq > readSeq && message.user_identity !== me;
}

/**
 * The unread messages of one room. A snapshot from the server says how many there were; what
 * happens afterwards is applied to it by message, so nothing is counted twice.
 */
export class Unread {
  #me;
  #base;
  #baseSeq;
  #baseRevision;
  #readSeq;
  /** @type {Map<string, number>} unread messages that came after the snapshot: seq by identity */
  #fresh = new Map();
  /** @type {Set<string>} messages of the snapshot that were recalled since */
  #recalled = new Set();
  #missed = 0;

  /**
   * @param {string} me
   * @param {{unread: number, last_seq: number, revision: number, read_seq: number}} snapshot
   */
  constructor(me, { unread, last_seq: lastSeq, revision, read_seq: readSeq }) {
    this.#me = me;
    this.#base = unread;
    this.#baseSeq = lastSeq;
    this.#baseRevision = revision;
    this.#readSeq = readSeq;
  }

  get count() {
    return Math.max(0, this.#base - this.#recalled.size) + this.#fresh.size + this.#missed;
  }

  get readSeq() {
    return this.#readSeq;
  }

  /** A new message of the room. @param {import("./types.js").Message} message */
  created(message) {
    if (message.seq <= this.#baseSeq) return;
    if (isUnread(message, this.#me, this.#readSeq)) this.#fresh.set(message.identity, message.seq);
  }

  /** A changed message of the room. @param {import("./types.js").Message} message */
  changed(message) {
    if (message.recalled_at === null) return;
    if (this.#fresh.delete(message.identity)) return;
    if (message.seq > this.#baseSeq || message.revision <= this.#baseRevision) return; // not in it, or not any more
    if (isUnread({ ...message, recalled_at: null }, this.#me, this.#readSeq)) this.#recalled.add(message.identity);
  }

  /** The room has `count` messages that nobody has told us of. @param {number} count */
  missed(count) {
    this.#missed += count;
  }

  /**
   * Read up to `seq`. In the middle of what the snapshot counted, the number is an upper bound
   * until the next snapshot: which of those messages were one's own is not known here.
   *
   * @param {number} seq
   */
  read(seq) {
    if (seq <= this.#readSeq) return;
    this.#readSeq = seq;
    this.#base = Math.max(0, Math.min(this.#base, this.#baseSeq - seq));
    if (seq >= this.#baseSeq) this.#missed = 0;
    if (this.#base === 0) this.#recalled.clear();
    for (const [identity, at] of this.#fresh) if (at <= seq) this.#fresh.delete(identity);
  }
}
