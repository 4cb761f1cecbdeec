/**
 * The list of messages: one element a message, in order of seq, unsent ones at the end.
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {import("../lib/types.js").Entry} Entry
 */

import { locale } from "../lib/dom.js";
import { continues, dayKey, dayLabel } from "../lib/format.js";
import { gettext } from "../lib/i18n.js";

export class LogView {
  #log;
  #view;
  #dividerSeq = Infinity;

  /** @param {HTMLElement} log @param {import("./message_view.js").MessageView} view */
  constructor(log, view) {
    this.#log = log;
    this.#view = view;
  }

  /** @returns {HTMLElement[]} */
  get elements() {
    return [...this.#log.querySelectorAll(".message")].map((element) => /** @type {HTMLElement} */ (element));
  }

  get firstSeq() {
    return Number(this.elements[0]?.dataset.seq ?? 0);
  }

  /** Finishes what the server rendered. */
  adopt() {
    this.elements.forEach((element) => this.#view.adopt(element));
  }

  /** Shows stored messages; an unsent one among them becomes the stored one in place. @param {Message[]} messages */
  show(messages) {
    for (const message of messages) this.#show(message);
    this.decorate();
  }

  /** Shows how far an unsent message has got. @param {Entry} entry */
  showPending(entry) {
    const element = this.byClientId(entry.client_id);
    if (element) this.#view.mark(element, entry);
    else this.#log.append(this.#view.pending(entry));
    this.decorate();
  }

  /** Changes messages that are on the page; others are read in their present form later. @param {Message[]} messages */
  change(messages) {
    for (const message of messages) {
      const element = this.#byId(message.identity);
      if (element) this.#view.fill(element, message);
    }
  }

  /** @param {string} clientId */
  discard(clientId) {
    this.byClientId(clientId)?.remove();
    this.decorate();
  }

  clear() {
    this.#log.querySelectorAll(".message, .line").forEach((element) => element.remove());
  }

  /** Drops the oldest beyond `keep`: a page that is open for a month must not grow for a month. @param {number} keep */
  trim(keep) {
    const surplus = this.elements.slice(0, -keep);
    surplus.forEach((element) => element.remove());
    if (surplus.length) this.decorate();
    return surplus.length > 0;
  }

  /** The first message keeps its looks when older ones come above it: nothing may jump. */
  pinFirst() {
    this.elements[0]?.classList.add("pinned");
  }

  /** My own message with this client id. @param {string} clientId @returns {?HTMLElement} */
  byClientId(clientId) {
    return this.#log.querySelector(`.mine[data-client-id="${CSS.escape(clientId)}"]`);
  }

  /** The line above the first message after `seq`; Infinity takes it away. @param {number} seq @returns {?HTMLElement} */
  divideAfter(seq) {
    this.#dividerSeq = seq;
    this.decorate();
    return this.#log.querySelector(".divider");
  }

  /** It has become known who this is. @param {string} user */
  introduce(user) {
    this.elements
      .filter((element) => element.dataset.userIdentity === user)
      .forEach((element) => this.#view.introduce(element));
  }

  /** Days, groups and the unread line follow from each message and the one before it. */
  decorate() {
    /** @type {?HTMLElement} */
    let previous = null;
    let divided = false;
    for (const element of this.elements) {
      const divides = !divided && this.#isNews(element);
      divided ||= divides;
      this.#decorate(element, previous, divides);
      previous = element;
    }
    while (this.#log.lastElementChild?.matches(".line")) this.#log.lastElementChild.remove();
  }

  /** Beyond the unread line; nobody's own messages are news. @param {HTMLElement} element */
  #isNews(element) {
    return Number(element.dataset.seq) > this.#dividerSeq && !element.matches(".mine");
  }

  /** Time has passed: "today" became "yesterday", and what could be edited no longer can. */
  refresh() {
    this.decorate();
    this.elements.forEach((element) => this.#view.offer(element));
  }

  /** @param {Message} message */
  #show(message) {
    const element = this.#byId(message.identity) ?? this.#pendingOf(message);
    if (element) this.#view.fill(element, message);
    this.#place(element ?? this.#view.build(message), message.seq);
  }

  /** @param {Message} message @returns {?HTMLElement} */
  #pendingOf(message) {
    if (!this.#view.isMine(message.user_identity)) return null;
    const element = this.byClientId(message.client_id);
    return element?.dataset.seq ? null : element;
  }

  /** @param {string} identity @returns {?HTMLElement} */
  #byId(identity) {
    return this.#log.querySelector(`[data-message-id="${CSS.escape(identity)}"]`);
  }

  /** Puts the element where its seq belongs; usually it is there. @param {HTMLElement} element @param {number} seq */
  #place(element, seq) {
    let before = previousSent(this.#log.lastElementChild, element);
    while (before && Number(before.dataset.seq) > seq) {
      before = previousSent(before.previousElementSibling, element);
    }
    if (element.isConnected && previousMessage(element.previousElementSibling) === before) return;
    if (before) before.after(element);
    else this.#log.insertBefore(element, this.#log.querySelector(".message"));
  }

  /** @param {HTMLElement} element @param {?HTMLElement} previous @param {boolean} divides */
  #decorate(element, previous, divides) {
    const here = spoken(element);
    const before = previous && spoken(previous);
    const joined = continues(before, here) && !element.classList.contains("pinned");
    element.classList.toggle("continued", joined && !divides);
    const newDay = !before || dayKey(before.at) !== dayKey(here.at);
    setLines(element, [
      ["day", newDay ? dayLabel(here.at, Date.now(), locale()) : ""],
      ["divider", divides ? gettext("New messages") : ""],
    ]);
  }
}

/** @param {HTMLElement} element */
function spoken(element) {
  return { user: element.dataset.userIdentity ?? "", at: Number(element.dataset.at) };
}

/** The nearest message from `element` backwards. @param {?Element} element @returns {?HTMLElement} */
function previousMessage(element) {
  while (element && !element.matches(".message")) element = element.previousElementSibling;
  return /** @type {?HTMLElement} */ (element);
}

/** The same, of stored messages other than `skipped`. @param {?Element} element @param {HTMLElement} skipped */
function previousSent(element, skipped) {
  let found = previousMessage(element);
  while (found && (found === skipped || !found.dataset.seq)) {
    found = previousMessage(found.previousElementSibling);
  }
  return found;
}

/** The lines directly above a message. @param {HTMLElement} element @param {string[][]} wanted [class, text] pairs; no line for "" */
function setLines(element, wanted) {
  const lines = wanted.filter(([, text]) => text);
  const present = linesAbove(element);
  const same = present.map((line) => line.className + line.textContent).join();
  if (same === lines.map(([name, text]) => `line ${name}${text}`).join()) return;
  present.forEach((line) => line.remove());
  element.before(...lines.map(([name, text]) => makeLine(name, text)));
}

/** @param {HTMLElement} element @returns {Element[]} */
function linesAbove(element) {
  const lines = [];
  for (let line = element.previousElementSibling; line?.matches(".line"); line = line.previousElementSibling) {
    lines.unshift(line);
  }
  return lines;
}

/** @param {string} name @param {string} text */
function makeLine(name, text) {
  const line = document.createElement("div");
  line.className = `line ${name}`;
  line.textContent = text;
  if (name === "divider") line.setAttribute("role", "separator");
  return line;
}
