/** The list of rooms: order, previews, badges, drafts, and the number in the window's title. */

import { Controller } from "@hotwired/stimulus";
import { locale, part, showPicture } from "../lib/dom.js";
import { absolute, badge, shortTime } from "../lib/format.js";
import { gettext } from "../lib/i18n.js";
import { client } from "../models/client.js";

export default class extends Controller {
  static targets = ["list", "template", "empty"];

  connect() {
    this.listener = () => this.render();
    client.rooms.addEventListener("change", this.listener);
    client.drafts.addEventListener("change", this.listener);
    this.ticker = setInterval(this.listener, 60_000);
    this.render();
  }

  disconnect() {
    client.rooms.removeEventListener("change", this.listener);
    client.drafts.removeEventListener("change", this.listener);
    clearInterval(this.ticker);
  }

  render() {
    const rooms = client.rooms.list();
    const items = rooms.map((room) => this.item(room));
    this.arrange(items);
    this.emptyTarget.hidden = rooms.length > 0;
    this.title();
  }

  /** @param {import("../models/rooms.js").KnownRoom} room @returns {HTMLElement} */
  item(room) {
    const link = this.listTarget.querySelector(`[data-room-identity="${room.identity}"]`);
    const item = link?.closest("li") ?? this.make(room);
    this.fill(item, room);
    return item;
  }

  /** @param {import("../models/rooms.js").KnownRoom} room */
  make(room) {
    const item = part(this.templateTarget.content.cloneNode(true), "li");
    const link = part(item, "a");
    link.href = `/chat/${room.identity}/`;
    link.dataset.roomIdentity = room.identity;
    link.dataset.kind = room.kind;
    return item;
  }

  /** @param {HTMLElement} item @param {import("../models/rooms.js").KnownRoom} room */
  fill(item, room) {
    part(item, ".room-name").textContent = room.name;
    showPicture(part(item, ".avatar"), room.avatar);
    part(item, ".online").hidden = !room.online;
    this.fillTime(part(item, "time"), room.last_message?.created_at);
    this.fillPreview(item, room);
    this.fillBadge(item, client.rooms.unread(room.identity));
    const here = room.identity === this.current;
    if (here) part(item, "a").setAttribute("aria-current", "page");
    else part(item, "a").removeAttribute("aria-current");
  }

  /** @param {HTMLTimeElement} time @param {number | undefined} at */
  fillTime(time, at) {
    time.textContent = at ? shortTime(at, Date.now(), locale()) : "";
    if (at) time.dateTime = new Date(at).toISOString();
    if (at) time.title = absolute(at, locale());
  }

  /** A draft elsewhere is more urgent to know than the last message. @param {HTMLElement} item @param {import("../models/rooms.js").KnownRoom} room */
  fillPreview(item, room) {
    const draft = room.identity === this.current ? "" : client.drafts.get(room.identity);
    part(item, ".draft").hidden = !draft;
    part(item, ".preview").textContent = draft || preview(room.last_message);
  }

  /** @param {HTMLElement} item @param {number} unread */
  fillBadge(item, unread) {
    const element = part(item, ".badge");
    element.hidden = unread === 0;
    part(element, ".count").textContent = badge(unread);
  }

  /** Moves only what is out of place: moving an element takes the focus from it. @param {HTMLElement[]} items */
  arrange(items) {
    const focused = document.activeElement;
    items.forEach((item, index) => {
      const there = this.listTarget.children[index];
      if (there !== item) this.listTarget.insertBefore(item, there ?? null);
    });
    [...this.listTarget.children].slice(items.length).forEach((item) => item.remove());
    if (focused instanceof HTMLElement && this.element.contains(focused)) focused.focus();
  }

  title() {
    const total = client.rooms.totalUnread;
    const name = client.rooms.get(this.current)?.name ?? gettext("Chats");
    document.title = `${total ? `(${badge(total)}) ` : ""}${name} · IMSystem`;
    if (total) navigator.setAppBadge?.(total).catch(() => {});
    else navigator.clearAppBadge?.().catch(() => {});
  }

  get current() {
    return location.pathname.split("/")[2] ?? "";
  }
}

/** @param {?import("../lib/types.js").Message} message */
function preview(message) {
  if (!message) return "";
  return message.recalled_at === null ? message.data : gettext("Message recalled");
}
