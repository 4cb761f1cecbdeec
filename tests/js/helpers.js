/** Stand-ins shared by the tests. */

import { readFileSync } from "node:fs";

/** A table of cases that the tests in Python read too. */
export function cases(name) {
  return JSON.parse(readFileSync(new URL(`../cases/${name}.json`, import.meta.url), "utf8"));
}

/** A message of room r. */
export function message(seq, fields = {}) {
  return {
    identity: `m${seq}`,
    room_identity: "r",
    user_identity: "bob",
    seq,
    revision: 0,
    client_id: `c${seq}`,
    kind: "text",
    data: `text ${seq}`,
    created_at: 1_000 * seq,
    updated_at: 1_000 * seq,
    edited_at: null,
    recalled_at: null,
    ...fields,
  };
}

export function seqs(messages) {
  return messages.map(({ seq }) => seq);
}

/** localStorage, in memory. */
export class MemoryStorage {
  #items = new Map();
  get length() {
    return this.#items.size;
  }
  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }
  getItem(key) {
    return this.#items.get(key) ?? null;
  }
  setItem(key, value) {
    this.#items.set(key, String(value));
  }
  removeItem(key) {
    this.#items.delete(key);
  }
}

/** Lets everything that is ready to run, run. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
