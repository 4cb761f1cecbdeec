/** "online", after the name in the head of a conversation of two. */

import { Controller } from "@hotwired/stimulus";
import { gettext } from "../lib/i18n.js";
import { client } from "../models/client.js";

export default class extends Controller {
  static values = { room: String };

  connect() {
    this.listener = () => this.show();
    client.rooms.addEventListener("change", this.listener);
    this.show();
  }

  disconnect() {
    client.rooms.removeEventListener("change", this.listener);
  }

  /** Only when it is news: screen readers read every change. */
  show() {
    const text = client.rooms.get(this.roomValue)?.online ? ` · ${gettext("online")}` : "";
    if (this.element.textContent !== text) this.element.textContent = text;
  }
}
