/** What was typed and not sent, by room. Survives leaving the room and reloading. */

export class Drafts extends EventTarget {
  #storage;
  #prefix;

  /** @param {Storage} storage @param {string} owner the user's identity */
  constructor(storage, owner) {
    super();
    this.#storage = storage;
    this.#prefix = `im.draft.${owner}.`;
  }

  /** @param {string} room @returns {string} */
  get(room) {
    try {
      return this.#storage.getItem(this.#prefix + room) ?? "";
    } catch {
      return "";
    }
  }

  /** @param {string} room @param {string} text */
  set(room, text) {
    try {
      if (text.trim()) this.#storage.setItem(this.#prefix + room, text);
      else this.#storage.removeItem(this.#prefix + room);
    } catch {
      // Storage full or forbidden: the text is still in the composer.
    }
    this.dispatchEvent(new CustomEvent("change"));
  }
}
