/**
 * Keeps the page working where the socket does not get through: a proxy that does not pass
 * WebSockets, or a server that refuses the socket of a signed-in user. After some failed tries it
 * checks whether plain requests work; if so, they replace the socket until it is back. Topic `way`
 * whenever `state` has changed.
 *
 * @typedef {"" | "blocked" | "refused" | "signed-out" | "other-user"} Trouble "" while all is well
 */

import { CommandError } from "./errors.js";
import { OTHER_USER } from "./socket.js";

const TRIES = 3;
const POLL_MS = 4_000;
const AGAIN_MS = 1_000;
const SIGNED_OUT = 4401;

export class Fallback {
  /** @type {Trouble} */
  trouble = "";
  #socket;
  #commands;
  #api;
  #store;
  #failures = 0;
  #refusals = 0;
  #asking = false;
  #answered = false;
  /** @type {any} */
  #timer = 0;
  /** Called after each successful poll: what waits can be sent now. */
  polled = () => {};

  /**
   * @param {object} parts
   * @param {import("./socket.js").Socket} parts.socket
   * @param {import("./commands.js").Commands} parts.commands
   * @param {import("./api.js").Api} parts.api
   * @param {import("./store.js").Store} parts.store
   */
  constructor({ socket, commands, api, store }) {
    this.#socket = socket;
    this.#commands = commands;
    this.#api = api;
    this.#store = store;
    socket.addEventListener("state", () => this.#changed());
  }

  /** The browser is signed in as another user: nothing more is done in the name of this page's user. */
  otherUser() {
    if (this.trouble === "other-user") return;
    this.#leave();
    this.#become("other-user");
    this.#socket.stop(OTHER_USER);
  }

  #changed() {
    const { name, code } = this.#socket.state;
    if (this.trouble === "other-user") return;
    if (name === "ready") this.#well();
    else if (name === "waiting") this.#failed();
    else if (name === "closed" && code === OTHER_USER) this.otherUser();
    else if (name === "closed" && code === SIGNED_OUT) this.#refused();
  }

  #well() {
    this.#failures = this.#refusals = 0;
    this.#answered = false;
    this.#leave();
    this.#become("");
  }

  #failed() {
    this.#failures += 1;
    if (this.#failures >= TRIES) this.#ask("blocked");
  }

  /** Signed out, or so the socket says. One more try, then requests. */
  #refused() {
    this.#refusals += 1;
    this.#ask("refused");
  }

  /** Finds out whether requests get through. @param {Trouble} trouble the state in that case */
  async #ask(trouble) {
    if (this.#asking || this.#commands.rest) return;
    this.#asking = true;
    try {
      if (!(await this.#api.serves())) throw new CommandError({ code: "disconnected" });
      await this.#api.get("users/me/");
      if (!this.#socket.ready && this.trouble !== "other-user") this.#getsThrough(trouble);
    } catch (error) {
      const { code } = /** @type {import("./errors.js").CommandError} */ (error);
      if (code === "not_authenticated") this.#become("signed-out");
      else if (trouble === "refused") this.#socket.connectIn(AGAIN_MS * 5);
    } finally {
      this.#asking = false;
    }
  }

  /** @param {Trouble} trouble */
  #getsThrough(trouble) {
    if (trouble === "refused" && this.#refusals === 1) return this.#socket.connectIn(AGAIN_MS);
    // A server that was away may be back since the socket's last try.
    if (trouble === "blocked" && !this.#answered) {
      this.#answered = true;
      return this.#socket.retryNow();
    }
    this.#commands.rest = true;
    this.#become(trouble);
    this.#poll();
  }

  async #poll() {
    clearTimeout(this.#timer);
    try {
      const { results } = await this.#api.get("rooms/");
      if (!this.#commands.rest) return;
      this.#store.rooms.replace(results);
      this.#store.topics.tell("poll", results);
      this.polled();
    } catch (error) {
      const { code } = /** @type {import("./errors.js").CommandError} */ (error);
      if (code === "not_authenticated") {
        this.#leave();
        return this.#become("signed-out");
      }
    }
    if (this.#commands.rest) this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  #leave() {
    this.#commands.rest = false;
    clearTimeout(this.#timer);
  }

  /** @param {Trouble} trouble */
  #become(trouble) {
    if (this.trouble === trouble) return;
    this.trouble = trouble;
    this.#store.topics.tell("way", trouble);
  }
}
