import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { ServerClock } from "../../static/js/lib/clock.js";
import { readLimits } from "../../static/js/lib/limits.js";
import { Topics } from "../../static/js/lib/topics.js";
import { Api } from "../../static/js/models/api.js";
import { Commands } from "../../static/js/models/commands.js";
import { CommandError } from "../../static/js/models/errors.js";
import { applyEvents } from "../../static/js/models/events.js";
import { Fallback } from "../../static/js/models/fallback.js";
import { OpenRoom } from "../../static/js/models/open_room.js";
import { Reading } from "../../static/js/models/reading.js";
import { Rooms } from "../../static/js/models/rooms.js";
import { Sender } from "../../static/js/models/sender.js";
import { OTHER_USER, Socket } from "../../static/js/models/socket.js";
import { Store } from "../../static/js/models/store.js";
import { Users } from "../../static/js/models/users.js";
import { MemoryStorage, message, settled } from "./helpers.js";

// --- users and requests -------------------------------------------------------------------------

const ME = { identity: "me", nickname: "Me", avatar: "/me.svg" };

/** Answers to requests, by "METHOD path". */
function answering(answers) {
  const asked = [];
  mock.method(globalThis, "fetch", async (address, { method, headers, body }) => {
    asked.push({ method, path: address, user: headers["X-Expected-User"], csrf: headers["X-CSRFToken"], body });
    const answer = answers[`${method} ${address}`];
    if (!answer) throw new TypeError("offline");
    const [status, document, answered = {}] = answer;
    return { ok: status < 400, status, headers: new Headers(answered), json: async () => document };
  });
  return asked;
}

function api() {
  return new Api("me", new ServerClock(), () => "token");
}

test("somebody unknown is asked for once, and told about", async () => {
  const bob = { identity: "b", account: "bob", nickname: "Bob", avatar: "/avatars/b.webp" };
  const asked = answering({ "GET /api/v1/users/b/": [200, bob] });
  const topics = new Topics();
  const users = new Users(topics, api());
  const known = [];
  topics.on("user", (identity) => known.push(identity));
  assert.deepEqual([users.get("b"), users.name("b"), users.get("")], [null, "", null]);
  await settled();
  await settled();
  assert.deepEqual(users.get("b"), { nickname: "Bob", avatar: "/avatars/b.webp", handle: "bob" });
  users.learn({ b: bob });
  assert.deepEqual([asked.length, known], [1, ["b"]]);
  mock.restoreAll();
});

test("a name that is new since the page was made stands beside the username", () => {
  const users = new Users(new Topics(), api());
  const handle = (more) => {
    users.learn({ b: { nickname: "Bob", avatar: "/b.webp", ...more } });
    return users.get("b").handle;
  };
  assert.equal(handle({ handle: "" }), "");
  assert.equal(handle({ account: "bob" }), "");
  assert.equal(handle({ account: "bob", nickname: "Alice" }), "bob");
  assert.equal(handle({ account: "bob", nickname: "Alice" }), "bob");
  assert.equal(handle({ handle: "", nickname: "Alice" }), "");
});

test("every request says for whom the page is, and a change carries the token of the forms", async () => {
  const asked = answering({ "GET /api/v1/rooms/": [200, {}], "POST /api/v1/rooms/r/read/": [200, {}] });
  await api().get("rooms/");
  await api().post("rooms/r/read/", { seq: 3 });
  assert.deepEqual(asked.map(({ user, csrf, body }) => [user, csrf, body]), [["me", undefined, undefined], ["me", "token", '{"seq":3}']]);
  mock.restoreAll();
});

test("a request that another user's cookie went with is refused and told of", async () => {
  answering({ "GET /api/v1/rooms/": [409, { code: "other_user" }] });
  const requests = api();
  let told = 0;
  requests.otherUser = () => (told += 1);
  await assert.rejects(requests.get("rooms/"), { code: "other_user" });
  assert.equal(told, 1);
  await assert.rejects(requests.get("nothing/"), { code: "disconnected" });
  mock.restoreAll();
});

// --- the socket ---------------------------------------------------------------------------------

class FakeWebSocket {
  sent = [];
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
  }
  receive(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
}

