/** The conversation on the screen: what is shown, where the reader is in it, what counts as read. */

import { Controller } from "@hotwired/stimulus";
import { attended, readJson } from "../lib/dom.js";
import { gettext, interpolate, ngettext } from "../lib/i18n.js";
import { client } from "../models/client.js";
import { OpenRoom } from "../models/open_room.js";
import { LogView } from "../views/log_view.js";
import { MessageView } from "../views/message_view.js";
import { Scroll } from "../views/scroll.js";

const MAX_SHOWN = 1_000;
const KEPT = 800;
const REFRESH_MS = 20_000;

export default class extends Controller {
  static targets = ["log", "template", "older", "beginning", "jump", "alert"];

  connect() {
    const { room, people, page } = readJson("bootstrap");
    client.people.learn(people);
    this.identity = room.identity;
    this.room = client.open = new OpenRoom(client, room.identity, page);
    const moderator = room.kind === "group" && room.role !== "member";
    const context = { me: client.me.identity, people: client.people, moderator };
    this.log = new LogView(this.logTarget, new MessageView(this.templateTarget, context));
    this.scroll = new Scroll(this.logTarget);
    this.begin(room);
    this.listen();
    this.room.sync();
  }

  disconnect() {
    this.listening.abort();
    this.resizing.disconnect();
    clearInterval(this.ticker);
    this.room.close();
    if (client.open === this.room) client.open = null;
  }

  /** The first view: at the first unread message, or at the end. @param {import("../lib/types.js").Room} room */
  begin(room) {
    this.quietly(() => {
      this.log.adopt();
      const divider = room.unread > 0 ? this.log.divideAfter(room.last_seq - room.unread) : null;
      this.log.decorate();
      this.showUnsent();
      if (divider) this.scroll.to(divider);
      else this.scroll.toBottom();
    });
    this.following = this.scroll.atBottom;
    this.look();
  }

  listen() {
    this.listening = new AbortController();
    this.on(this.room, "step", (step) => this.step(step));
    this.on(this.room, "reset", (page) => this.reset(page));
    this.on(this.room, "gone", () => this.dispatch("gone"));
    this.on(client.sender, "sending", ({ entry }) => this.sending(entry));
    this.on(client.sender, "sent", ({ entry, message }) => this.sent(entry, message));
    this.on(client.sender, "failed", ({ entry }) => this.failed(entry));
    this.on(client.sender, "discarded", ({ entry }) => this.log.discard(entry.client_id));
    this.on(client.rooms, "change", () => this.look());
    this.on(client.people, "known", ({ identity }) => this.log.introduce(identity));
    this.on(window, "focus", () => this.look());
    this.on(document, "visibilitychange", () => this.look());
    this.resizing = new ResizeObserver(() => this.following && this.scroll.toBottom());
    this.resizing.observe(this.logTarget);
    this.ticker = setInterval(() => this.log.refresh(), REFRESH_MS);
  }

  /** @param {EventTarget} source @param {string} type @param {(detail: any) => void} handle */
  on(source, type, handle) {
    const { signal } = this.listening;
    source.addEventListener(type, (event) => handle(/** @type {CustomEvent} */ (event).detail), { signal });
  }

  // --- messages come and go -------------------------------------------------------------------

  /** @param {import("../lib/timeline.js").Step} step */
  step({ created, changed }) {
    const unseen = created.filter(({ user_identity: user }) => user !== client.me.identity);
    if (unseen.length && !attended() && this.following) this.divide(unseen[0].seq - 1);
    this.alter(() => {
      this.log.show(created);
      this.log.change(changed);
    });
    if (this.following && this.log.elements.length > MAX_SHOWN) this.trim();
    this.look();
  }

  /** What comes while I look elsewhere starts below a line, once. @param {number} seq */
  divide(seq) {
    if (client.rooms.unread(this.identity) <= 1) this.log.divideAfter(seq);
  }

