/**
 * One message on the page. The elements come from the server's own partial (chat/_message.html)
 * in a <template>; all text goes in as text.
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {import("../lib/types.js").Entry} Entry
 */

import { locale, part, showPicture } from "../lib/dom.js";
import { absolute, clock } from "../lib/format.js";
import { gettext } from "../lib/i18n.js";
import { splitLinks } from "../lib/links.js";

const EDIT_MS = 15 * 60 * 1000;
const RECALL_MS = 2 * 60 * 1000;

export class MessageView {
  #template;
  #me;
  #people;
  #moderator;

  /**
   * @param {HTMLTemplateElement} template
   * @param {{me: string, people: import("../models/people.js").People, moderator: boolean}} context
   */
  constructor(template, { me, people, moderator }) {
    this.#template = template;
    this.#me = me;
    this.#people = people;
    this.#moderator = moderator;
  }

  /** @param {string} user */
  isMine(user) {
    return user === this.#me;
  }

  /** A stored message. @param {Message} message @returns {HTMLElement} */
  build(message) {
    const element = this.#blank(message.user_identity, message.created_at);
    this.fill(element, message);
    return element;
  }

  /** A message on its way out. @param {Entry} entry @returns {HTMLElement} */
  pending(entry) {
    const element = this.#blank(this.#me, entry.order);
    element.dataset.clientId = entry.client_id;
    this.#write(element, entry.data);
    this.mark(element, entry);
    return element;
  }

  /** Shows how far an unsent message has got. @param {HTMLElement} element @param {Entry} entry */
  mark(element, entry) {
    const failed = entry.state === "failed";
    element.dataset.state = failed ? "failed" : "sending";
    part(element, ".state").textContent = failed ? "" : gettext("Sending…");
    part(element, ".failure").hidden = !failed;
    part(element, ".reason").textContent = failed ? entry.reason || gettext("Not sent.") : "";
  }

  /** Makes the element show what is stored, unless it shows something newer already. @param {HTMLElement} element @param {Message} message */
  fill(element, message) {
    if (Number(element.dataset.revision || 0) > message.revision) return;
    element.dataset.messageId = message.identity;
    element.dataset.seq = String(message.seq);
    element.dataset.revision = String(message.revision);
    element.dataset.clientId = message.client_id;
    element.dataset.state = "sent";
    part(element, ".state").textContent = "";
    part(element, ".failure").hidden = true;
    this.#date(element, message.created_at);
    this.#content(element, message);
  }

  /** What the server has rendered, finished with what only the browser knows. @param {HTMLElement} element */
  adopt(element) {
    this.#date(element, Number(element.dataset.at));
    if (!element.classList.contains("recalled")) this.#write(element, part(element, ".text").textContent);
    this.offer(element);
  }

  /** Says who has written it, as far as that is known. @param {HTMLElement} element */
  introduce(element) {
    const author = this.#people.get(element.dataset.userIdentity ?? "");
    part(element, ".author").textContent = author?.nickname ?? "…";
    showPicture(part(element, ".avatar"), author?.avatar ?? "");
  }

  /** Shows in the menu what may (still) be done. The server decides; this only spares a refusal. @param {HTMLElement} element */
  offer(element) {
    const mine = element.dataset.userIdentity === this.#me;
    const open = element.dataset.state === "sent" && !element.classList.contains("recalled");
    const age = Date.now() - Number(element.dataset.at);
    const edit = open && mine && age < EDIT_MS;
    const recall = open && ((mine && age < RECALL_MS) || this.#moderator);
    part(element, "[data-role=edit]").hidden = !edit;
    part(element, "[data-role=recall]").hidden = !recall;
    part(element, ".menu").hidden = !(edit || recall);
  }

  /** @param {string} user @param {number} at @returns {HTMLElement} */
  #blank(user, at) {
    const clone = /** @type {DocumentFragment} */ (this.#template.content.cloneNode(true));
    const element = part(clone, ".message");
    element.dataset.userIdentity = user;
    element.classList.toggle("mine", user === this.#me);
    this.introduce(element);
    this.#date(element, at);
    return element;
  }

  /** @param {HTMLElement} element @param {number} at */
  #date(element, at) {
    const time = part(element, "time");
    element.dataset.at = String(at);
    time.dateTime = new Date(at).toISOString();
    time.textContent = clock(at, locale());
    time.title = part(element, ".bubble").title = absolute(at, locale());
  }

  /** @param {HTMLElement} element @param {Message} message */
  #content(element, message) {
    const recalled = message.recalled_at !== null;
    element.classList.toggle("recalled", recalled);
    part(element, ".edited").hidden = recalled || message.edited_at === null;
    if (recalled) part(element, ".text").textContent = this.#recalledText(message);
    else this.#write(element, message.data);
    this.offer(element);
  }

  /** @param {Message} message */
  #recalledText(message) {
    return message.user_identity === this.#me
      ? gettext("You recalled this message")
      : gettext("This message was recalled");
  }

  /** @param {HTMLElement} element @param {string} text */
  #write(element, text) {
    part(element, ".text").replaceChildren(...splitLinks(text).map(node));
  }
}

/** @param {{text: string, href: string}} piece @returns {string | HTMLElement} */
function node({ text, href }) {
  if (!href) return text;
  const link = document.createElement("a");
  link.href = href;
  link.textContent = text;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}
