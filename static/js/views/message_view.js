/**
 * One message on the page. The elements come from the server's own partial (chat/_message.html) in
 * a <template>; all text is inserted as text.
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {import("../lib/types.js").Entry} Entry
 */

import { absolute, clock } from "../lib/format.js";
import { gettext } from "../lib/i18n.js";
import { copy, locale, part, showPicture } from "./dom.js";
import { rendererOf } from "./kinds.js";

export class MessageView {
  #template;
  #store;
  /** Whether I may recall messages of others: a role can change while the room is open. */
  moderator = false;

  /** @param {HTMLTemplateElement} template @param {import("../models/store.js").Store} store */
  constructor(template, store) {
    this.#template = template;
    this.#store = store;
  }

  /** @param {Message} message @returns {HTMLElement} */
  build(message) {
    const element = this.#blank(message.user_identity);
    this.fill(element, message);
    return element;
  }

  /** A message on its way out. @param {Entry} entry @returns {HTMLElement} */
  pending(entry) {
    const element = this.#blank(this.#store.me.identity);
    element.dataset.clientId = entry.client_id;
    this.date(element, entry.order);
    this.#write(element, "text", entry.data);
    this.mark(element, entry);
    return element;
  }

  /** Shows the state of an unsent message. @param {HTMLElement} element @param {Entry} entry */
  mark(element, { reason }) {
    element.dataset.state = reason ? "failed" : "sending";
    part(element, ".state").textContent = reason ? "" : gettext("Sending…");
    part(element, ".failure").hidden = !reason;
    part(element, ".reason").textContent = reason;
  }

  /** Makes the element show what is stored. @param {HTMLElement} element @param {Message} message */
  fill(element, message) {
    element.dataset.messageId = message.identity;
    element.dataset.seq = String(message.seq);
    element.dataset.revision = String(message.revision);
    element.dataset.clientId = message.client_id;
    element.dataset.kind = message.kind;
    element.dataset.state = "sent";
    part(element, ".state").textContent = "";
    part(element, ".failure").hidden = true;
    this.date(element, message.created_at);
    this.#content(element, message);
    this.offer(element, message);
  }

  /** Shows the author, as far as known. @param {HTMLElement} element @param {string} user */
  introduce(element, user) {
    const author = this.#store.users.get(user);
    part(element, ".author").textContent = author?.nickname ?? "…";
    part(element, ".handle").textContent = `@${author?.handle ?? ""}`;
    part(element, ".handle").hidden = !author?.handle;
    showPicture(part(element, ".avatar"), author?.avatar ?? "");
  }

  /**
   * Shows in the menu what may (still) be done. The server decides; this only spares a refusal.
   *
   * @param {HTMLElement} element @param {Message} message
   */
  offer(element, message) {
    const { edit, recall } = this.#offered(message);
    part(element, "[data-role=edit]").hidden = !edit;
    part(element, "[data-role=recall]").hidden = !recall;
    part(element, ".menu").hidden = !(edit || recall);
  }

  /** @param {Message} message */
  canEdit(message) {
    return this.#offered(message).edit;
  }

  /** @param {Message} message */
  #offered(message) {
    const mine = message.user_identity === this.#store.me.identity;
    const open = message.recalled_at === null;
    const age = this.#store.clock.now() - message.created_at;
    const { editMs, recallMs } = this.#store.limits;
    return {
      edit: open && mine && age < editMs && rendererOf(message.kind).editable,
      recall: open && ((mine && age < recallMs) || this.moderator),
    };
  }

  /** @param {HTMLElement} element @param {number} at */
  date(element, at) {
    const time = part(element, "time");
    element.dataset.at = String(at);
    time.dateTime = new Date(at).toISOString();
    time.textContent = clock(at, locale());
    time.title = part(element, ".bubble").title = absolute(at, locale());
  }

  /** @param {string} user @returns {HTMLElement} */
  #blank(user) {
    const element = copy(this.#template, ".message");
    element.dataset.userIdentity = user;
    element.classList.toggle("mine", user === this.#store.me.identity);
    this.introduce(element, user);
    return element;
  }

  /** @param {HTMLElement} element @param {Message} message */
  #content(element, message) {
    const recalled = message.recalled_at !== null;
    element.classList.toggle("recalled", recalled);
    part(element, ".edited").hidden = recalled || message.edited_at === null;
    if (recalled) part(element, ".text").textContent = this.#recalledText(message);
    else this.#write(element, message.kind, message.data);
  }

  /** @param {Message} message */
  #recalledText(message) {
    return message.user_identity === this.#store.me.identity
      ? gettext("You unsent this message")
      : gettext("This message was unsent");
  }

  /** @param {HTMLElement} element @param {string} kind @param {string} data */
  #write(element, kind, data) {
    part(element, ".text").replaceChildren(...rendererOf(kind).body({ data }));
  }
}
