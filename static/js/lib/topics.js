/**
 * Listeners by topic. The store tells a topic what has changed; a view listens to the slice of the
 * store that it shows, and to nothing else.
 */

/** @typedef {(detail: any) => void} Listener */

export class Topics {
  /** @type {Map<string, Set<Listener>>} */
  #listeners = new Map();

  /**
   * @param {string} topic
   * @param {Listener} listener
   * @param {AbortSignal} [signal] ends the subscription
   */
  on(topic, listener, signal) {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    signal?.addEventListener("abort", () => this.#off(topic, listener), { once: true });
  }

  /** @param {string} topic @param {unknown} [detail] */
  tell(topic, detail) {
    for (const listener of [...(this.#listeners.get(topic) ?? [])]) listener(detail);
  }

  /** The number of listeners: a page that is open for a month must not collect them. */
  get size() {
    return [...this.#listeners.values()].reduce((sum, listeners) => sum + listeners.size, 0);
  }

  /** @param {string} topic @param {Listener} listener */
  #off(topic, listener) {
    const listeners = this.#listeners.get(topic);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(topic);
  }
}
