/** What all controllers share: targets with a type, and subscriptions that end with the element. */

import { Controller } from "@hotwired/stimulus";

export default class BaseController extends Controller {
  /** Ends with `disconnect`. */
  listening = new AbortController();

  connect() {
    this.listening = new AbortController();
    this.started();
  }

  disconnect() {
    this.listening.abort();
    this.stopped();
  }

  /** The element is on the page. */
  started() {}

  /** It no longer is. */
  stopped() {}

  get signal() {
    return this.listening.signal;
  }

  /** @returns {HTMLElement} */
  get root() {
    return /** @type {HTMLElement} */ (this.element);
  }

  /**
   * The one target with this name.
   *
   * @template {HTMLElement} T
   * @param {string} name @param {new () => T} type
   * @returns {T}
   */
  target(name, type) {
    const found = this.targets.find(name);
    if (!(found instanceof type)) throw new TypeError(`${this.identifier}: no target ${name}`);
    return found;
  }

  /** @param {string} name @returns {HTMLElement} */
  box(name) {
    return this.target(name, HTMLElement);
  }

  /** `data-<identifier>-<name>-value`. @param {string} name @returns {string} */
  value(name) {
    return this.root.getAttribute(`data-${this.identifier}-${name}-value`) ?? "";
  }

  /** Calls `action` now and then, until the element is gone. @param {() => void} action @param {number} ms */
  every(action, ms) {
    const timer = setInterval(action, ms);
    this.signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** @param {EventTarget} source @param {string} type @param {(event: any) => void} handle */
  listen(source, type, handle) {
    source.addEventListener(type, handle, { signal: this.signal });
  }
}
