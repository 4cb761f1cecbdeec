/** Shows who is typing. */

import { gettext, interpolate } from "../lib/i18n.js";
import { client } from "../views/page.js";
import BaseController from "./base.js";

const SHOWN_MS = 5_000;

export default class extends BaseController {
  /** @type {Map<string, any>} user -> timer */
  typists = new Map();

  started() {
    this.room = this.value("room");
    client.store.on("event:typing", (frame) => this.began(frame), this.signal);
    client.store.on("event:message.created", ({ message }) => {
      if (message.room_identity === this.room) this.ended(message.user_identity);
    }, this.signal);
  }

  stopped() {
    this.typists.forEach((timer) => clearTimeout(timer));
    this.typists.clear();
  }

  /** @param {{room_identity: string, user_identity: string}} frame */
  began({ room_identity: room, user_identity: user }) {
    if (room !== this.room || user === client.store.me.identity) return;
    clearTimeout(this.typists.get(user));
    this.typists.set(user, setTimeout(() => this.ended(user), SHOWN_MS));
    this.show();
  }

  /** @param {string} user */
  ended(user) {
    clearTimeout(this.typists.get(user));
    if (this.typists.delete(user)) this.show();
  }

  show() {
    this.root.textContent = this.sentence([...this.typists.keys()]);
  }

  /** @param {string[]} users */
  sentence(users) {
    if (users.length === 0) return "";
    if (users.length > 2) return gettext("Several people are typing…");
    if (client.store.rooms.get(this.room ?? "")?.kind === "direct") return gettext("Typing…");
    const names = users.map((user) => client.store.users.name(user) || "…");
    if (names.length === 1) return interpolate(gettext("%(name)s is typing…"), { name: names[0] });
    return interpolate(gettext("%(first)s and %(second)s are typing…"), { first: names[0], second: names[1] });
  }
}