function connect() {
  const opened = [];
  const socket = new Socket(() => {
    opened.push(new FakeWebSocket());
    return opened.at(-1);
  });
  socket.connect();
  return { socket, opened };
}

const READY = { type: "ready", heartbeat: 25, rooms: [] };

function withClock(name, run) {
  test(name, async () => {
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
    try {
      await run();
    } finally {
      mock.timers.reset();
    }
  });
}

withClock("an ack answers the command with its id", async () => {
  const { socket, opened } = connect();
  opened[0].receive(READY);
  const answer = socket.request("sync", { rooms: {} });
  const [{ id, type }] = opened[0].sent;
  assert.equal(type, "sync");
  opened[0].receive({ type: "ack", id, rooms: {} });
  assert.deepEqual(await answer, { type: "ack", id, rooms: {} });
});

withClock("an error rejects with its code; ten seconds of silence with `timeout`", async () => {
  const { socket, opened } = connect();
  opened[0].receive(READY);
  const refused = socket.request("a", {});
  opened[0].receive({ type: "error", id: opened[0].sent[0].id, code: "muted", detail: "no" });
  await assert.rejects(refused, { code: "muted", detail: "no" });
  const unanswered = socket.request("b", {});
  mock.timers.tick(10_000);
  await assert.rejects(unanswered, { code: "timeout" });
});

withClock("a lost connection fails what waits, and is made again", async () => {
  const { socket, opened } = connect();
  opened[0].receive(READY);
  const waiting = socket.request("a", {});
  opened[0].onclose({ code: 1006 });
  await assert.rejects(waiting, { code: "disconnected" });
  assert.equal(socket.state.name, "waiting");
  mock.timers.tick(1_000);
  assert.equal(opened.length, 2);
  opened[1].receive(READY);
  assert.equal(socket.ready, true);
});

withClock("a server that does not answer a ping is given up after ten seconds", async () => {
  const { socket, opened } = connect();
  opened[0].receive(READY);
  mock.timers.tick(25_000);
  assert.equal(opened[0].sent[0].type, "ping");
  mock.timers.tick(10_000);
  await Promise.resolve();
  await Promise.resolve();
  assert.notEqual(socket.state.name, "ready");
  assert.equal(opened[0].closed, true);
});

withClock("signed out and refused connections are not made again", async () => {
  for (const code of [4401, 4403]) {
    const { socket, opened } = connect();
    opened[0].onclose({ code });
    mock.timers.tick(120_000);
    assert.equal(opened.length, 1);
    assert.deepEqual(socket.state, { name: "closed", retryAt: 0, code });
  }
});

withClock("it comes back soon after a restart, and late after a flood", async () => {
  for (const [code, soonest, latest] of [[1012, 500, 1_000], [4429, 8_000, 16_000], [4409, 8_000, 16_000]]) {
    const { socket, opened } = connect();
    const waits = new Set();
    for (let time = 0; time < 5; time += 1) {
      opened.at(-1).onclose({ code });
      waits.add(socket.state.retryAt - Date.now());
      if (time === 0) {
        const [wait] = waits;
        assert.ok(wait >= soonest && wait <= latest, `${code}: ${wait} ms`);
      }
      mock.timers.tick(60_000);
    }
    assert.ok(waits.size > 1, "all the same: everybody would come at once");
  }
});

withClock("a connection that never becomes ready is given up", async () => {
  const { socket, opened } = connect();
  mock.timers.tick(10_000);
  assert.equal(socket.state.name, "waiting");
  assert.equal(opened[0].closed, true);
});

withClock("a `ready` for another user than the page's ends the connection before anything is sent", async () => {
  const opened = [];
  const socket = new Socket(() => opened[opened.push(new FakeWebSocket()) - 1], ({ user }) => user.identity === "me");
  const told = [];
  socket.addEventListener("ready", () => told.push("ready"));
  socket.connect();
  opened[0].receive({ ...READY, user: { identity: "somebody else" } });
  assert.deepEqual(socket.state, { name: "closed", retryAt: 0, code: OTHER_USER });
  mock.timers.tick(120_000);
  assert.deepEqual([opened.length, opened[0].sent, told], [1, [], []]);
});

