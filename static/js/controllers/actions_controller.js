/** What one can do with one message: edit, recall, send again, give up. */

import { Controller } from "@hotwired/stimulus";
import { part } from "../lib/dom.js";
import { gettext } from "../lib/i18n.js";
import { composerAction } from "../lib/keys.js";
import { client } from "../models/client.js";

const TOUCH = matchMedia("(pointer: coarse)");

export default class extends Controller {
  static targets = ["editor", "alert"];

  /** @param {Event} event */
  retry(event) {
    client.sender.retry(message(event).dataset.clientId ?? "");
    this.backToComposer();
  }

  /** @param {Event} event */
  discard(event) {
    client.sender.discard(message(event).dataset.clientId ?? "");
    this.backToComposer();
  }

  /** @param {Event} event */
  async recall(event) {
    const element = message(event);
    this.closeMenus();
    await this.command("message.recall", element, {});
    this.backToComposer();
  }

  /** @param {Event} event */
  edit(event) {
    this.closeMenus();
    this.open(message(event));
  }

  /** Arrow up in an empty composer. */
  editLast() {
    const offers = [...this.element.querySelectorAll(".message.mine [data-role=edit]:not([hidden])")];
    const last = /** @type {?HTMLElement} */ (offers.at(-1)?.closest(".message") ?? null);
    if (last) this.open(last);
  }

  /** @param {HTMLElement} element */
  open(element) {
    this.closeEditors();
    const editor = part(this.editorTarget.content.cloneNode(true), "form");
    const input = part(editor, "textarea");
    part(element, ".message-main").append(editor);
    element.classList.add("editing");
    input.value = part(element, ".text").textContent;
    input.rows = Math.min(8, input.value.split("\n").length + 1);
    input.focus();
    element.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  editorKey(event) {
    if (event.key === "Escape") this.cancel();
    if (composerAction(event, { touch: TOUCH.matches, empty: false }) !== "send") return;
    event.preventDefault();
    /** @type {any} */ (event.target).form.requestSubmit();
  }

  /** @param {SubmitEvent} event */
  async save(event) {
    event.preventDefault();
    const element = message(event);
    const data = part(element, ".editor textarea").value;
    if (!data.trim()) return;
    if (await this.command("message.edit", element, { data })) this.cancel();
  }

  cancel() {
    this.closeEditors();
    this.backToComposer();
  }

  closeEditors() {
    this.element.querySelectorAll(".message.editing").forEach((element) => {
      element.classList.remove("editing");
      part(element, ".editor").remove();
    });
  }

  /** A click elsewhere, or Escape, closes an open menu. @param {Event} [event] */
  closeMenus(event) {
    if (event instanceof KeyboardEvent && event.key !== "Escape") return;
    for (const menu of this.element.querySelectorAll("details.menu[open]")) {
      if (event?.type === "click" && menu.contains(/** @type {Node} */ (event.target))) continue;
      menu.removeAttribute("open");
      if (event instanceof KeyboardEvent) part(menu, "summary").focus();
    }
  }

  /**
   * @param {string} type @param {HTMLElement} element @param {object} fields
   * @returns {Promise<boolean>} whether it was done
   */
  async command(type, element, fields) {
    this.alertTarget.textContent = "";
    try {
      const ack = await client.socket.request(type, { message_identity: element.dataset.messageId, ...fields });
      client.open?.updated(ack.message);
      return true;
    } catch (error) {
      this.alertTarget.textContent = error.detail || gettext("This needs a connection. Please try again.");
      return false;
    }
  }

  backToComposer() {
    part(this.element, ".composer textarea").focus({ preventScroll: true });
  }
}

/** @param {Event} event @returns {HTMLElement} */
function message(event) {
  return /** @type {any} */ (event.target).closest(".message");
}
