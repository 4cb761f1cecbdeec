/** The list of rooms, and the number in the window's title. */

import { followZone, badge } from "../lib/format.js";
import { gettext } from "../lib/i18n.js";
import { plainKey } from "../lib/keys.js";
import { setText } from "../views/dom.js";
import { client } from "../views/page.js";
import { RoomListView } from "../views/room_list_view.js";
import BaseController from "./base.js";

const MINUTE_MS = 60_000;

export default class extends BaseController {
  total = -1;

  started() {
    const { store } = client;
    this.view = new RoomListView(this.box("list"), this.target("template", HTMLTemplateElement), store);
    this.view.current = current();
    const on = (/** @type {string} */ topic, /** @type {(detail: any) => void} */ handle) => store.on(topic, handle, this.signal);
    on("room", (identity) => this.changed(identity));
    on("rooms", () => this.all());
    on("draft", ({ room }) => this.view?.render(room));
    on("user", (identity) => identity === store.me.identity && this.me());
    this.every(() => this.all(), MINUTE_MS);
    this.listen(document, "visibilitychange", () => this.all());
    this.all();
  }

  /** @param {string} identity */
  changed(identity) {
    this.view?.render(identity);
    this.rove();
    this.title();
  }

  all() {
    followZone();
    this.view?.renderAll();
    this.box("empty").hidden = client.store.rooms.list().length > 0;
    this.rove();
    this.title();
  }

  /** Another room is on the screen. */
  shown() {
    this.view?.show(current());
    this.rove();
    this.title();
  }

  /** The list is one stop of the Tab key; arrows go from room to room. */
  rove() {
    const links = this.view?.links ?? [];
    const focused = links.find((link) => link === document.activeElement);
    const stop = focused ?? links.find((link) => link.hasAttribute("aria-current")) ?? links[0];
    for (const link of links) {
      const index = link === stop ? 0 : -1;
      if (link.tabIndex !== index) link.tabIndex = index;
    }
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const links = this.view?.links ?? [];
    const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 });
    const next = links[steps[plainKey(event)] ?? -1];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
    this.rove();
  }

  me() {
    const me = client.store.users.get(client.store.me.identity);
    if (!me) return;
    setText(this.box("name"), me.nickname);
    this.target("picture", HTMLImageElement).src = me.avatar;
  }

  title() {
    const total = client.store.rooms.totalUnread;
    const name = client.store.rooms.get(current())?.name ?? gettext("Chats");
    const title = `${total ? `(${badge(total)}) ` : ""}${name} · IMSystem`;
    if (document.title !== title) document.title = title;
    if (total === this.total) return;
    this.total = total;
    if (total) navigator.setAppBadge?.(total).catch(() => {});
    else navigator.clearAppBadge?.().catch(() => {});
  }
}

function current() {
  return location.pathname.split("/")[2] ?? "";
}
