/**
 * The room on the screen: keeps its timeline complete.
 *
 * Topics of its own, `log:<what>`: `step` {created, changed} what is to be shown now; `reset`
 * {messages, hasBefore} start over from the newest messages; `gone` when I am no longer in the room.
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {import("../lib/types.js").SyncAnswer} SyncAnswer
 * @typedef {import("../lib/types.js").Page} Page
 */

import { Topics } from "../lib/topics.js";
import { Timeline } from "../lib/timeline.js";

const PAGE = 50;
// A user who was away for longer reads on from where they were, page by page.
const MAX_CATCH_UP = 500;
const AGAIN_MS = 1_000;

export class OpenRoom {
  #store;
  #commands;
  #timeline;
  #topics = new Topics();
  #listening = new AbortController();
  #syncing = false;
  /** @type {any} */
  #again = 0;

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./commands.js").Commands} commands
   * @param {string} identity
   * @param {Page} page what the server has put into the page
   */
  constructor(store, commands, identity, page) {
    this.#store = store;
    this.#commands = commands;
    this.identity = identity;
    /** False while the newest messages are further down than what is shown. */
    this.atTail = !page.has_after;
    this.#timeline = new Timeline(known(page));
    this.#take(page.messages);
    this.#follow();
  }

  /** @param {"step" | "reset" | "gone"} what @param {(detail: any) => void} listener @param {AbortSignal} signal */
  on(what, listener, signal) {
    this.#topics.on(what, listener, signal);
  }

  /** Stops listening; the object is of no use afterwards. */
  close() {
    this.#listening.abort();
    clearTimeout(this.#again);
  }

  /** Everything up to here is on the screen. */
  get seq() {
    return this.#timeline.seq;
  }

  /** Events may have been missed: asks for what is missing. */
  async sync() {
    if (this.#syncing || !this.atTail || !this.#commands.open) return;
    this.#syncing = true;
    try {
      while (await this.#syncOnce());
    } catch {
      // Disconnected, or the database is away: `ready` or the timer below starts over.
    }
    this.#syncing = false;
    if (this.#timeline.lacking) this.#syncLater();
  }

  /** The page before `seq`. @param {number} seq @returns {Promise<{messages: Message[], hasBefore: boolean}>} */
  async older(seq) {
    const page = await this.#history(`before=${seq}&limit=${PAGE}`);
    return {
      messages: this.#take(page.messages),
      hasBefore: page.has_before,
    };
  }

  /** The page after what is shown. */
  async newer() {
    const page = await this.#history(`after=${this.seq}&limit=${PAGE}`);
    this.atTail = !page.has_after;
    const revision = this.#timeline.revision;
    this.#apply({ ...page, changed: [], revision, has_more: page.has_after });
    this.sync();
  }

  /** Leaves out what lies between and goes on from the newest messages. */
  async latest() {
    const page = await this.#history(`limit=${PAGE}`);
    this.#timeline = new Timeline(known(page));
    this.atTail = true;
    this.#store.messages.clear();
    this.#tell("reset", { messages: this.#take(page.messages), hasBefore: page.has_before });
    this.sync();
  }

  /** Takes everything below `seq` off the screen; it is read again when the reader gets there. @param {number} seq */
  rewind(seq) {
    this.#timeline = new Timeline({ seq, revision: this.#timeline.revision });
    this.atTail = false;
  }

  #follow() {
    const { signal } = this.#listening;
    const on = (/** @type {string} */ topic, /** @type {(detail: any) => void} */ handle) =>
      this.#store.on(topic, handle, signal);
    on("event:ready", ({ rooms }) => this.#reconnected(rooms));
    on("event:message.created", ({ message }) => this.#created(message));
    on("event:message.updated", ({ message }) => this.updated(message));
    on("event:room.heads", ({ rooms }) => this.#announced(rooms[this.identity]));
    on("event:room.removed", ({ room_identity: room }) => room === this.identity && this.#tell("gone"));
    on("poll", (rooms) => this.#reconnected(rooms));
    on("sent", ({ message }) => this.#created(message));
  }

  /** Subscribed first, so that nothing is lost between the snapshot and the events. @param {any[]} rooms */
  #reconnected(rooms) {
    const room = rooms.find(({ identity }) => identity === this.identity);
    if (!room) return this.#tell("gone");
    const behind = room.last_seq - this.seq;
    if (behind > MAX_CATCH_UP) this.atTail = false;
    this.#announced({ seq: room.last_seq, revision: room.revision });
    return this.sync();
  }

  /** @param {Message} message */
  #created(message) {
    if (message.room_identity !== this.identity) return;
    // Far from the end it would only wait in memory for everything in between.
    if (this.atTail) this.#show(this.#timeline.created(message));
  }

  /** An edit or recall, from an event or from the answer to my own command. @param {Message} message */
  updated(message) {
    if (message.room_identity === this.identity) this.#show(this.#timeline.updated(message));
  }

  /** @param {{seq: number, revision: number} | undefined} head */
  #announced(head) {
    if (!head) return;
    this.#timeline.announced(head);
    this.#show({ created: [], changed: [] });
  }

  /** @returns {Promise<boolean>} true when there is more to ask for at once */
  async #syncOnce() {
    const { seq, revision } = this.#timeline;
    const answer = await this.#commands.sync(this.identity, { seq, revision });
    if (!answer) {
      this.#tell("gone");
      return false;
    }
    this.#apply(answer);
    const moved = this.#timeline.seq > seq || this.#timeline.revision > revision;
    return moved && this.#timeline.lacking;
  }

  /** @param {SyncAnswer} answer */
  #apply(answer) {
    this.#timeline.announced({ seq: answer.last_seq, revision: answer.revision });
    this.#show(this.#timeline.synced(answer));
  }

  /** @param {import("../lib/timeline.js").Step} step */
  #show(step) {
    const created = this.#take(step.created);
    const changed = step.changed.map((message) => this.#known(message));
    if (created.length || changed.length) this.#tell("step", { created, changed });
    if (this.#timeline.lacking && !this.#syncing) this.sync();
  }

  /** Something is on its way in the server, or the server could not answer: asks again in a moment. */
  #syncLater() {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.sync(), AGAIN_MS);
  }

  /** Messages that appear on the screen. @param {Message[]} messages */
  #take(messages) {
    return messages.map((message) => {
      this.#store.stored(message);
      return this.#store.messages.put(this.#timeline.freshest(message));
    });
  }

  /** @param {Message} message */
  #known(message) {
    this.#store.changed(message);
    return this.#store.messages.get(message.identity) ?? message;
  }

  /** @param {string} query */
  #history(query) {
    return this.#commands.history(this.identity, query);
  }

  /** @param {string} what @param {object} [detail] */
  #tell(what, detail = {}) {
    this.#topics.tell(what, detail);
  }
}

/** A page is known to be complete up to `complete_to`; later messages may have a gap before them. @param {Page} page */
function known({ complete_to: completeTo, revision }) {
  return { seq: completeTo, revision };
}
