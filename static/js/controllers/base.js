/** What all controllers share: typed targets, and subscriptions that end with the element. */

import { Controller } from "@hotwired/stimulus";

export default class BaseController extends Controller {
  /** Aborted by `disconnect`. */
  listening = new AbortController();

  connect() {
    this.listening = new AbortController();
    this.started();
  }

  disconnect() {
    this.listening.abort();
    this.stopped();
  }

  /** Called when the element is on the page. */
  started() {}

  /** Called when it no longer is. */
  stopped() {}

  get signal() {
    return this.listening.signal;
  }

  /** @returns {HTMLElement} */
  get root() {
    return /** @type {HTMLElement} */ (this.element);
  }

  /**
   * Returns the only target with this name.
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

  /** Returns `data-<identifier>-<name>-value`. @param {string} name @returns {string} */
  value(name) {
    return this.root.getAttribute(`data-${this.identifier}-${name}-value`) ?? "";
  }

  /** Calls `action` every `ms` milliseconds until the element is gone. @param {() => void} action @param {number} ms */
  every(action, ms) {
    const timer = setInterval(action, ms);
    this.signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** @param {EventTarget} source @param {string} type @param {(event: any) => void} handle */
  listen(source, type, handle) {
    source.addEventListener(type, handle, { signal: this.signal });
  }
}
