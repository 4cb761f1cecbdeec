/**
 * What can be done with one message: edit, recall, send again, discard. Clicks anywhere in the
 * conversation arrive here, so messages need no listeners of their own.
 */

import { gettext, interpolate } from "../lib/i18n.js";
import { editorAction } from "../lib/keys.js";
import { CommandError } from "../models/errors.js";
import { copy, part } from "../views/dom.js";
import { client } from "../views/page.js";
import BaseController from "./base.js";

const TOUCH = matchMedia("(pointer: coarse)");

export default class extends BaseController {
  /** The message that is being edited; "" if there is none. */
  editing = "";

  started() {
    client.store.on("message", (message) => this.changed(message), this.signal);
  }

  /** @param {MouseEvent} event */
  click(event) {
    const button = /** @type {Element} */ (event.target).closest("button[data-role]");
    const element = button?.closest(".message");
    if (!(button instanceof HTMLElement) || !(element instanceof HTMLElement)) return;
    const { messageId = "", clientId = "" } = element.dataset;
    const role = button.dataset.role;
    if (role === "edit") this.open(messageId);
    else if (role === "recall") this.recall(messageId);
    else if (role === "retry") client.sender.retry(clientId);
    else if (role === "discard") client.store.discard(clientId);
    else if (role === "cancel") this.cancel();
    if (role === "retry" || role === "discard") this.backToComposer();
  }

  /** @param {string} identity */
  async recall(identity) {
    await this.command(() => client.commands.recall(identity));
    this.backToComposer();
  }

  /** Arrow up in an empty composer. @param {CustomEvent} event */
  editMessage(event) {
    this.open(event.detail.identity);
  }

  /** Opens the editor with the text in the store: what the page shows may be a translation. @param {string} identity */
  open(identity) {
    const message = client.store.messages.get(identity);
    const element = this.element.querySelector(`[data-message-id="${CSS.escape(identity)}"]`);
    if (!message || !element) return;
    this.close();
    const editor = copy(this.target("editor", HTMLTemplateElement), "form");
    part(element, ".message-main").append(editor);
    element.classList.add("editing");
    this.editing = identity;
    const draft = client.store.drafts.edit(identity);
    this.write(editor, draft?.text ?? message.data);
    this.base = draft?.revision ?? message.revision;
    this.compare(message);
    element.scrollIntoView({ block: "nearest" });
  }

  /** @param {HTMLElement} editor @param {string} text */
  write(editor, text) {
    const input = part(editor, "textarea");
    input.value = text;
    input.rows = Math.min(8, text.split("\n").length + 1);
    input.focus();
  }

  /** @param {KeyboardEvent} event */
  editorKey(event) {
    const action = editorAction(event, { touch: TOUCH.matches });
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    if (action === "cancel") this.cancel();
    else this.editor?.requestSubmit();
  }

  /** Half-written edits are drafts: changing rooms or reloading does not lose them. */
  editorInput() {
    client.store.drafts.setEdit(this.editing, { text: this.text, revision: this.base ?? 0 });
  }

  /** @param {SubmitEvent} event */
  async save(event) {
    event.preventDefault();
    const identity = this.editing;
    const message = client.store.messages.get(identity);
    if (!this.text.trim() || !message || this.compare(message)) return;
    if (await this.command(() => client.commands.edit(identity, this.text))) this.cancel();
  }

  /** The message has changed while it was being edited. @param {import("../lib/types.js").Message} message */
  changed(message) {
    if (message.identity !== this.editing || this.saving) return;
    if (message.recalled_at !== null) this.cancel();
    else this.compare(message);
  }

  /**
   * Tells of an edit made elsewhere since this one began. Saving after that replaces it knowingly.
   *
   * @param {Readonly<import("../lib/types.js").Message>} message
   * @returns {boolean} whether there was an edit that had not been told of
   */
  compare(message) {
    if (!this.editor || message.revision <= (this.base ?? 0)) return false;
    this.base = message.revision;
    if (message.data === this.text) return false;
    const told = gettext("This message was edited elsewhere and now says: “%(text)s”. If you save, your text will replace it.");
    part(this.editor, ".conflict").textContent = interpolate(told, { text: message.data });
    return true;
  }

  cancel() {
    client.store.drafts.setEdit(this.editing, null);
    this.close();
    this.backToComposer();
  }

  close() {
    this.editor?.closest(".message")?.classList.remove("editing");
    this.editor?.remove();
    this.editing = "";
  }

  /** @returns {?HTMLFormElement} */
  get editor() {
    return this.element.querySelector("form.editor");
  }

  get text() {
    return this.editor ? part(this.editor, "textarea").value : "";
  }

  /** @param {() => Promise<import("../lib/types.js").Message>} run @returns {Promise<boolean>} whether it was done */
  async command(run) {
    const alert = this.box("alert");
    alert.textContent = "";
    this.saving = true;
    try {
      const message = await run();
      client.open?.updated(message);
      return true;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      alert.textContent = error.detail || gettext("You need a connection for this. Please try again.");
      return false;
    } finally {
      this.saving = false;
    }
  }

  backToComposer() {
    part(this.element, ".composer textarea").focus({ preventScroll: true });
  }
}
