import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../static/js/lib/outbox.js";
import { MemoryStorage } from "./helpers.js";

test("entries keep their order and client ids over a reload", () => {
  const storage = new MemoryStorage();
  const before = new Outbox(storage, "alice");
  const ids = ["a", "b", "c"].map((text) => before.add("r", text).client_id);
  const after = new Outbox(storage, "alice");
  assert.deepEqual(after.entries("r").map(({ client_id: id }) => id), ids);
  assert.equal(new Set(ids).size, 3);
});

test("each user has an outbox of their own", () => {
  const storage = new MemoryStorage();
  new Outbox(storage, "alice").add("r", "secret");
  assert.deepEqual(new Outbox(storage, "bob").entries(), []);
});

test("a failed entry is passed over until it is retried, with the same client id", () => {
  const outbox = new Outbox(new MemoryStorage(), "alice");
  const first = outbox.add("r", "a");
  const second = outbox.add("r", "b");
  outbox.fail(first.client_id, "why");
  assert.equal(outbox.next("r"), second);
  assert.equal(outbox.get(first.client_id)?.reason, "why");
  outbox.retry(first.client_id);
  assert.equal(outbox.next("r"), first);
});

test("two tabs do not overwrite each other's entries", () => {
  const storage = new MemoryStorage();
  const one = new Outbox(storage, "alice");
  const two = new Outbox(storage, "alice");
  one.add("r", "from one");
  two.add("r", "from two");
  assert.equal(new Outbox(storage, "alice").entries().length, 2);
});

test("a storage that is full or forbidden does not stop a message", () => {
  const broken = new MemoryStorage();
  broken.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const outbox = new Outbox(broken, "alice");
  const entry = outbox.add("r", "a");
  assert.equal(outbox.next("r"), entry);
});

test("what is no entry is ignored", () => {
  const storage = new MemoryStorage();
  storage.setItem("im.outbox.alice.x", "{bad");
  storage.setItem("im.outbox.alice.y", "null");
  assert.deepEqual(new Outbox(storage, "alice").entries(), []);
});