withClock("an error without an id is told", async () => {
  const { socket, opened } = connect();
  opened[0].receive(READY);
  const told = [];
  socket.addEventListener("error", ({ detail }) => told.push(detail.detail));
  opened[0].receive({ type: "error", code: "bad_frame", detail: "No JSON." });
  assert.deepEqual(told, ["No JSON."]);
});

// --- sending ------------------------------------------------------------------------------------

class FakeSocket extends EventTarget {
  ready = true;
  state = { name: "ready", retryAt: 0, code: 0 };
  commands = [];
  tries = [];
  request(type, fields) {
    return new Promise((resolve, reject) => this.commands.push({ type, ...fields, resolve, reject }));
  }
  become(name, code = 0) {
    this.ready = name === "ready";
    this.state = { name, retryAt: 0, code };
    this.dispatchEvent(new Event("state"));
  }
  receive(frame) {
    this.dispatchEvent(new CustomEvent(frame.type, { detail: frame }));
  }
  retryNow() {
    this.tries.push(0);
  }
  connectIn(ms) {
    this.tries.push(ms);
  }
  stop(code) {
    this.become("closed", code);
  }
}

function room(identity, fields = {}) {
  const base = { name: identity, avatar: "/r.svg", kind: "group", role: "member", revision: 0, last_message: null, created_at: 0 };
  return { ...base, identity, last_seq: 0, read_seq: 0, unread: 0, ...fields };
}

function page(rooms = [room("r")], storage = new MemoryStorage()) {
  const socket = new FakeSocket();
  const clock = new ServerClock();
  const requests = new Api("me", clock, () => "token");
  const store = new Store({ me: ME, rooms, limits: readLimits({}), clock, api: requests, storage });
  applyEvents(socket, store);
  const commands = new Commands(socket, requests);
  const sender = new Sender(commands, store);
  store.on("event:ready", () => sender.flush());
  const events = [];
  store.on("entry", ({ data, reason }) => events.push(`${reason ? "failed" : "sending"} ${data}`));
  store.on("sent", ({ entry }) => events.push(`sent ${entry.data}`));
  return { socket, store, outbox: store.outbox, commands, sender, events, api: requests };
}

function mine(seq, fields = {}) {
  return message(seq, { user_identity: "me", ...fields });
}

function ack(command) {
  command.resolve({ message: mine(1, { client_id: command.client_id }) });
  return settled();
}

function ready(socket, rooms = [room("r")]) {
  socket.receive({ type: "ready", user: ME, rooms });
}

test("a room's messages go one after the other", async () => {
  const { socket, sender, events } = page();
  sender.send("r", "a");
  sender.send("r", "b");
  assert.equal(socket.commands.length, 1);
  await ack(socket.commands[0]);
  await ack(socket.commands[1]);
  assert.deepEqual(events, ["sending a", "sending b", "sent a", "sent b"]);
});

test("a message of another room does not wait", () => {
  const { socket, sender } = page();
  sender.send("r", "a");
  sender.send("other", "b");
  assert.equal(socket.commands.length, 2);
});

test("what was under way when the connection went is sent again with the same client id", async () => {
  const { socket, sender, events } = page();
  sender.send("r", "a");
  socket.ready = false;
  socket.commands[0].reject(new CommandError({ code: "disconnected" }));
  await settled();
  sender.send("r", "b");
  socket.ready = true;
  ready(socket);
  assert.equal(socket.commands[1].client_id, socket.commands[0].client_id);
  await ack(socket.commands[1]);
  await ack(socket.commands[2]);
  assert.deepEqual(events, ["sending a", "sending b", "sent a", "sent b"]);
});

test("a refused message fails with the server's reason and does not hold up the next", async () => {
  const { socket, outbox, sender, events } = page();
  const entry = sender.send("r", "a");
  sender.send("r", "b");
  socket.commands[0].reject(new CommandError({ code: "muted", detail: "You are muted." }));
  await settled();
  assert.equal(outbox.get(entry.client_id).reason, "You are muted.");
  await ack(socket.commands[1]);
  sender.retry(entry.client_id);
  assert.equal(socket.commands[2].client_id, entry.client_id);
  assert.deepEqual(events, ["sending a", "sending b", "failed a", "sent b", "sending a"]);
});

