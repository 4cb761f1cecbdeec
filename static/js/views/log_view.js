/**
 * The list of messages: one row a message, in order of seq, unsent ones at the end. A row is
 * decorated (day, unread line, name and picture) when it or the one before it changes, so that
 * what a new message costs does not depend on how many are shown.
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {import("../lib/types.js").Entry} Entry
 * @typedef {object} Row
 * @property {string} key the message's identity, or the client id of one that is not sent
 * @property {number} seq Infinity for one that is not sent
 * @property {number} at
 * @property {string} user
 * @property {HTMLElement} element
 * @property {HTMLElement[]} lines directly above the element
 * @property {string} look what the decoration says, to change it only when it changes
 */

import { continues, dayLabel, dayNumber, followZone } from "../lib/format.js";
import { gettext } from "../lib/i18n.js";
import { locale } from "./dom.js";

export class LogView {
  #log;
  #view;
  #store;
  /** @type {Row[]} */
  #rows = [];
  /** @type {Map<string, Row>} */
  #byKey = new Map();
  #dividerSeq = Infinity;
  /** The first row when older ones are added above it: it keeps its look, so that nothing jumps. @type {?Row} */
  #pinned = null;
  #today = 0;
  #zone = followZone();

  /**
   * @param {HTMLElement} log
   * @param {import("./message_view.js").MessageView} view
   * @param {import("../models/store.js").Store} store
   */
  constructor(log, view, store) {
    this.#log = log;
    this.#view = view;
    this.#store = store;
    this.#today = dayNumber(store.clock.now());
  }

  /** How many stored messages are shown. */
  get length() {
    return this.#firstUnsent();
  }

  get firstSeq() {
    const [first] = this.#rows;
    return first && Number.isFinite(first.seq) ? first.seq : 0;
  }

  /** The elements of the messages, from the top. @returns {HTMLElement[]} */
  get elements() {
    return this.#rows.map((row) => row.element);
  }

  /** Finishes what the server rendered. @param {Message[]} messages */
  adopt(messages) {
    for (const message of messages) {
      const element = this.#log.querySelector(`[data-message-id="${CSS.escape(message.identity)}"]`);
      if (!(element instanceof HTMLElement)) continue;
      this.#rows.push(this.#remember(message.identity, message, element));
      this.#view.fill(element, message);
    }
    this.#decorateAll();
  }

  /** Shows stored messages; an unsent one among them becomes the stored one in place. @param {Message[]} messages */
  show(messages) {
    /** @type {Set<Row>} */
    const touched = new Set();
    for (const message of messages) this.#show(message, touched);
    touched.forEach((row) => this.#decorate(row));
  }

  /** Shows the state of an unsent message. @param {Entry} entry */
  showPending(entry) {
    const known = this.#byKey.get(entry.client_id);
    if (known) return this.#view.mark(known.element, entry);
    const message = { seq: Infinity, created_at: entry.order, user_identity: this.#store.me.identity };
    const row = this.#remember(entry.client_id, message, this.#view.pending(entry));
    this.#rows.push(row);
    this.#log.append(row.element);
    return this.#decorate(row);
  }

  /** An unsent message has been sent, or discarded. @param {string} clientId */
  discard(clientId) {
    const row = this.#byKey.get(clientId);
    if (row) this.#remove(this.#rows.indexOf(row), 1);
  }

  /** A message has changed. Messages that are not shown are read in their newest form later. @param {Message} message */
  change(message) {
    const row = this.#byKey.get(message.identity);
    if (row) this.#view.fill(row.element, message);
  }

  clear() {
    this.#log.querySelectorAll(".message, .line").forEach((element) => element.remove());
    this.#rows = [];
    this.#byKey.clear();
    this.#pinned = null;
  }

  /** Takes the oldest messages off the page beyond `keep`. Returns whether there were any. @param {number} keep */
  trimTop(keep) {
    return this.#trim(0, this.length - keep);
  }

  /** Takes the newest messages off the page beyond `keep`. Returns whether there were any. @param {number} keep */
  trimBottom(keep) {
    return this.#trim(keep, this.length - keep);
  }

  /** The seq of the last stored message on the page, 0 if there is none. */
  get lastSeq() {
    return this.#rows[this.length - 1]?.seq ?? 0;
  }

  pinFirst() {
    this.#pinned = this.#rows[0] ?? null;
  }

  /** The line above the first message after `seq`; Infinity takes it away. @param {number} seq @returns {?HTMLElement} */
  divideAfter(seq) {
    const before = this.#dividerRow();
    this.#dividerSeq = seq;
    const after = this.#dividerRow();
    if (before) this.#decorate(before);
    if (after) this.#decorate(after);
    return after?.lines.find((line) => line.matches(".divider")) ?? null;
  }

  /** A user has become known, or has another name. @param {string} user */
  introduce(user) {
    for (const row of this.#rows) if (row.user === user) this.#view.introduce(row.element, user);
  }

  /** @param {string} identity @returns {?HTMLElement} */
  element(identity) {
    return this.#byKey.get(identity)?.element ?? null;
  }

  /** My newest message that I may still edit. @returns {?Message} */
  lastEditable() {
    for (let index = this.length - 1; index >= 0; index -= 1) {
      const message = this.#store.messages.get(this.#rows[index].key);
      if (message && this.#view.canEdit(message)) return message;
    }
    return null;
  }

  /** Time has passed: "today" became "yesterday", and what could be edited no longer can. */
  refresh() {
    const zone = followZone();
    const zoneChanged = zone !== this.#zone;
    this.#zone = zone;
    const today = dayNumber(this.#store.clock.now());
    if (zoneChanged) this.#rows.forEach((row) => this.#view.date(row.element, row.at));
    if (zoneChanged || today !== this.#today) this.#decorateAll();
    this.#today = today;
    this.offerAnew(this.#store.clock.now() - this.#longestWindow());
  }

  /** Computes anew what may be done with messages since `since`. @param {number} since */
  offerAnew(since) {
    for (let index = this.length - 1; index >= 0 && this.#rows[index].at >= since; index -= 1) {
      const message = this.#store.messages.get(this.#rows[index].key);
      if (message) this.#view.offer(this.#rows[index].element, message);
    }
  }

  /** Older messages have nothing to lose any more; a minute beyond the time limits. */
  #longestWindow() {
    const { editMs, recallMs } = this.#store.limits;
    return Math.max(editMs, recallMs) + 60_000;
  }

  /** @param {Message} message @param {Set<Row>} touched rows to decorate */
  #show(message, touched) {
    const shown = this.#byKey.get(message.identity);
    if (shown) return this.#view.fill(shown.element, message);
    const pending = this.#pendingOf(message);
    const element = pending?.element ?? this.#view.build(message);
    if (pending) {
      this.#view.fill(element, message);
      this.#forget(this.#rows.indexOf(pending), touched);
    }
    const row = this.#remember(message.identity, message, element);
    if (pending) row.lines = pending.lines;
    return this.#insert(row, touched);
  }

  /** @param {Message} message */
  #pendingOf(message) {
    const mine = message.user_identity === this.#store.me.identity;
    return mine ? this.#byKey.get(message.client_id) : undefined;
  }

  /** Puts a row where its seq belongs. @param {Row} row @param {Set<Row>} touched */
  #insert(row, touched) {
    const index = this.#indexAfter(row.seq);
    const next = this.#rows[index];
    this.#rows.splice(index, 0, row);
    const before = next ? (next.lines[0] ?? next.element) : null;
    // A row that is in its place is not moved: moving loses the focus and an animation.
    const there = row.element.isConnected && row.element.nextElementSibling === before;
    if (!there) {
      row.lines.forEach((line) => line.remove());
      row.lines = [];
      row.look = "";
      this.#log.insertBefore(row.element, before);
    }
    touched.add(row);
    if (next) touched.add(next);
  }

  /** The index of the first row with a greater seq. @param {number} seq */
  #indexAfter(seq) {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle].seq <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #firstUnsent() {
    return this.#indexAfter(Number.MAX_SAFE_INTEGER);
  }

  /** @param {number} from @param {number} count */
  #trim(from, count) {
    if (count <= 0) return false;
    this.#remove(from, count);
    return true;
  }

  /** @param {number} from @param {number} count */
  #remove(from, count) {
    for (const row of this.#rows.slice(from, from + count)) {
      row.lines.forEach((line) => line.remove());
      row.element.remove();
      this.#byKey.delete(row.key);
      this.#store.messages.drop(row.key);
    }
    this.#rows.splice(from, count);
    const next = this.#rows[from];
    if (next) this.#decorate(next);
  }

