/**
 * The list of rooms: one row a room. A change of one room renders its row, and moves it if its
 * place has changed.
 *
 * @typedef {Readonly<import("../lib/types.js").Room>} Room
 */

import { absolute, badge, shortTime } from "../lib/format.js";
import { copy, locale, part, setAttribute, setText, showPicture } from "./dom.js";
import { preview } from "./kinds.js";

export class RoomListView {
  #list;
  #template;
  #store;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** The room on the screen. */
  current = "";

  /**
   * @param {HTMLElement} list
   * @param {HTMLTemplateElement} template
   * @param {import("../models/store.js").Store} store
   */
  constructor(list, template, store) {
    this.#list = list;
    this.#template = template;
    this.#store = store;
    for (const link of list.querySelectorAll("a")) {
      this.#rows.set(link.dataset.roomIdentity ?? "", /** @type {HTMLElement} */ (link.closest("li")));
    }
  }

  /** @returns {HTMLAnchorElement[]} from the top */
  get links() {
    return [...this.#list.querySelectorAll("a")];
  }

  /** Renders every row, in order; rooms that are gone are removed. */
  renderAll() {
    const rooms = this.#store.rooms.list();
    const present = new Set(rooms.map(({ identity }) => identity));
    for (const [identity, row] of this.#rows) {
      if (present.has(identity)) continue;
      row.remove();
      this.#rows.delete(identity);
    }
    rooms.forEach((room, index) => this.#arrange(this.#render(room), index));
  }

  /** Renders one row. @param {string} identity */
  render(identity) {
    const room = this.#store.rooms.get(identity);
    if (!room) return;
    const row = this.#render(room);
    this.#arrange(row, this.#store.rooms.list().indexOf(room));
  }

  /** Another room is on the screen. @param {string} identity */
  show(identity) {
    const before = this.current;
    this.current = identity;
    this.render(before);
    this.render(identity);
  }

  /** @param {Room} room */
  #render(room) {
    const row = this.#rows.get(room.identity) ?? this.#make(room);
    this.#fill(row, room);
    return row;
  }

  /** @param {Room} room @returns {HTMLElement} */
  #make(room) {
    const row = copy(this.#template, "li");
    const link = part(row, "a");
    link.href = `/chat/${room.identity}/`;
    link.dataset.roomIdentity = room.identity;
    link.dataset.kind = room.kind;
    this.#rows.set(room.identity, row);
    return row;
  }

  /** @param {HTMLElement} row @param {Room} room */
  #fill(row, room) {
    setText(part(row, ".room-name"), room.name);
    showPicture(part(row, ".avatar"), room.avatar);
    part(row, ".online").hidden = !room.online;
    this.#fillTime(part(row, "time"), room.last_message?.created_at);
    this.#fillPreview(row, room);
    const unread = this.#store.rooms.unread(room.identity);
    part(row, ".badge").hidden = unread === 0;
    setText(part(row, ".count"), badge(unread));
    setAttribute(part(row, "a"), "aria-current", room.identity === this.current ? "page" : "");
  }

  /** @param {HTMLTimeElement} time @param {number | undefined} at */
  #fillTime(time, at) {
    setText(time, at ? shortTime(at, this.#store.clock.now(), locale()) : "");
    if (!at) return;
    setAttribute(time, "datetime", new Date(at).toISOString());
    setAttribute(time, "title", absolute(at, locale()));
  }

  /** A draft matters more than the last message. @param {HTMLElement} row @param {Room} room */
  #fillPreview(row, room) {
    const draft = room.identity === this.current ? "" : this.#store.drafts.get(room.identity);
    part(row, ".draft").hidden = !draft;
    setText(part(row, ".preview"), draft || preview(room.last_message));
  }

  /** Moves a row only if it is out of place: moving an element loses its focus. @param {HTMLElement} row @param {number} index */
  #arrange(row, index) {
    const there = this.#list.children[index];
    if (there === row) return;
    const focused = document.activeElement;
    const before = there && this.#indexIsAbove(row, there) ? there.nextElementSibling : (there ?? null);
    this.#list.insertBefore(row, before);
    if (focused instanceof HTMLElement && row.contains(focused)) focused.focus();
  }

  /** Returns whether the row moves down: then it goes behind what is there now. @param {HTMLElement} row @param {Element} there */
  #indexIsAbove(row, there) {
    return row.isConnected && (row.compareDocumentPosition(there) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  }
}
