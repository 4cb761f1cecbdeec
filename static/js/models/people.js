/** Nicknames. Event: `named` {identity, name} when one that was asked for has come. */

export class People extends EventTarget {
  /** @type {Map<string, string>} */
  #names = new Map();
  #asked = new Set();

  /** @param {Record<string, string>} names identity -> nickname */
  learn(names) {
    for (const [identity, name] of Object.entries(names)) this.#names.set(identity, name);
  }

  /** "" while it is not known; asks for it then. @param {string} identity @returns {string} */
  name(identity) {
    const known = this.#names.get(identity);
    if (known === undefined && identity) this.#ask(identity);
    return known ?? "";
  }

  /** @param {string} identity */
  async #ask(identity) {
    if (this.#asked.has(identity)) return;
    this.#asked.add(identity);
    try {
      const response = await fetch(`/api/v1/users/${identity}/`);
      if (!response.ok) return;
      const { nickname } = await response.json();
      this.learn({ [identity]: nickname });
      this.dispatchEvent(new CustomEvent("named", { detail: { identity, name: nickname } }));
    } catch {
      this.#asked.delete(identity); // offline: the next message asks again
    }
  }
}
