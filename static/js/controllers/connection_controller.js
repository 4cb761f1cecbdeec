/** The banner about the connection. Silent while all is well; the composer works all the time. */

import { Controller } from "@hotwired/stimulus";
import { interpolate, gettext } from "../lib/i18n.js";
import { client } from "../models/client.js";

const REFUSED = 4403;
// Connecting for the first time is nothing to talk about, unless it takes this long.
const PATIENCE_MS = 3_000;

export default class extends Controller {
  static targets = ["text", "seconds", "retry"];

  connect() {
    this.lost = false;
    this.since = Date.now();
    this.listener = () => this.changed();
    client.socket.addEventListener("state", this.listener);
    this.ticker = setInterval(() => this.show(), 500);
  }

  disconnect() {
    client.socket.removeEventListener("state", this.listener);
    clearInterval(this.ticker);
  }

  retry() {
    client.socket.retryNow();
  }

  changed() {
    const { name, code } = client.socket.state;
    if (name === "ready") this.lost = false;
    if (name === "waiting") this.lost = true;
    if (name === "closed" && code !== REFUSED) this.signIn();
    this.show();
  }

  /** The device session has ended, here or from another device. */
  signIn() {
    const next = encodeURIComponent(location.pathname);
    location.assign(`/accounts/login/?next=${next}`);
  }

  show() {
    const { name, retryAt } = client.socket.state;
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
    const waiting = name === "waiting";
    this.say(this.sentence(name));
    this.secondsTarget.textContent = waiting
      ? interpolate(gettext("Reconnecting in %(seconds)s s…"), { seconds })
      : "";
    this.retryTarget.hidden = !waiting;
  }

  /** Only when it is news: screen readers read every change. @param {string} text */
  say(text) {
    if (this.textTarget.textContent !== text) this.textTarget.textContent = text;
    this.element.classList.toggle("shown", text !== "");
  }

  /** @param {string} name */
  sentence(name) {
    if (name === "closed") return gettext("The server refuses connections from this address.");
    if (name === "waiting") return gettext("Connection lost.");
    const slow = this.lost || Date.now() - this.since > PATIENCE_MS;
    return name === "connecting" && slow ? gettext("Connecting…") : "";
  }
}
