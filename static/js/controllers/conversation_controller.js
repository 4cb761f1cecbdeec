/** The conversation on the screen: what is shown, where the reader is in it, and what counts as read. */

import { gettext, interpolate, ngettext } from "../lib/i18n.js";
import { plainKey } from "../lib/keys.js";
import { attended, part, readJson, setText } from "../views/dom.js";
import { LogView } from "../views/log_view.js";
import { MessageView } from "../views/message_view.js";
import { client } from "../views/page.js";
import { Scroll } from "../views/scroll.js";
import BaseController from "./base.js";

/** @typedef {import("../lib/types.js").Message} Message */
/** @typedef {import("../lib/types.js").Entry} Entry */

// No more than this are ever on the page; the rest is read again when the reader gets there.
const MAX_SHOWN = 400;
// A page of history fits in; live messages are taken off a few at a time.
const KEPT = 340;
const KEPT_LIVE = 380;
const REFRESH_MS = 20_000;
const QUIET_MS = 500;

export default class extends BaseController {
  /** @type {import("../models/open_room.js").OpenRoom} */
  room;
  /** @type {MessageView} */
  messages;
  /** @type {LogView} */
  log;
  /** @type {Scroll} */
  scroll;
  /** @type {any} */
  quiet = 0;
  following = true;
  busy = false;

  started() {
    const { room, people, page } = readJson("bootstrap");
    const { store } = client;
    store.users.learn(people);
    this.identity = room.identity;
    this.room = client.openRoom(room.identity, page);
    this.messages = new MessageView(this.target("template", HTMLTemplateElement), store);
    this.messages.moderator = moderates(room);
    this.log = new LogView(this.box("log"), this.messages, store);
    this.scroll = new Scroll(this.box("log"), () => this.log.elements);
    this.begin(room, page.messages);
    this.follow();
    this.room.sync();
  }

  stopped() {
    this.resizing?.disconnect();
    clearTimeout(this.quiet); // it would keep the whole conversation in memory
    if (client.open === this.room) client.closeRoom();
  }

  /** The first view: at the first unread message, or at the end. @param {import("../lib/types.js").Room} room @param {Message[]} messages */
  begin(room, messages) {
    this.quietly(() => {
      this.log.adopt(messages);
      const divider = room.unread > 0 ? this.log.divideAfter(room.read_seq) : null;
      this.showUnsent();
      if (divider) this.scroll.to(divider);
      else this.scroll.toBottom();
    });
    this.following = this.room.atTail && this.scroll.atBottom;
    this.look();
  }

  follow() {
    const on = (/** @type {string} */ topic, /** @type {(detail: any) => void} */ handle) =>
      client.store.on(topic, handle, this.signal);
    this.room.on("step", ({ created }) => this.arrived(created), this.signal);
    this.room.on("reset", (page) => this.reset(page), this.signal);
    this.room.on("gone", () => this.dispatch("gone"), this.signal);
    on("message", (message) => this.alter(() => this.log.change(message)));
    on("entry", (entry) => this.entry(entry));
    on("sent", ({ entry, message }) => this.sent(entry, message));
    on("discarded", (entry) => this.log.discard(entry.client_id));
    on("room", (room) => room === this.identity && this.roomChanged());
    on("user", (user) => this.log.introduce(user));
    this.listen(window, "focus", () => this.look());
    this.listen(document, "visibilitychange", () => this.seen());
    this.resizing = new ResizeObserver(() => this.following && this.scroll.toBottom());
    this.resizing.observe(this.box("log"));
    this.every(() => this.log.refresh(), REFRESH_MS);
  }

  seen() {
    this.log.refresh();
    this.look();
  }

  /** My role may have changed, and with it what I may do. */
  roomChanged() {
    const room = client.store.rooms.get(this.identity);
    const moderator = room !== undefined && moderates(room);
    if (moderator !== this.messages.moderator) {
      this.messages.moderator = moderator;
      this.log.offerAnew(0);
    }
    this.look();
  }

  // --- messages come and go -------------------------------------------------------------------

  /** @param {Message[]} messages */
  arrived(messages) {
    if (!messages.length) return;
    const unseen = messages.find(({ user_identity: user }) => user !== client.store.me.identity);
    if (unseen && !attended() && this.following) this.divide(unseen.seq - 1);
    this.alter(() => this.log.show(messages));
    if (this.following) this.trimTop();
    else if (!this.busy) this.trimBottom(); // what is being loaded trims the other end
    this.look();
  }

  /** What arrives while I look elsewhere starts below a line, once. @param {number} seq */
  divide(seq) {
    if (client.store.rooms.unread(this.identity) <= 1) this.log.divideAfter(seq);
  }

  /** Changes the log; the reader stays at the end, or where they were. @param {() => void} change */
  alter(change) {
    if (!this.following) return this.scroll.keep(change);
    change();
    return this.scroll.toBottom();
  }

  trimTop() {
    if (this.log.length <= MAX_SHOWN) return;
    this.quietly(() => {
      this.alter(() => this.log.trimTop(KEPT_LIVE));
      this.edges(true);
    });
  }

  /** The reader is far up: what is below is read again on the way down. */
  trimBottom() {
    if (this.log.length <= MAX_SHOWN) return;
    this.quietly(() => this.scroll.keep(() => this.log.trimBottom(KEPT)));
    this.room.rewind(this.log.lastSeq);
  }

  /** The page starts over from the newest messages. @param {{messages: Message[], hasBefore: boolean}} page */
  reset({ messages, hasBefore }) {
    this.quietly(() => {
      this.log.clear();
      this.log.show(messages);
      this.showUnsent();
      this.edges(hasBefore);
    });
    this.toEnd();
  }

