/** "… is typing". */

import { Controller } from "@hotwired/stimulus";
import { gettext, interpolate } from "../lib/i18n.js";
import { client } from "../models/client.js";

const SHOWN_MS = 5_000;

export default class extends Controller {
  static values = { room: String };

  connect() {
    /** @type {Map<string, any>} user -> timer */
    this.typists = new Map();
    this.listening = new AbortController();
    this.listen("typing", (frame) => this.started(frame));
    this.listen("message.created", ({ message }) => {
      if (message.room_identity === this.roomValue) this.stopped(message.user_identity);
    });
  }

  disconnect() {
    this.listening.abort();
    this.typists.forEach((timer) => clearTimeout(timer));
  }

  /** @param {string} type @param {(frame: any) => void} handle */
  listen(type, handle) {
    const { signal } = this.listening;
    client.socket.addEventListener(type, (event) => handle(/** @type {CustomEvent} */ (event).detail), { signal });
  }

  /** @param {{room_identity: string, user_identity: string}} frame */
  started({ room_identity: room, user_identity: user }) {
    if (room !== this.roomValue || user === client.me.identity) return;
    clearTimeout(this.typists.get(user));
    this.typists.set(user, setTimeout(() => this.stopped(user), SHOWN_MS));
    this.show();
  }

  /** @param {string} user */
  stopped(user) {
    clearTimeout(this.typists.get(user));
    if (this.typists.delete(user)) this.show();
  }

  show() {
    this.element.textContent = this.sentence([...this.typists.keys()]);
  }

  /** @param {string[]} users */
  sentence(users) {
    if (users.length === 0) return "";
    if (users.length > 2) return gettext("Several people are typing…");
    const names = users.map((user) => client.people.name(user) || "…");
    if (names.length === 1) return interpolate(gettext("%(name)s is typing…"), { name: names[0] });
    return interpolate(gettext("%(first)s and %(second)s are typing…"), { first: names[0], second: names[1] });
  }
}
