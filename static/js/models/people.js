/**
 * Who people are. Event: `known` {identity} when somebody who was asked for has come.
 *
 * @typedef {{nickname: string, avatar: string}} Person `avatar`: the address of a picture
 */

export class People extends EventTarget {
  /** @type {Map<string, Person>} */
  #people = new Map();
  #asked = new Set();

  /** @param {Record<string, Person>} people by identity */
  learn(people) {
    for (const [identity, { nickname, avatar }] of Object.entries(people)) {
      this.#people.set(identity, { nickname, avatar });
    }
  }

  /** Null while it is not known who that is; asks for it then. @param {string} identity @returns {?Person} */
  get(identity) {
    const known = this.#people.get(identity);
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
      const response = await fetch(`/api/v1/users/${identity}/`);
      if (!response.ok) return;
      this.learn({ [identity]: await response.json() });
      this.dispatchEvent(new CustomEvent("known", { detail: { identity } }));
    } catch {
      this.#asked.delete(identity); // offline: the next message asks again
    }
  }
}
