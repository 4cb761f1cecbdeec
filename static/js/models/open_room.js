/**
 * The room on the screen: keeps its timeline complete.
 *
 * Events: `step` {created, changed} what is to be shown now; `reset` {messages, hasBefore} start
 * over from the newest messages; `gone` when I am no longer in the room.
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {import("../lib/types.js").SyncAnswer} SyncAnswer
 * @typedef {{messages: Message[], has_before: boolean, has_after: boolean, last_seq: number,
 *   revision: number, complete_to: number}} Page
 */

import { Timeline } from "../lib/timeline.js";

const PAGE = 50;
// Somebody who was away for longer reads on from where they were, page by page.
const MAX_CATCH_UP = 500;
const AGAIN_MS = 1_000;

export class OpenRoom extends EventTarget {
  #client;
  #timeline;
  #listening = new AbortController();
  #syncing = false;
  /** @type {any} */
  #again = 0;

  /**
   * @param {import("./client.js").client} client
   * @param {string} identity
   * @param {Omit<Page, "messages">} page what the server has put into the page
   */
  constructor(client, identity, page) {
    super();
    this.#client = client;
    this.identity = identity;
    /** False while the newest messages are further down than what is shown. */
    this.atTail = !page.has_after;
    this.#timeline = new Timeline(known(page));
    this.#follow();
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

  /** Events may have been missed: asks for what is lacking. */
  async sync() {
    if (this.#syncing || !this.atTail || !this.#client.socket.ready) return;
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
      messages: page.messages.map((message) => this.#timeline.freshest(message)),
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
    this.#tell("reset", { messages: page.messages, hasBefore: page.has_before });
    this.sync();
  }

  #follow() {
    const { signal } = this.#listening;
    const listen = (/** @type {EventTarget} */ source, /** @type {string} */ type, /** @type {(detail: any) => void} */ handle) =>
      source.addEventListener(type, (event) => handle(/** @type {CustomEvent} */ (event).detail), { signal });
    const { socket, sender } = this.#client;
    listen(socket, "ready", ({ rooms }) => this.#reconnected(rooms));
    listen(socket, "message.created", ({ message }) => this.#created(message));
    listen(socket, "message.updated", ({ message }) => this.updated(message));
    listen(socket, "room.heads", ({ rooms }) => this.#announced(rooms[this.identity]));
    listen(socket, "room.removed", ({ room_identity: room }) => room === this.identity && this.#tell("gone"));
    listen(sender, "sent", ({ message }) => this.#created(message));
  }

  /** Subscribed first, so that nothing falls between the snapshot and the events. @param {any[]} rooms */
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
    if (message.room_identity === this.identity) this.#show(this.#timeline.created(message));
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
    const ack = await this.#client.socket.request("sync", { rooms: { [this.identity]: { seq, revision } } });
    const answer = ack.rooms[this.identity];
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
    if (step.created.length || step.changed.length) this.#tell("step", step);
    if (this.#timeline.lacking && !this.#syncing) this.sync();
  }

  /** Something is on its way in the server, or it could not answer: ask again in a moment. */
  #syncLater() {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.sync(), AGAIN_MS);
  }

  /** @param {string} query @returns {Promise<Page>} */
  async #history(query) {
    const response = await fetch(`/api/v1/rooms/${this.identity}/messages/?${query}`);
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  /** @param {string} type @param {object} [detail] */
  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A page proves what it shows up to `complete_to`; later ones of it may have a gap before them. @param {Omit<Page, "messages">} page */
function known({ complete_to: completeTo, revision }) {
  return { seq: completeTo, revision };
}
