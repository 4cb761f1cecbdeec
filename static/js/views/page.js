/** The page's only client, made from what the server has put into the page. */

import { Client } from "../models/client.js";
import { openPageSocket } from "../models/socket.js";
import { readJson } from "./dom.js";

export const client = new Client({
  me: readJson("me"),
  rooms: readJson("rooms"),
  serverInfo: readJson("server-info"),
  now: readJson("now"),
  csrf: () => /** @type {?HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]"))?.value ?? "",
  storage: localStorage,
  connect: openPageSocket,
});

/** Connects, and follows what the browser knows about the network and other tabs. */
export function start() {
  const { socket, store } = client;
  socket.connect();
  addEventListener("online", () => socket.retryNow());
  addEventListener("offline", () => socket.drop());
  addEventListener("storage", (event) => store.changedElsewhere(event));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") socket.check();
  });
  // The browser's history may revive a page whose connection is long gone.
  addEventListener("pageshow", (event) => event.persisted && socket.check());
}
