/**
 * The server's time. The time limits for editing and recalling are the server's, and a computer's
 * clock may be wrong by minutes, so ages are computed with this clock only.
 */

export class ServerClock {
  #offset = 0;
  #local;

  /** @param {() => number} [local] this computer's clock, Unix milliseconds */
  constructor(local = Date.now) {
    this.#local = local;
  }

  /** Returns Unix milliseconds. */
  now() {
    return this.#local() + this.#offset;
  }

  /** The server has just told its time. @param {number} ms */
  set(ms) {
    if (Number.isFinite(ms)) this.#offset = ms - this.#local();
  }

  /** Something happened at `ms` by the server's clock, so it is not earlier than that. @param {number} ms */
  atLeast(ms) {
    if (ms > this.now()) this.set(ms);
  }
}
