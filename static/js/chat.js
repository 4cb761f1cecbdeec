/** The script of the chat page. */

import { Application } from "@hotwired/stimulus";
import ActionsController from "./controllers/actions_controller.js";
import ComposerController from "./controllers/composer_controller.js";
import ConnectionController from "./controllers/connection_controller.js";
import ConversationController from "./controllers/conversation_controller.js";
import HeaderController from "./controllers/header_controller.js";
import MenusController from "./controllers/menus_controller.js";
import NavigationController from "./controllers/navigation_controller.js";
import RoomsController from "./controllers/rooms_controller.js";
import ThemeController from "./controllers/theme_controller.js";
import TypingController from "./controllers/typing_controller.js";
import { useCatalog } from "./lib/i18n.js";
import { start } from "./views/page.js";

const CATALOG_MS = 3_000;

/** English texts are better than no page. */
async function loadCatalog() {
  try {
    const response = await fetch("/jsi18n/", { signal: AbortSignal.timeout(CATALOG_MS) });
    if (response.ok) useCatalog(await response.json());
  } catch {
    // Keys are the English texts.
  }
}

await loadCatalog();
const application = Application.start();
application.register("actions", ActionsController);
application.register("composer", ComposerController);
application.register("connection", ConnectionController);
application.register("conversation", ConversationController);
application.register("header", HeaderController);
application.register("menus", MenusController);
application.register("navigation", NavigationController);
application.register("rooms", RoomsController);
application.register("theme", ThemeController);
application.register("typing", TypingController);
start();