  // --- my own messages ------------------------------------------------------------------------

  /** Adds what waits in the outbox. */
  showUnsent() {
    client.store.outbox.entries(this.identity).forEach((entry) => this.log.showPending(entry));
  }

  /** @param {Entry} entry */
  async entry(entry) {
    if (entry.room_identity !== this.identity) return;
    if (entry.reason) return this.failed(entry);
    this.say("");
    if (!this.room.atTail) await this.latest();
    // It may have been sent while the newest messages were read.
    if (client.store.outbox.get(entry.client_id)) this.log.showPending(entry);
    this.toEnd();
  }

  /** Shows the message as sent at once, even when an earlier message of another user is still missing. @param {Entry} entry @param {Message} message */
  sent(entry, message) {
    if (entry.room_identity !== this.identity) return;
    if (this.room.atTail) this.alter(() => this.log.show([client.store.messages.put(message)]));
    else this.log.discard(entry.client_id);
  }

  /** @param {Entry} entry */
  failed(entry) {
    this.alter(() => this.log.showPending(entry));
    this.say(interpolate(gettext("Message not sent: %(reason)s"), { reason: entry.reason }));
  }

  editLast() {
    const message = this.log.lastEditable();
    if (message) this.dispatch("edit", { detail: { identity: message.identity } });
  }

  // --- where the reader is --------------------------------------------------------------------

  scrolled() {
    this.following = this.room.atTail && this.scroll.atBottom;
    if (this.scroll.nearTop) this.loadOlder();
    if (this.scroll.nearEnd && !this.room.atTail) this.loadNewer();
    this.look();
  }

  /** Updates the button, and what counts as read: the end was visible and the reader was there. */
  look() {
    const atEnd = this.room.atTail && this.following;
    if (atEnd && attended()) client.reading.mark(this.identity, this.room.seq);
    const jump = this.box("jump");
    jump.hidden = atEnd;
    const count = client.store.rooms.unread(this.identity);
    const text = ngettext("%(count)s new message", "%(count)s new messages", count);
    setText(jump, `↓ ${count ? interpolate(text, { count }) : gettext("Newest messages")}`);
  }

  async jump() {
    if (!this.room.atTail) await this.latest();
    this.toEnd();
  }

  toEnd() {
    this.following = true;
    this.scroll.toBottom();
    this.look();
  }

  /** Arrow keys go from message to message; the menu of the focused one is a stop of the Tab key. @param {KeyboardEvent} event */
  key(event) {
    const elements = this.log.elements;
    const focused = elements.findIndex((element) => element === document.activeElement);
    const key = plainKey(event);
    if (event.target !== this.box("log") && focused < 0) return;
    if (key !== "ArrowUp" && key !== "ArrowDown") return;
    const next = focused < 0 ? elements.length - 1 : focused + (key === "ArrowUp" ? -1 : 1);
    if (!elements[next]) return;
    event.preventDefault();
    this.stop(elements[next]);
    elements[next].focus();
  }

  /** @param {HTMLElement} element */
  stop(element) {
    const before = this.box("log").querySelector("summary[tabindex='0']");
    before?.setAttribute("tabindex", "-1");
    part(element, "summary").tabIndex = 0;
  }

  // --- history --------------------------------------------------------------------------------

  /** @param {Event} [event] a click on the link, which without JavaScript loads a page */
  async loadOlder(event) {
    event?.preventDefault();
    const seq = this.log.firstSeq;
    if (this.box("older").hidden || !seq) return;
    await this.loading(async () => {
      const { messages, hasBefore } = await this.room.older(seq);
      if (this.log.firstSeq === seq) this.prepend(messages, hasBefore);
    });
  }

  /** @param {Message[]} messages @param {boolean} hasBefore */
  prepend(messages, hasBefore) {
    this.quietly(() => {
      this.scroll.keep(() => {
        this.log.pinFirst();
        this.log.show(messages);
        this.edges(hasBefore);
      });
    });
    this.trimBottom();
  }

  async loadNewer() {
    await this.loading(() => this.room.newer());
    if (!this.following) this.trimAbove();
  }

  /** On the way down, what is far above is taken off. */
  trimAbove() {
    if (this.log.length <= KEPT) return;
    this.quietly(() => {
      this.scroll.keep(() => this.log.trimTop(KEPT));
      this.edges(true);
    });
  }

  latest() {
    return this.loading(() => this.room.latest());
  }

  /** One request at a time; a failure is shown, and the next scroll tries again. @param {() => Promise<void>} work */
  async loading(work) {
    if (this.busy) return;
    this.busy = true;
    try {
      await work();
      this.say("");
    } catch {
      this.say(gettext("Messages could not be loaded. Check your connection and try again."));
    }
    this.busy = false;
  }

  /** @param {boolean} hasBefore */
  edges(hasBefore) {
    this.box("older").hidden = !hasBefore;
    this.box("beginning").hidden = hasBefore;
  }

  /** Screen readers must not read out what is old. @param {() => void} change */
  quietly(change) {
    const log = this.box("log");
    log.setAttribute("aria-live", "off");
    log.setAttribute("aria-busy", "true");
    change();
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      log.removeAttribute("aria-live");
      log.removeAttribute("aria-busy");
    }, QUIET_MS);
  }

  /** @param {string} text */
  say(text) {
    this.box("alert").textContent = text;
  }
}

/** @param {Readonly<import("../lib/types.js").Room>} room */
function moderates({ kind, role }) {
  return kind === "group" && role !== "member";
}
