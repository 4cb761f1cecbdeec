/**
 * The only place where events of the socket are subscribed and applied to the store. An event that
 * is not listed here is ignored: the server may be newer than the page.
 *
 * What concerns the room on the screen goes on to it afterwards, by topic `event:<type>`, because
 * only the room knows which messages are still missing before one that came (open_room.js).
 */

import { gettext } from "../lib/i18n.js";

/** @typedef {import("./store.js").Store} Store */

/** @type {Record<string, (store: Store, frame: any) => void>} */
const APPLY = {
  ready: (store, { rooms, user, server_time: now }) => {
    if (now) store.clock.set(now);
    store.profile(user);
    store.rooms.replace(rooms);
  },
  "room.added": (store, { room }) => store.rooms.add(room),
  "room.updated": (store, { room }) => store.rooms.update(room),
  "room.removed": (store, { room_identity: room }) => store.rooms.remove(room),
  "room.heads": (store, { rooms }) => store.rooms.announced(rooms),
  "room.read": (store, { room_identity: room, user_identity: user, seq }) => {
    if (user === store.me.identity) store.rooms.read(room, seq);
  },
  "message.created": (store, { message }) => store.created(message),
  "message.updated": (store, { message }) => store.changed(message),
  "member.updated": (store, { room_identity: room, member }) => {
    store.profile(member.user);
    if (member.user.identity === store.me.identity) store.rooms.update({ identity: room, role: member.role });
  },
  "member.removed": () => {},
  "ownership.offered": () => {},
  "user.updated": (store, { user }) => {
    // The name of a deleted account is a text in the reader's language.
    store.profile(user.deleted ? { ...user, nickname: gettext("Deleted user") } : user);
  },
  presence: (store, { user_identity: user, online }) => store.rooms.presence(user, online),
  typing: () => {},
  error: () => {},
};

/** @param {EventTarget} socket @param {Store} store */
export function applyEvents(socket, store) {
  for (const [type, apply] of Object.entries(APPLY)) {
    socket.addEventListener(type, (event) => {
      const frame = /** @type {CustomEvent} */ (event).detail;
      apply(store, frame);
      store.topics.tell(`event:${type}`, frame);
    });
  }
}
