/** Light, dark, or as the system says. static/js/theme.js applies it before the first paint. */

import { Controller } from "@hotwired/stimulus";

export default class extends Controller {
  static targets = ["choice"];

  connect() {
    this.element.hidden = false; // of no use without JavaScript
    this.choiceTarget.value = document.documentElement.dataset.theme ?? "";
  }

  choose() {
    const theme = this.choiceTarget.value;
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem("im.theme", theme);
    } catch {
      // It holds for this page only.
    }
  }
}
