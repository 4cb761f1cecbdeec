/** A time in words ("2 hours ago") that shows the exact one in the viewer's own zone. */

import { absolute } from "../lib/format.js";
import { locale } from "../views/dom.js";
import BaseController from "./base.js";

export default class extends BaseController {
  started() {
    const time = /** @type {HTMLTimeElement} */ (this.element);
    time.title = absolute(Date.parse(time.dateTime), locale());
  }
}
