/**
 * Goes from room to room without loading a new page: the connection and messages on their way stay.
 * The server renders the same page as for a full visit; only its main part is taken over.
 */

import { gettext } from "../lib/i18n.js";
import { client } from "../views/page.js";
import BaseController from "./base.js";

export default class extends BaseController {
  /** The address on the screen, or the one on its way there. */
  latest = here();

  started() {
    // The first page of the visit was not pushed by us, but Back must find it.
    history.replaceState({ visit: true }, "");
  }

  /**
   * One listener for all links: a listener on each would outlive its link when that leaves the
   * page.
   *
   * @param {MouseEvent} event
   */
  click(event) {
    const link = /** @type {Element} */ (event.target).closest("a[data-visit]");
    const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!(link instanceof HTMLAnchorElement) || !plain || event.button !== 0) return;
    event.preventDefault();
    const address = new URL(link.href).pathname;
    if (address !== this.latest) this.go(address, true);
  }

  /** Handles Back and Forward. A step to a place on the same page (#main) does not count. */
  restore() {
    if (here() !== this.latest) this.go(here(), false);
  }

  /** I am no longer in the room on the screen. */
  leave() {
    this.go("/chat/", true);
    this.say(gettext("You are no longer in this group."));
  }

  /** @param {string} address @param {boolean} push whether this is a new entry in the history */
  async go(address, push) {
    const before = this.latest;
    this.say("");
    this.latest = address;
    try {
      const response = await fetch(address, { headers: { Accept: "text/html" } });
      const text = await response.text();
      if (this.latest === address) this.show(response, text, push);
    } catch {
      if (this.latest === address) this.latest = before;
      this.say(gettext("This conversation can't be opened while you're offline."));
    }
  }

  /** @param {Response} response @param {string} text @param {boolean} push */
  show(response, text, push) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const main = page.querySelector("[data-navigation-target=main]");
    // Signed out, gone, or an error page: let the browser show it as it is.
    if (!response.ok || !main) return location.assign(response.url);
    if (owner(page) !== client.store.me.identity) return client.fallback.otherUser();
    if (push) history.pushState({ visit: true }, "", response.url);
    document.body.dataset.pane = page.body.dataset.pane;
    this.box("main").replaceWith(document.adoptNode(main));
    return this.dispatch("shown");
  }

  /** @param {string} text */
  say(text) {
    this.box("news").textContent = text;
  }
}

function here() {
  return location.pathname + location.search;
}

/** Returns whose page this is. @param {Document} page */
function owner(page) {
  return JSON.parse(page.getElementById("me")?.textContent ?? "{}").identity;
}
