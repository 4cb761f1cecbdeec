/** A time in words ("2 hours ago") tells the exact one, in the viewer's own zone. */

import { Controller } from "@hotwired/stimulus";
import { locale } from "../lib/dom.js";
import { absolute } from "../lib/format.js";

export default class extends Controller {
  connect() {
    const time = /** @type {HTMLTimeElement} */ (this.element);
    time.title = absolute(Date.parse(time.dateTime), locale());
  }
}
