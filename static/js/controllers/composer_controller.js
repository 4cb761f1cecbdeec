/** Where messages are written. Works without a connection: what is sent then waits in the outbox. */

import { Controller } from "@hotwired/stimulus";
import { gettext } from "../lib/i18n.js";
import { composerAction } from "../lib/keys.js";
import { client } from "../models/client.js";

const MAX_CHARACTERS = 5_000;
const TYPING_EVERY_MS = 3_000;
const TOUCH = matchMedia("(pointer: coarse)");

export default class extends Controller {
  static targets = ["input", "problem"];
  static values = { room: String };

  connect() {
    this.typingAt = 0;
    this.inputTarget.value = client.drafts.get(this.roomValue) || this.inputTarget.value;
    this.resize();
    if (!TOUCH.matches) this.inputTarget.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const empty = this.inputTarget.value === "";
    const action = composerAction(event, { touch: TOUCH.matches, empty });
    if (!action) return;
    event.preventDefault();
    if (action === "send") this.send();
    else this.dispatch("edit-last");
  }

  /** The form's own submit: the button, or a key. @param {SubmitEvent} event */
  submit(event) {
    event.preventDefault();
    this.send();
    this.inputTarget.focus();
  }

  input() {
    this.problemTarget.textContent = "";
    client.drafts.set(this.roomValue, this.inputTarget.value);
    this.resize();
    this.tellTyping();
  }

  send() {
    const text = this.inputTarget.value;
    if (!text.trim()) return;
    if ([...text].length > MAX_CHARACTERS) {
      this.problemTarget.textContent = gettext("A message has at most 5,000 characters.");
      return;
    }
    client.sender.send(this.roomValue, text);
    this.inputTarget.value = "";
    client.drafts.set(this.roomValue, "");
    this.typingAt = 0;
    this.resize();
  }

  tellTyping() {
    if (!this.inputTarget.value.trim() || Date.now() - this.typingAt < TYPING_EVERY_MS) return;
    this.typingAt = Date.now();
    client.socket.tell("typing", { room_identity: this.roomValue });
  }

  /** As high as its text, up to the stylesheet's maximum. */
  resize() {
    const { style } = this.inputTarget;
    style.height = "auto";
    style.height = `${this.inputTarget.scrollHeight + 2}px`;
  }
}
