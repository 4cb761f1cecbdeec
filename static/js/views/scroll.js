/** Where the reader is in the log, and how that place stays while the log changes. */

// This close to the end, a reader means to be at the end.
const NEAR_PX = 100;

export class Scroll {
  #box;
  #elements;

  /** @param {HTMLElement} box the element that scrolls @param {() => HTMLElement[]} elements the messages in it, from the top */
  constructor(box, elements) {
    this.#box = box;
    this.#elements = elements;
  }

  get atBottom() {
    return this.#below <= NEAR_PX;
  }

  get nearTop() {
    return this.#box.scrollTop < NEAR_PX * 3;
  }

  get nearEnd() {
    return this.#below < NEAR_PX * 3;
  }

  toBottom() {
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Scrolls to a little above the element, so that the message before it is visible. @param {HTMLElement} element */
  to(element) {
    const top = element.getBoundingClientRect().top - this.#box.getBoundingClientRect().top;
    this.#box.scrollTop += top - this.#box.clientHeight / 4;
  }

  /**
   * Changes the log without moving what the reader sees. The browser's own anchoring does not work
   * at the very top, which is where older messages are loaded.
   *
   * @param {() => void} change
   */
  keep(change) {
    const anchor = this.#firstVisible();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor?.isConnected) this.#box.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  get #below() {
    return this.#box.scrollHeight - this.#box.clientHeight - this.#box.scrollTop;
  }

  /** The bubble, not the whole message: lines for days come and go above it. */
  #firstVisible() {
    const top = this.#box.getBoundingClientRect().top;
    const elements = this.#elements();
    let [low, high] = [0, elements.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (elements[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    return elements[low]?.querySelector(".bubble") ?? undefined;
  }
}
