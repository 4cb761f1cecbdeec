/** The theme: light, dark, or the system's. static/js/theme.js applies it before the first paint. */

import BaseController from "./base.js";

export default class extends BaseController {
  started() {
    this.root.hidden = false; // of no use without JavaScript
    this.choice.value = document.documentElement.dataset.theme ?? "";
  }

  get choice() {
    return this.target("choice", HTMLSelectElement);
  }

  choose() {
    const theme = this.choice.value;
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem("im.theme", theme);
    } catch {
      // Without storage it holds for this page only.
    }
  }
}
