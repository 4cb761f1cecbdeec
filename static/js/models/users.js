/**
 * What is known of users. Topic `user` (detail: the identity): something became known or changed.
 *
 * @typedef {import("../lib/types.js").User} User
 */

export class Users {
  /** @type {Map<string, User>} */
  #users = new Map();
  #asked = new Set();
  #topics;
  #api;

  /** @param {import("../lib/topics.js").Topics} topics @param {import("./api.js").Api} api */
  constructor(topics, api) {
    this.#topics = topics;
    this.#api = api;
  }

  /** @param {Record<string, User & {account?: string}>} users by identity */
  learn(users) {
    for (const [identity, { nickname, avatar, ...more }] of Object.entries(users)) {
      const known = this.#users.get(identity);
      // Only the page knows whether a name looks like another member's. A name that is new since
      // then stands beside the username until the page is loaded again.
      const handle = more.handle ?? (known?.nickname === nickname ? known.handle : more.account) ?? "";
      if (known?.nickname === nickname && known.avatar === avatar && known.handle === handle) continue;
      this.#users.set(identity, { nickname, avatar, handle });
      this.#topics.tell("user", identity);
    }
  }

  /** Null while the user is not known, who is then asked for. @param {string} identity @returns {?User} */
  get(identity) {
    const known = this.#users.get(identity);
    if (!known && identity) this.#ask(identity);
    return known ?? null;
  }

  /** "" while it is not known. @param {string} identity @returns {string} */
  name(identity) {
    return this.get(identity)?.nickname ?? "";
  }

  /** @param {string} identity */
  async #ask(identity) {
    if (this.#asked.has(identity)) return;
    this.#asked.add(identity);
    try {
      this.learn({ [identity]: await this.#api.get(`users/${identity}/`) });
    } catch (error) {
      // Offline: the next message asks again. A user who does not exist is not asked for twice.
      if (/** @type {import("./errors.js").CommandError} */ (error).code !== "not_found") this.#asked.delete(identity);
    }
  }
}
