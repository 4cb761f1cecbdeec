/**
 * Messages by identity: those on the screen, in their newest form. Others are read from the server
 * when they are needed.
 *
 * Topic `message` (detail: the message) when a known one has changed.
 *
 * @typedef {import("../lib/types.js").Message} Message
 */

export class Messages {
  /** @type {Map<string, Message>} */
  #messages = new Map();
  #topics;

  /** @param {import("../lib/topics.js").Topics} topics */
  constructor(topics) {
    this.#topics = topics;
  }

  /** @param {string} identity @returns {Readonly<Message> | undefined} */
  get(identity) {
    return this.#messages.get(identity);
  }

  /** Takes a message in and returns its newest form. @param {Message} message @returns {Message} */
  put(message) {
    const known = this.#messages.get(message.identity);
    if (known && known.revision >= message.revision) return known;
    this.#messages.set(message.identity, message);
    if (known) this.#topics.tell("message", message);
    return message;
  }

  /** A change of a message that may be on the screen. @param {Message} message */
  changed(message) {
    if (this.#messages.has(message.identity)) this.put(message);
  }

  /** No longer on the screen. @param {string} identity */
  drop(identity) {
    this.#messages.delete(identity);
  }

  clear() {
    this.#messages.clear();
  }

  get size() {
    return this.#messages.size;
  }
}
