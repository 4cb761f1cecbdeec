import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Outbox } from "../../static/js/lib/outbox.js";
import { People } from "../../static/js/models/people.js";
import { Reading } from "../../static/js/models/reading.js";
import { Rooms } from "../../static/js/models/rooms.js";
import { Sender } from "../../static/js/models/sender.js";
import { CommandError, Socket } from "../../static/js/models/socket.js";
import { MemoryStorage, message, settled } from "./helpers.js";

// --- people -------------------------------------------------------------------------------------

test("somebody unknown is asked for once, and told about", async () => {
  const asked = [];
  const bob = { identity: "b", account: "bob", nickname: "Bob", avatar: "/avatars/b.webp" };
  mock.method(globalThis, "fetch", async (address) => {
    asked.push(address);
    return { ok: true, json: async () => bob };
  });
  const people = new People();
  const known = [];
  people.addEventListener("known", ({ detail }) => known.push(detail.identity));
  assert.deepEqual([people.get("b"), people.name("b"), people.get("")], [null, "", null]);
  await settled();
  assert.deepEqual(people.get("b"), { nickname: "Bob", avatar: "/avatars/b.webp" });
  assert.deepEqual([asked, known], [["/api/v1/users/b/"], ["b"]]);
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

// --- sending ------------------------------------------------------------------------------------

class FakeSocket extends EventTarget {
  ready = true;
  commands = [];
  request(type, fields) {
    return new Promise((resolve, reject) => this.commands.push({ type, ...fields, resolve, reject }));
  }
}

function sending() {
  const socket = new FakeSocket();
  const outbox = new Outbox(new MemoryStorage(), "alice");
  const sender = new Sender(socket, outbox);
  const events = [];
  for (const type of ["sending", "sent", "failed"]) {
    sender.addEventListener(type, ({ detail }) => events.push(`${type} ${detail.entry.data}`));
  }
  return { socket, outbox, sender, events };
}

function ack(command) {
  command.resolve({ message: message(1, { client_id: command.client_id }) });
  return settled();
}

test("a room's messages go one after the other", async () => {
  const { socket, sender, events } = sending();
  sender.send("r", "a");
  sender.send("r", "b");
  assert.equal(socket.commands.length, 1);
  await ack(socket.commands[0]);
  await ack(socket.commands[1]);
  assert.deepEqual(events, ["sending a", "sending b", "sent a", "sent b"]);
});

test("a message of another room does not wait", () => {
  const { socket, sender } = sending();
  sender.send("r", "a");
  sender.send("other", "b");
  assert.equal(socket.commands.length, 2);
});

test("what was under way when the connection went is sent again with the same client id", async () => {
  const { socket, sender, events } = sending();
  sender.send("r", "a");
  socket.ready = false;
  socket.commands[0].reject(new CommandError({ code: "disconnected" }));
  await settled();
  sender.send("r", "b");
  socket.ready = true;
  socket.dispatchEvent(new Event("ready"));
  assert.equal(socket.commands[1].client_id, socket.commands[0].client_id);
  await ack(socket.commands[1]);
  await ack(socket.commands[2]);
  assert.deepEqual(events, ["sending a", "sending b", "sent a", "sent b"]);
});

test("a refused message fails with the server's reason and does not hold up the next", async () => {
  const { socket, outbox, sender, events } = sending();
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

test("a late ack or the message itself settles a message that had failed", async () => {
  const { socket, outbox, sender, events } = sending();
  const entry = sender.send("r", "a");
  socket.commands[0].reject(new CommandError({ code: "timeout" }));
  await settled();
  sender.settle(message(1, { client_id: entry.client_id }));
  assert.deepEqual(outbox.entries(), []);
  assert.deepEqual(events, ["sending a", "failed a", "sent a"]);
});

// --- rooms and reading --------------------------------------------------------------------------

function room(identity, fields = {}) {
  const base = { name: identity, kind: "group", role: "member", revision: 0, last_message: null, created_at: 0 };
  return { ...base, identity, last_seq: 0, read_seq: 0, unread: 0, ...fields };
}

test("unread counts follow from messages and read positions", () => {
  const rooms = new Rooms("me", [room("r", { last_seq: 5, read_seq: 3, unread: 2 })]);
  rooms.created(message(6));
  rooms.created(message(6));
  assert.equal(rooms.unread("r"), 3);
  rooms.read("r", 6);
  assert.equal(rooms.unread("r"), 0);
  rooms.created(message(7, { user_identity: "me" }));
  assert.equal(rooms.totalUnread, 0);
});

test("a member who joined late has read nothing, and has nothing unread", () => {
  const rooms = new Rooms("me", [room("r", { last_seq: 50, read_seq: 0, unread: 0 })]);
  rooms.created(message(51));
  assert.equal(rooms.unread("r"), 1);
});

test("a snapshot replaces everything but what was read here meanwhile", () => {
  const rooms = new Rooms("me", [room("r", { last_seq: 5, unread: 5 }), room("gone")]);
  rooms.read("r", 5);
  rooms.replace([room("r", { last_seq: 6, unread: 6 }), room("new")]);
  assert.equal(rooms.unread("r"), 1);
  assert.deepEqual(rooms.list().map(({ identity }) => identity).sort(), ["new", "r"]);
});

test("who comes online is shown in the conversation with them, and nowhere else", () => {
  const rooms = new Rooms("me", [
    room("d", { kind: "direct", peer: { identity: "bob" }, online: false }),
    room("hidden", { kind: "direct", peer: { identity: "eve" }, online: null }),
    room("g"),
  ]);
  let changes = 0;
  rooms.addEventListener("change", () => (changes += 1));
  const online = () => rooms.list().map(({ online }) => online ?? false);
  rooms.presence("stranger", true);
  rooms.presence("bob", false);
  assert.deepEqual([online(), changes], [[false, false, false], 0]);
  rooms.presence("bob", true);
  rooms.presence("bob", true);
  assert.deepEqual([online(), changes], [[true, false, false], 1]);
  rooms.replace([room("d", { kind: "direct", peer: { identity: "bob" }, online: false })]);
  assert.equal(rooms.get("d")?.online, false);
});

test("the room with the newest message is first, and shows its newest form", () => {
  const rooms = new Rooms("me", [room("a"), room("r")]);
  rooms.created(message(1));
  assert.deepEqual(rooms.list().map(({ identity }) => identity), ["r", "a"]);
  rooms.changed(message(1, { revision: 1, data: "new" }));
  rooms.changed(message(1, { data: "old" }));
  assert.equal(rooms.get("r")?.last_message?.data, "new");
});

test("my own message moves what I have read, on the server too", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const socket = new FakeSocket();
  const rooms = new Rooms("me", [room("r")]);
  const reading = new Reading(socket, rooms);
  rooms.created(message(1, { user_identity: "me" }));
  reading.mark("r", 1);
  reading.mark("r", 1);
  mock.timers.tick(250);
  mock.timers.reset();
  assert.deepEqual(socket.commands.map(({ type, seq }) => [type, seq]), [["room.read", 1]]);
});
