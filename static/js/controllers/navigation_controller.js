/**
 * Goes from room to room without loading a new page: the connection and what is being sent stay.
 * The server renders the same page as for a full visit; only its main part is taken over.
 */

import { Controller } from "@hotwired/stimulus";
import { gettext } from "../lib/i18n.js";

export default class extends Controller {
  static targets = ["main", "news"];

  connect() {
    // The first page of the visit was not pushed by us, but Back must find it.
    history.replaceState({ visit: true }, "");
  }

  /** @param {MouseEvent & {currentTarget: HTMLAnchorElement}} event */
  visit(event) {
    const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!plain || event.button !== 0) return;
    event.preventDefault();
    this.go(event.currentTarget.href, true);
  }

  /** Back and Forward. */
  restore() {
    this.go(location.href, false);
  }

  /** I am no longer in the room on the screen. */
  leave() {
    this.go("/chat/", true);
    this.newsTarget.textContent = gettext("You are no longer in this room.");
  }

  /** @param {string} address @param {boolean} push whether this is a new entry in the history */
  async go(address, push) {
    this.newsTarget.textContent = "";
    this.latest = address;
    try {
      const response = await fetch(address, { headers: { Accept: "text/html" } });
      const text = await response.text();
      if (this.latest === address) this.show(response, text, push);
    } catch {
      this.newsTarget.textContent = gettext("This room cannot be opened while you are offline.");
    }
  }

  /** @param {Response} response @param {string} text @param {boolean} push */
  show(response, text, push) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const main = page.querySelector("[data-navigation-target=main]");
    // Signed out, gone, or an error page: let the browser show it as it is.
    if (!response.ok || !main) return location.assign(response.url);
    if (push) history.pushState({ visit: true }, "", response.url);
    document.body.dataset.pane = page.body.dataset.pane;
    this.mainTarget.replaceWith(document.adoptNode(main));
    return this.dispatch("shown");
  }
}