  /** Changes the log; the reader stays at the end, or where they were. @param {() => void} change */
  alter(change) {
    if (!this.following) return this.scroll.keep(change);
    change();
    return this.scroll.toBottom();
  }

  trim() {
    this.quietly(() => this.log.trim(KEPT) && this.edges(true));
    this.scroll.toBottom();
  }

  /** The page starts over from the newest messages. @param {{messages: any[], hasBefore: boolean}} page */
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

  /** What waited in the outbox when the page was loaded. */
  showUnsent() {
    for (const entry of client.sender.unsent(this.identity)) {
      const stored = this.log.byClientId(entry.client_id)?.dataset.seq;
      if (stored) client.outbox.remove(entry.client_id);
      else this.log.showPending(entry);
    }
  }

  /** @param {import("../lib/types.js").Entry} entry */
  async sending(entry) {
    if (entry.room_identity !== this.identity) return;
    this.say("");
    if (!this.room.atTail) await this.latest();
    this.log.showPending(entry);
    this.toEnd();
  }

  /** Shown as sent at once, also when an earlier message of somebody else is still missing. @param {import("../lib/types.js").Entry} entry @param {import("../lib/types.js").Message} message */
  sent(entry, message) {
    if (entry.room_identity === this.identity) this.alter(() => this.log.show([message]));
  }

  /** @param {import("../lib/types.js").Entry} entry */
  failed(entry) {
    if (entry.room_identity !== this.identity) return;
    this.alter(() => this.log.showPending(entry));
    this.say(interpolate(gettext("Message not sent: %(reason)s"), { reason: entry.reason }));
  }

  // --- where the reader is --------------------------------------------------------------------

  scrolled() {
    this.following = this.scroll.atBottom;
    if (this.scroll.nearTop) this.loadOlder();
    if (this.scroll.nearEnd && !this.room.atTail) this.loadNewer();
    this.look();
  }

  /** The button, and what counts as read: the end was visible and the reader was there. */
  look() {
    const atEnd = this.room.atTail && this.following;
    if (atEnd && attended()) client.reading.mark(this.identity, this.room.seq);
    this.jumpTarget.hidden = atEnd;
    const count = client.rooms.unread(this.identity);
    const text = ngettext("%(count)s new message", "%(count)s new messages", count);
    this.jumpTarget.textContent = `↓ ${count ? interpolate(text, { count }) : gettext("Newest messages")}`;
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

  // --- history --------------------------------------------------------------------------------

  /** @param {Event} [event] a click on the link, which without JavaScript loads a page */
  async loadOlder(event) {
    event?.preventDefault();
    const seq = this.log.firstSeq;
    if (this.olderTarget.hidden || !seq) return;
    await this.loading(async () => {
      const { messages, hasBefore } = await this.room.older(seq);
      if (this.log.firstSeq === seq) this.prepend(messages, hasBefore);
    });
  }

  /** @param {import("../lib/types.js").Message[]} messages @param {boolean} hasBefore */
  prepend(messages, hasBefore) {
    this.quietly(() => {
      this.scroll.keep(() => {
        this.log.pinFirst();
        this.log.show(messages);
        this.edges(hasBefore);
      });
    });
  }

  loadNewer() {
    return this.loading(() => this.room.newer());
  }

  latest() {
    return this.loading(() => this.room.latest());
  }

  /** One request at a time; a failure is said, and the next scroll tries again. @param {() => Promise<void>} work */
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
    this.olderTarget.hidden = !hasBefore;
    this.beginningTarget.hidden = hasBefore;
  }

  /** Screen readers must not read out what is old. @param {() => void} change */
  quietly(change) {
    this.logTarget.setAttribute("aria-live", "off");
    this.logTarget.setAttribute("aria-busy", "true");
    change();
    setTimeout(() => {
      this.logTarget.removeAttribute("aria-live");
      this.logTarget.removeAttribute("aria-busy");
    }, 500);
  }

  /** @param {string} text */
  say(text) {
    this.alertTarget.textContent = text;
  }
}
