/**
 * What lives as long as the page, however often the open room changes: the connection, the store,
 * messages on their way. views/page.js creates the page's only one.
 */

import { ServerClock } from "../lib/clock.js";
import { readLimits } from "../lib/limits.js";
import { Api } from "./api.js";
import { Commands } from "./commands.js";
import { applyEvents } from "./events.js";
import { Fallback } from "./fallback.js";
import { OpenRoom } from "./open_room.js";
import { Reading } from "./reading.js";
import { Sender } from "./sender.js";
import { Socket } from "./socket.js";
import { Store } from "./store.js";

const REFRESH_MS = 1_000;

export class Client {
  /** @type {?OpenRoom} the room on the screen */
  open = null;
  /** @type {any} */
  #refreshing = 0;

  /**
   * @param {object} page
   * @param {import("../lib/types.js").Me} page.me
   * @param {import("../lib/types.js").Room[]} page.rooms
   * @param {any} page.serverInfo
   * @param {number} page.now the server's time when the page was made
   * @param {() => string} page.csrf
   * @param {Storage} page.storage
   * @param {() => WebSocket} page.connect
   */
  constructor({ me, rooms, serverInfo, now, csrf, storage, connect }) {
    const clock = new ServerClock();
    clock.set(now);
    this.api = new Api(me.identity, clock, csrf);
    const limits = readLimits(serverInfo);
    this.store = new Store({ me, rooms, limits, clock, api: this.api, storage });
    this.socket = new Socket(connect, ({ user }) => user.identity === me.identity);
    this.commands = new Commands(this.socket, this.api);
    this.sender = new Sender(this.commands, this.store);
    this.reading = new Reading(this.commands, this.store.rooms);
    this.fallback = new Fallback(this);
    this.api.otherUser = () => this.fallback.otherUser();
    this.#follow();
  }

  /** @param {string} identity @param {import("../lib/types.js").Page} page */
  openRoom(identity, page) {
    this.closeRoom();
    this.open = new OpenRoom(this.store, this.commands, identity, page);
    return this.open;
  }

  closeRoom() {
    this.open?.close();
    this.open = null;
    this.store.messages.clear();
  }

  #follow() {
    applyEvents(this.socket, this.store);
    this.store.on("event:ready", () => this.#flush());
    this.store.on("behind", () => this.#refreshSoon());
    this.fallback.polled = () => this.#flush();
  }

  #flush() {
    this.sender.flush();
    this.reading.flush();
  }

  /** Messages were stored that no event announced: reads the list of rooms again. */
  #refreshSoon() {
    clearTimeout(this.#refreshing);
    this.#refreshing = setTimeout(() => this.#refresh(), REFRESH_MS);
  }

  async #refresh() {
    try {
      this.store.rooms.replace((await this.api.get("rooms/")).results);
    } catch {
      // `ready` or the next `room.heads` will bring it.
    }
  }
}
