/** The head of the conversation: name, picture, number of members, whether the other user is online. */

import { gettext, interpolate, ngettext } from "../lib/i18n.js";
import { setText, showPicture } from "../views/dom.js";
import { client } from "../views/page.js";
import BaseController from "./base.js";

export default class extends BaseController {
  started() {
    this.room = this.value("room");
    this.members = new Set(this.value("members").split(" ").filter(Boolean));
    client.store.on("room", (room) => room === this.room && this.show(), this.signal);
    client.store.on("event:member.updated", (frame) => this.count(frame.room_identity, () => this.members?.add(frame.member.user.identity)), this.signal);
    client.store.on("event:member.removed", (frame) => this.count(frame.room_identity, () => this.members?.delete(frame.user_identity)), this.signal);
    client.store.on("event:ownership.offered", (frame) => this.offer(frame), this.signal);
    this.show();
  }

  /** @param {{room_identity: string, user_identity: string, offered: boolean}} frame */
  offer({ room_identity: room, user_identity: user, offered }) {
    if (room === this.room && user === client.store.me.identity) this.box("offer").hidden = !offered;
  }

  /** @param {string} room @param {() => void} change */
  count(room, change) {
    if (room !== this.room) return;
    change();
    this.show();
  }

  show() {
    const room = client.store.rooms.get(this.room ?? "");
    if (!room) return;
    setText(this.box("name"), room.name);
    showPicture(this.target("picture", HTMLImageElement), room.avatar);
    const number = this.members?.size ?? 0;
    const text = ngettext("%(number)s member", "%(number)s members", number);
    if (room.kind === "group") setText(this.box("members"), interpolate(text, { number }));
    else setText(this.box("online"), room.online ? ` · ${gettext("online")}` : "");
  }
}
