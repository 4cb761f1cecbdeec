/**
 * One behaviour for all menus (`details.menu`) of a page: only one is open at a time, Escape and a
 * click elsewhere close it, arrow keys move through it, and it opens where there is room. An open
 * menu is placed relative to the window, so that no scrolling box cuts it off. Sits on <body>.
 */

import { isInputMethod } from "../lib/keys.js";
import BaseController from "./base.js";

const GAP_PX = 4;

export default class extends BaseController {
  started() {
    // `toggle` does not bubble, but it can be captured.
    document.addEventListener("toggle", (event) => this.toggled(event.target), { capture: true, signal: this.signal });
    this.listen(document, "click", (event) => this.clicked(event));
    this.listen(document, "keydown", (event) => this.key(event));
    document.addEventListener("scroll", (event) => this.scrolled(event), { capture: true, passive: true, signal: this.signal });
    this.listen(window, "resize", () => this.close());
  }

  /** @returns {?HTMLDetailsElement} */
  get open() {
    return document.querySelector("details.menu[open]");
  }

  /** @param {EventTarget | null} menu */
  toggled(menu) {
    if (!(menu instanceof HTMLDetailsElement) || !menu.matches(".menu") || !menu.open) return;
    document.querySelectorAll("details.menu[open]").forEach((other) => other !== menu && other.removeAttribute("open"));
    place(menu);
  }

  /** Handles clicks outside of a menu, or on an item that was chosen. @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const { open } = this;
    if (!open || target.closest("summary")?.parentElement === open) return;
    const stays = open.contains(target) && !target.closest("a, button");
    if (!stays) open.removeAttribute("open");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { open } = this;
    if (!open || isInputMethod(event)) return;
    if (event.key === "Escape") {
      event.preventDefault();
      open.removeAttribute("open");
      open.querySelector("summary")?.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.step(open, event);
    }
  }

  /** @param {HTMLDetailsElement} menu @param {KeyboardEvent} event */
  step(menu, event) {
    if (event.target instanceof HTMLSelectElement) return;
    const items = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll(".menu-items :is(a, button)")]).filter((item) => !item.hidden);
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = event.key === "ArrowDown" ? at + 1 : (at < 0 ? items.length : at) - 1;
    event.preventDefault();
    items[(next + items.length) % items.length]?.focus();
  }

  /** A menu closes when the element it belongs to scrolls away. @param {Event} event */
  scrolled(event) {
    if (this.open && event.target instanceof Node && event.target.contains(this.open)) this.close();
  }

  close() {
    this.open?.removeAttribute("open");
  }
}

/** Places the menu below its button, or above it where there is more room. @param {HTMLDetailsElement} menu */
function place(menu) {
  const items = /** @type {?HTMLElement} */ (menu.querySelector(".menu-items"));
  const button = menu.querySelector("summary");
  if (!items || !button) return;
  items.style.position = "fixed";
  items.style.inset = "auto";
  const from = button.getBoundingClientRect();
  const { width, height } = items.getBoundingClientRect();
  const below = innerHeight - from.bottom - GAP_PX;
  const top = below >= height || below >= from.top ? from.bottom + GAP_PX : from.top - height - GAP_PX;
  const rtl = getComputedStyle(menu).direction === "rtl";
  const left = rtl || from.right - width < GAP_PX ? from.left : from.right - width;
  items.style.top = `${Math.max(GAP_PX, Math.min(top, innerHeight - height - GAP_PX))}px`;
  items.style.left = `${Math.max(GAP_PX, Math.min(left, innerWidth - width - GAP_PX))}px`;
}
