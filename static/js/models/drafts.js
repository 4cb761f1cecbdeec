/**
 * What was typed and not sent: a draft for each room, and one for each message that is being
 * edited. They survive leaving the room and reloading, and all tabs share them.
 *
 * Topics: `draft` (detail {room, before, text}) when the draft of a room has changed.
 *
 * @typedef {{text: string, revision: number}} Edit `revision`: that of the message it began with
 */

export class Drafts {
  #topics;
  #storage;
  #prefix;
  #editPrefix;

  /**
   * @param {import("../lib/topics.js").Topics} topics
   * @param {Storage} storage
   * @param {string} owner the user's identity
   */
  constructor(topics, storage, owner) {
    this.#topics = topics;
    this.#storage = storage;
    this.#prefix = `im.draft.${owner}.`;
    this.#editPrefix = `im.edit.${owner}.`;
  }

  /** @param {string} room @returns {string} */
  get(room) {
    return this.#read(this.#prefix + room);
  }

  /** @param {string} room @param {string} text */
  set(room, text) {
    const before = this.get(room);
    const kept = text.trim() ? text : "";
    this.#write(this.#prefix + room, kept);
    if (before !== kept) this.#topics.tell("draft", { room, before, text: kept });
  }

  /** Returns the unsent edit of a message. @param {string} message its identity @returns {?Edit} */
  edit(message) {
    try {
      const edit = JSON.parse(this.#read(this.#editPrefix + message) || "null");
      return typeof edit?.text === "string" ? edit : null;
    } catch {
      return null;
    }
  }

  /** @param {string} message @param {?Edit} edit null: it was saved, or given up */
  setEdit(message, edit) {
    this.#write(this.#editPrefix + message, edit ? JSON.stringify(edit) : "");
  }

  /** Another tab has changed the storage. @param {{key: ?string, oldValue: ?string, newValue: ?string}} event */
  changedElsewhere({ key, oldValue, newValue }) {
    if (!key?.startsWith(this.#prefix)) return;
    const room = key.slice(this.#prefix.length);
    this.#topics.tell("draft", { room, before: oldValue ?? "", text: newValue ?? "" });
  }

  /** @param {string} key */
  #read(key) {
    try {
      return this.#storage.getItem(key) ?? "";
    } catch {
      return "";
    }
  }

  /** @param {string} key @param {string} value */
  #write(key, value) {
    try {
      if (value) this.#storage.setItem(key, value);
      else this.#storage.removeItem(key);
    } catch {
      // The storage is full or forbidden: the text is still in the composer.
    }
  }
}
