/**
 * What lives as long as the page, however often the open room changes: the connection, my rooms,
 * what I am sending. Controllers reach it by importing `client`.
 */

import { readJson } from "../lib/dom.js";
import { Outbox } from "../lib/outbox.js";
import { Drafts } from "./drafts.js";
import { People } from "./people.js";
import { Reading } from "./reading.js";
import { Rooms } from "./rooms.js";
import { Sender } from "./sender.js";
import { Socket, openPageSocket } from "./socket.js";

class Client {
  constructor() {
    /** @type {{identity: string, nickname: string, avatar: string}} */
    this.me = readJson("me");
    this.rooms = new Rooms(this.me.identity, readJson("rooms"));
    this.people = new People();
    this.people.learn({ [this.me.identity]: this.me });
    this.drafts = new Drafts(localStorage, this.me.identity);
    this.outbox = new Outbox(localStorage, this.me.identity);
    this.socket = new Socket(openPageSocket);
    this.reading = new Reading(this.socket, this.rooms);
    this.sender = new Sender(this.socket, this.outbox);
    /** @type {any} the OpenRoom on the screen. No import in this comment: the storage that hashes file names follows those too, and would go in circles. */
    this.open = null;
    this.#follow();
  }

  /** Connects, and notices what the browser knows about the network. */
  start() {
    this.socket.connect();
    addEventListener("online", () => this.socket.retryNow());
    addEventListener("offline", () => this.socket.drop());
    addEventListener("storage", (event) => this.#otherTab(event));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.socket.check();
    });
    // Coming back through the browser's history may revive a page whose connection is long gone.
    addEventListener("pageshow", (event) => event.persisted && this.socket.check());
  }

  #follow() {
    this.#on("ready", ({ rooms }) => this.rooms.replace(rooms));
    this.#on("room.added", ({ room }) => this.rooms.add(room));
    this.#on("room.updated", ({ room }) => this.rooms.update(room));
    this.#on("room.removed", ({ room_identity: room }) => this.rooms.remove(room));
    this.#on("room.heads", ({ rooms }) => this.rooms.announced(rooms));
    this.#on("message.updated", ({ message }) => this.rooms.changed(message));
    this.#on("message.created", ({ message }) => this.#created(message));
    this.#on("presence", ({ user_identity: user, online }) => this.rooms.presence(user, online));
    this.#on("room.read", (frame) => this.#read(frame));
    this.#on("member.updated", ({ member }) => {
      this.people.learn({ [member.user.identity]: member.user });
    });
  }

  /** @param {string} type @param {(frame: any) => void} handle */
  #on(type, handle) {
    this.socket.addEventListener(type, (event) => handle(/** @type {CustomEvent} */ (event).detail));
  }

  /** @param {import("../lib/types.js").Message} message */
  #created(message) {
    this.rooms.created(message);
    if (message.user_identity === this.me.identity) this.sender.settle(message);
  }

  /** @param {{room_identity: string, user_identity: string, seq: number}} frame */
  #read({ room_identity: room, user_identity: user, seq }) {
    if (user === this.me.identity) this.rooms.read(room, seq);
  }

  /** Another tab has sent or discarded something. @param {StorageEvent} event */
  #otherTab(event) {
    const clientId = event.newValue === null ? this.outbox.clientIdOf(event.key) : "";
    const entry = this.outbox.get(clientId);
    // A message it has sent comes by the socket too; one it gave up must go here as well.
    if (entry?.state === "failed") this.sender.discard(clientId);
  }
}

export const client = new Client();