for (const way of ["live", "sync", "history"]) {
  test(`a message that is found to be stored (${way}) is sent, whatever was thought of it`, async () => {
    const { socket, store, commands, sender, events } = page();
    const entry = sender.send("r", "a");
    socket.commands[0].reject(new CommandError({ code: "timeout" }));
    await settled();
    const stored = mine(1, { client_id: entry.client_id });
    if (way === "live") socket.receive({ type: "message.created", message: stored });
    const opened = new OpenRoom(store, commands, "r", { messages: way === "history" ? [stored] : [], has_after: false, complete_to: 0, revision: 0 });
    if (way === "sync") {
      opened.sync();
      socket.commands[1].resolve({ rooms: { r: { messages: [stored], changed: [], last_seq: 1, revision: 0, complete_to: 1, has_more: false } } });
      await settled();
    }
    assert.deepEqual(store.outbox.entries(), []);
    assert.deepEqual(events, ["sending a", "failed a", "sent a"]);
    opened.close();
  });
}

test("somebody else's message with my client id settles nothing of mine", () => {
  const { store, sender } = page();
  const entry = sender.send("r", "a");
  store.created(message(1, { client_id: entry.client_id, user_identity: "bob" }));
  store.created(mine(2, { client_id: entry.client_id, room_identity: "other" }));
  assert.equal(store.outbox.entries().length, 1);
});

test("half an emoji is made whole before it is sent", () => {
  const { socket, sender, commands } = page();
  sender.send("r", "a\ud83d b");
  commands.edit("m1", "\ude00");
  assert.deepEqual(socket.commands.map(({ data }) => data), ["a\ufffd b", "\ufffd"]);
});

// --- when the socket does not get through -------------------------------------------------------

function blocked(answers) {
  const parts = page();
  const asked = answering({ "GET /api/v1/health/live/": [200, {}], "GET /api/v1/users/me/": [200, {}], "GET /api/v1/rooms/": [200, { results: [room("r")] }], ...answers });
  return { ...parts, asked, fallback: new Fallback(parts) };
}

test("after some tries, requests take the place of the socket until it is back", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const stored = mine(1, { client_id: "c" });
  const { socket, sender, commands, fallback, asked, store } = blocked({ "POST /api/v1/rooms/r/messages/": [201, stored] });
  fallback.polled = () => sender.flush();
  socket.ready = false;
  const entry = sender.send("r", "a");
  stored.client_id = entry.client_id;
  for (let time = 0; time < 3; time += 1) socket.become("waiting", 1006);
  await settled();
  await settled();
  assert.deepEqual([commands.rest, fallback.trouble, socket.tries], [false, "", [0]]);
  socket.become("waiting", 1006);
  await settled();
  await settled();
  assert.deepEqual([commands.rest, fallback.trouble], [true, "blocked"]);
  assert.deepEqual(store.outbox.entries(), []);
  assert.equal(asked.filter(({ method }) => method === "POST").length, 1);
  socket.become("ready");
  assert.deepEqual([commands.rest, fallback.trouble], [false, ""]);
  mock.timers.reset();
  mock.restoreAll();
});

test("a server that is starting is left alone", async () => {
  const { socket, commands, fallback, asked } = blocked({ "GET /api/v1/health/live/": [200, {}, { "Retry-After": "5" }] });
  for (let time = 0; time < 6; time += 1) {
    socket.become("waiting", 1006);
    await settled();
    await settled();
  }
  assert.deepEqual([commands.rest, fallback.trouble, socket.tries], [false, "", []]);
  assert.deepEqual([...new Set(asked.map(({ path }) => path))], ["/api/v1/health/live/"]);
  mock.restoreAll();
});

test("a socket that says `signed out` to somebody who is not is tried once more, then never again", async () => {
  const { socket, commands, fallback } = blocked({});
  socket.become("closed", 4401);
  await settled();
  assert.deepEqual([socket.tries, fallback.trouble], [[1000], ""]);
  socket.become("closed", 4401);
  await settled();
  await settled();
  assert.deepEqual([socket.tries, commands.rest, fallback.trouble], [[1000], true, "refused"]);
  fallback.otherUser(); // ends the polling
  mock.restoreAll();
});