  /** Takes a row out of the order and leaves its element where it is. @param {number} index @param {Set<Row>} touched */
  #forget(index, touched) {
    const [row] = this.#rows.splice(index, 1);
    this.#byKey.delete(row.key);
    touched.delete(row);
    const next = this.#rows[index];
    if (next) touched.add(next);
  }

  /**
   * @param {string} key
   * @param {Pick<Message, "seq" | "created_at" | "user_identity">} message
   * @param {HTMLElement} element
   * @returns {Row}
   */
  #remember(key, { seq, created_at: at, user_identity: user }, element) {
    const row = { key, seq, at, user, element, lines: [], look: "" };
    this.#byKey.set(key, row);
    return row;
  }

  #decorateAll() {
    this.#rows.forEach((row) => this.#decorate(row));
  }

  /** The first message beyond the unread line; nobody's own messages are news. */
  #dividerRow() {
    let index = this.#dividerSeq === Infinity ? this.#rows.length : this.#indexAfter(this.#dividerSeq);
    while (index < this.#rows.length && this.#rows[index].user === this.#store.me.identity) index += 1;
    return this.#rows[index];
  }

  /** Day, unread line and group follow from a message and the one before it. @param {Row} row */
  #decorate(row) {
    const index = this.#indexOf(row);
    const previous = this.#rows[index - 1];
    const divides = this.#dividerRow() === row;
    const joined = continues(previous ?? null, row) && row !== this.#pinned && !divides;
    const newDay = !previous || dayNumber(previous.at) !== dayNumber(row.at);
    const day = newDay ? dayLabel(row.at, this.#store.clock.now(), locale()) : "";
    const look = `${joined} ${divides} ${day}`;
    if (look === row.look) return;
    row.look = look;
    row.element.classList.toggle("continued", joined);
    this.#setLines(row, day, divides);
  }

  /** @param {Row} row */
  #indexOf(row) {
    const index = this.#indexAfter(row.seq) - 1;
    return this.#rows[index] === row ? index : this.#rows.lastIndexOf(row);
  }

  /** @param {Row} row @param {string} day @param {boolean} divides */
  #setLines(row, day, divides) {
    row.lines.forEach((line) => line.remove());
    row.lines = [];
    if (day) row.lines.push(makeLine("day", day));
    if (divides) row.lines.push(makeLine("divider", gettext("New messages")));
    row.element.before(...row.lines);
  }
}

/** @param {string} name @param {string} text */
function makeLine(name, text) {
  const line = document.createElement("div");
  line.className = `line ${name}`;
  line.textContent = text;
  if (name === "divider") line.setAttribute("role", "separator");
  return line;
}
