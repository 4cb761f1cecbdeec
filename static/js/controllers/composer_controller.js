/** Where messages are written. It works without a connection: what is sent waits in the outbox. */

import { gettext, interpolate } from "../lib/i18n.js";
import { composerAction } from "../lib/keys.js";
import { characters } from "../lib/text.js";
import { locale } from "../views/dom.js";
import { client } from "../views/page.js";
import BaseController from "./base.js";

const TYPING_EVERY_MS = 3_000;
const TOUCH = matchMedia("(pointer: coarse)");

export default class extends BaseController {
  typingAt = 0;

  started() {
    this.room = this.value("room");
    this.field.value = client.store.drafts.get(this.room) || this.field.value;
    this.resize();
    client.store.on("draft", (draft) => this.changedElsewhere(draft), this.signal);
    if (!TOUCH.matches) this.field.focus({ preventScroll: true });
  }

  get field() {
    return this.target("input", HTMLTextAreaElement);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const action = composerAction(event, { touch: TOUCH.matches, empty: this.field.value === "" });
    if (!action) return;
    event.preventDefault();
    if (action === "send") this.send();
    else this.dispatch("edit-last");
  }

  /** Handles the form's own submit: the button, or a key. @param {SubmitEvent} event */
  submit(event) {
    event.preventDefault();
    this.send();
    this.field.focus();
  }

  input() {
    this.complain("");
    client.store.drafts.set(this.room ?? "", this.field.value);
    this.resize();
    this.tellTyping();
  }

  send() {
    const text = this.field.value;
    const most = client.store.limits.messageLength;
    if (!text.trim()) return;
    if (characters(text) > most) {
      const told = gettext("A message can have at most %(most)s characters.");
      this.complain(interpolate(told, { most: most.toLocaleString(locale()) }));
      return;
    }
    client.sender.send(this.room ?? "", text);
    this.write("");
    client.store.drafts.set(this.room ?? "", "");
    this.typingAt = 0;
  }

  /** A text sent in another tab need not be sent here again; a text that was continued here stays. @param {{room: string, before: string, text: string}} draft */
  changedElsewhere({ room, before, text }) {
    if (room === this.room && this.field.value === before) this.write(text);
  }

  tellTyping() {
    if (!this.field.value.trim() || Date.now() - this.typingAt < TYPING_EVERY_MS) return;
    this.typingAt = Date.now();
    client.socket.tell("typing", { room_identity: this.room });
  }

  /** @param {string} text */
  write(text) {
    this.field.value = text;
    this.resize();
  }

  /** @param {string} text */
  complain(text) {
    this.box("problem").textContent = text;
  }

  /** Makes the field as high as its text, up to the stylesheet's maximum. */
  resize() {
    const { style } = this.field;
    style.height = "auto";
    style.height = `${this.field.scrollHeight + 2}px`;
  }
}