test("somebody who is signed out is sent to sign in, at once", async () => {
  const { socket, fallback } = blocked({ "GET /api/v1/users/me/": [401, { code: "not_authenticated" }] });
  socket.become("closed", 4401);
  await settled();
  assert.deepEqual([socket.tries, fallback.trouble], [[], "signed-out"]);
  mock.restoreAll();
});

test("another user's session stops everything, and the outbox stays as it is", async () => {
  const { socket, sender, store, fallback } = blocked({});
  socket.become("waiting");
  sender.send("r", "mine");
  socket.become("closed", OTHER_USER);
  assert.equal(fallback.trouble, "other-user");
  socket.become("waiting");
  await settled();
  assert.deepEqual([socket.commands, store.outbox.entries().length], [[], 1]);
  mock.restoreAll();
});

// --- rooms and reading --------------------------------------------------------------------------

function listed(rooms) {
  const topics = new Topics();
  return { topics, rooms: new Rooms(topics, "me", rooms) };
}

test("unread counts follow from messages and read positions", () => {
  const { rooms } = listed([room("r", { last_seq: 5, read_seq: 3, unread: 2 })]);
  rooms.created(message(6));
  rooms.created(message(6));
  assert.equal(rooms.unread("r"), 3);
  rooms.read("r", 6);
  assert.equal(rooms.unread("r"), 0);
  rooms.created(mine(7));
  assert.equal(rooms.totalUnread, 0);
});

test("a recalled message is no longer unread, whether it came before the page or after", () => {
  const { rooms } = listed([room("r", { last_seq: 5, read_seq: 3, unread: 2 })]);
  rooms.created(message(6));
  for (const seq of [6, 5, 5, 2]) rooms.changed(message(seq, { revision: 1, recalled_at: 1 }));
  assert.equal(rooms.unread("r"), 1);
});

test("a recall that the snapshot knows of is not taken off again", () => {
  const { rooms } = listed([room("r", { last_seq: 5, read_seq: 3, unread: 1, revision: 7 })]);
  rooms.changed(message(4, { revision: 7, recalled_at: 1 }));
  assert.equal(rooms.unread("r"), 1);
  rooms.changed(message(5, { revision: 8, recalled_at: 1 }));
  assert.equal(rooms.unread("r"), 0);
});

test("messages that nobody told of are counted, and asked for", () => {
  const { rooms, topics } = listed([room("r", { last_seq: 5, read_seq: 5 })]);
  let behind = 0;
  topics.on("behind", () => (behind += 1));
  rooms.announced({ r: { seq: 7 }, other: { seq: 1 } });
  rooms.announced({ r: { seq: 7 } });
  assert.deepEqual([rooms.unread("r"), behind], [2, 1]);
  rooms.replace([room("r", { last_seq: 7, read_seq: 5, unread: 1 })]);
  assert.equal(rooms.unread("r"), 1);
});

test("a snapshot replaces everything but what was read here meanwhile", () => {
  const { rooms } = listed([room("r", { last_seq: 5, unread: 5 }), room("gone")]);
  rooms.read("r", 5);
  rooms.replace([room("r", { last_seq: 6, unread: 6 }), room("new")]);
  assert.equal(rooms.unread("r"), 1);
  assert.deepEqual(rooms.list().map(({ identity }) => identity).sort(), ["new", "r"]);
});

test("a change of one room is told of that room alone", () => {
  const { rooms, topics } = listed([room("a"), room("r"), room("z")]);
  const told = [];
  topics.on("room", (identity) => told.push(identity));
  topics.on("rooms", () => told.push("all"));
  rooms.created(message(1));
  rooms.replace([room("a"), room("r", { last_seq: 1, unread: 1, last_message: message(1) }), room("z")]);
  assert.deepEqual(told, ["r"]);
  rooms.remove("a");
  rooms.add(room("b"));
  assert.deepEqual(told, ["r", "all", "all"]);
});

