/**
 * How a message is shown, by its kind. A kind registers a renderer; what this page does not know
 * is shown as its text, so that an older page can live with a newer server.
 *
 * @typedef {import("../lib/types.js").Message} Message
 * @typedef {object} Renderer
 * @property {(message: Pick<Message, "data">) => (string | Node)[]} body what is in the bubble
 * @property {(message: Pick<Message, "data">) => string} preview one line, for the list of rooms
 * @property {boolean} editable whether its text can be edited
 */

import { gettext } from "../lib/i18n.js";
import { splitLinks } from "../lib/links.js";

const PREVIEW_LENGTH = 120;

/** @type {Map<string, Renderer>} */
const renderers = new Map();

/** @param {string} kind @param {Renderer} renderer */
export function registerKind(kind, renderer) {
  renderers.set(kind, renderer);
}

/** @param {string} kind @returns {Renderer} */
export function rendererOf(kind) {
  return renderers.get(kind) ?? UNKNOWN;
}

/** One line about a message. @param {?Message} message */
export function preview(message) {
  if (!message) return "";
  if (message.recalled_at !== null) return gettext("Message unsent");
  const line = rendererOf(message.kind).preview(message).split(/\s+/).join(" ").trim();
  return line.length > PREVIEW_LENGTH ? `${line.slice(0, PREVIEW_LENGTH - 1)}…` : line;
}

/** @type {Renderer} */
const UNKNOWN = {
  body: ({ data }) => [data],
  preview: ({ data }) => data,
  editable: false,
};

registerKind("text", {
  body: ({ data }) => splitLinks(data).map(node),
  preview: ({ data }) => data,
  editable: true,
});

/** @param {import("../lib/links.js").Part} part */
function node({ text, href }) {
  if (!href) return text;
  const link = document.createElement("a");
  link.href = href;
  link.textContent = text;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}
