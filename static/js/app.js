/** The script of every page outside the chat. */

import { Application } from "@hotwired/stimulus";
import MenusController from "./controllers/menus_controller.js";
import OnceController from "./controllers/once_controller.js";
import PictureController from "./controllers/picture_controller.js";
import ThemeController from "./controllers/theme_controller.js";
import TimeController from "./controllers/time_controller.js";

const application = Application.start();
application.register("menus", MenusController);
application.register("once", OnceController);
application.register("picture", PictureController);
application.register("theme", ThemeController);
application.register("time", TimeController);
