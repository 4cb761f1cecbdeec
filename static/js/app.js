/** Every page outside the chat. */

import { Application } from "@hotwired/stimulus";
import OnceController from "./controllers/once_controller.js";
import ThemeController from "./controllers/theme_controller.js";

const application = Application.start();
application.register("once", OnceController);
application.register("theme", ThemeController);
