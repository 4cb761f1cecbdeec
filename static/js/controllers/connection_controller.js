/** The banner about the connection. Silent while all is well; the composer works all the time. */

import { gettext, interpolate, space } from "../lib/i18n.js";
import { locale, setText } from "../views/dom.js";
import { client } from "../views/page.js";
import BaseController from "./base.js";

// A first connection is not worth mentioning unless it takes this long.
const PATIENCE_MS = 3_000;

export default class extends BaseController {
  lost = false;
  since = Date.now();

  started() {
    this.listen(client.socket, "state", () => this.changed());
    client.store.on("way", (trouble) => this.way(trouble), this.signal);
    client.store.on("event:error", ({ detail }) => this.refused(detail), this.signal);
    this.every(() => this.show(), 500);
  }

  retry() {
    client.socket.retryNow();
  }

  changed() {
    const { name } = client.socket.state;
    if (name === "ready") this.lost = false;
    if (name === "waiting") this.lost = true;
    this.show();
  }

  /** @param {import("../models/fallback.js").Trouble} trouble */
  way(trouble) {
    if (trouble === "signed-out") this.signIn();
    else if (trouble === "other-user") location.reload();
    else this.show();
  }

  /** The device session has ended, here or from another device. */
  signIn() {
    location.assign(`/accounts/login/?next=${encodeURIComponent(location.pathname)}`);
  }

  /** An error that answers no command. @param {string} detail */
  refused(detail) {
    this.problem = detail;
    this.problemUntil = Date.now() + 10_000;
    this.show();
  }

  show() {
    const { name, retryAt } = client.socket.state;
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
    const waiting = name === "waiting" && !client.commands.rest;
    this.say(this.sentence(name));
    const wait = interpolate(gettext("Reconnecting in %(seconds)s s…"), { seconds });
    setText(this.box("seconds"), waiting ? space(locale()) + wait : "");
    this.box("retry").hidden = !waiting;
    this.box("signin").hidden = client.fallback.trouble !== "refused";
  }

  /** @param {string} text */
  say(text) {
    setText(this.box("text"), text);
    this.root.classList.toggle("shown", text !== "");
  }

  /** @param {string} name */
  sentence(name) {
    const { trouble } = client.fallback;
    if (trouble === "blocked") return gettext("Live updates are not reaching this browser, perhaps because of a proxy. Messages are sent and received every few seconds instead.");
    if (trouble === "refused") return gettext("The server is refusing live updates even though you are signed in. Messages are sent and received every few seconds instead. Signing in again may help.");
    if (name === "closed") return client.socket.state.code === 4403 ? gettext("Can't connect: this address isn't allowed. Ask the administrator.") : "";
    if (name === "waiting") return gettext("Connection lost.");
    if (this.problem && Date.now() < (this.problemUntil ?? 0)) return this.problem;
    const slow = this.lost || Date.now() - this.since > PATIENCE_MS;
    return name === "connecting" && slow ? gettext("Connecting…") : "";
  }
}
