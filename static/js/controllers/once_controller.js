/** A form that is sent once: a double click must not create two of a thing. */

import BaseController from "./base.js";

export default class extends BaseController {
  sent = false;

  /** @param {SubmitEvent} event */
  submit(event) {
    if (this.sent) event.preventDefault();
    this.sent = true;
  }

  /** The page is back from the browser's history: the form may be used again. */
  again() {
    this.sent = false;
  }
}