test("who comes online is shown in the conversation with them, and nowhere else", () => {
  const direct = { kind: "direct", peer: { identity: "bob" }, online: false };
  const { rooms, topics } = listed([room("d", direct), room("hidden", { kind: "direct", peer: { identity: "eve" }, online: null }), room("g")]);
  let changes = 0;
  topics.on("room", () => (changes += 1));
  const online = () => rooms.list().map(({ online }) => online ?? false);
  rooms.presence("stranger", true);
  rooms.presence("bob", false);
  assert.deepEqual([online(), changes], [[false, false, false], 0]);
  rooms.presence("bob", true);
  rooms.presence("bob", true);
  assert.deepEqual([online(), changes], [[true, false, false], 1]);
  rooms.replace([room("d", direct)]);
  assert.equal(rooms.get("d")?.online, false);
});

test("a new profile is shown in messages and in the conversation with that user", () => {
  const { socket, store } = page([room("d", { kind: "direct", peer: { identity: "bob" }, name: "Bob" }), room("g")]);
  const told = [];
  store.on("user", (identity) => told.push(identity));
  socket.receive({ type: "user.updated", user: { identity: "bob", nickname: "Robert", avatar: "/b2.webp" } });
  assert.deepEqual([store.rooms.get("d").name, store.rooms.get("d").avatar, store.rooms.get("g").name], ["Robert", "/b2.webp", "g"]);
  assert.deepEqual([store.users.name("bob"), told], ["Robert", ["bob"]]);
});

test("my own new role counts at once", () => {
  const { socket, store } = page();
  socket.receive({ type: "member.updated", room_identity: "r", member: { user: ME, role: "admin" } });
  assert.equal(store.rooms.get("r").role, "admin");
});

test("the room with the newest message is first, and shows its newest form", () => {
  const { rooms } = listed([room("a"), room("r")]);
  rooms.created(message(1));
  assert.deepEqual(rooms.list().map(({ identity }) => identity), ["r", "a"]);
  rooms.changed(message(1, { revision: 1, data: "new" }));
  rooms.changed(message(1, { data: "old" }));
  assert.equal(rooms.get("r")?.last_message?.data, "new");
});

test("how far I have read is told once, when I stop", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, commands, store } = page();
  const reading = new Reading(commands, store.rooms);
  store.created(message(1));
  store.created(message(2));
  reading.mark("r", 1);
  reading.mark("r", 2);
  reading.mark("r", 2);
  mock.timers.tick(250);
  mock.timers.reset();
  assert.deepEqual(socket.commands.map(({ type, seq }) => [type, seq]), [["room.read", 2]]);
});

// --- drafts, and other tabs ---------------------------------------------------------------------

test("drafts of rooms and of edits are kept apart, by owner", () => {
  const storage = new MemoryStorage();
  const { store } = page([room("r")], storage);
  store.drafts.set("r", "half");
  store.drafts.setEdit("m1", { text: "better", revision: 2 });
  const again = page([room("r")], storage).store;
  assert.deepEqual([again.drafts.get("r"), again.drafts.edit("m1"), again.drafts.edit("m2")], ["half", { text: "better", revision: 2 }, null]);
  again.drafts.setEdit("m1", null);
  assert.equal(store.drafts.edit("m1"), null);
});

test("a draft that another tab has sent is told of", () => {
  const { store } = page();
  const told = [];
  store.on("draft", (draft) => told.push(draft));
  store.changedElsewhere({ key: "im.draft.me.r", oldValue: "half", newValue: null });
  store.changedElsewhere({ key: "im.draft.bob.r", oldValue: "half", newValue: null });
  store.changedElsewhere({ key: null, oldValue: null, newValue: null });
  assert.deepEqual(told, [{ room: "r", before: "half", text: "" }]);
});

test("what another tab gave up is gone here too", () => {
  const { store } = page();
  const entry = store.compose("r", "a");
  const removed = { key: `im.outbox.me.${entry.client_id}`, oldValue: "{}", newValue: null };
  store.changedElsewhere(removed);
  assert.equal(store.outbox.entries().length, 1);
  store.fail(entry.client_id, "muted");
  store.changedElsewhere(removed);
  assert.equal(store.outbox.entries().length, 0);
});
