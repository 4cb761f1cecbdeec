import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline } from "../../static/js/lib/timeline.js";
import { message, seqs } from "./helpers.js";

function answer(fields) {
  return { messages: [], changed: [], last_seq: 0, revision: 0, complete_to: 0, has_more: false, ...fields };
}

test("the next message is shown at once", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  assert.deepEqual(seqs(timeline.created(message(5)).created), [5]);
  assert.equal(timeline.lacking, false);
});

test("a repeated message is dropped", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  timeline.created(message(5));
  assert.deepEqual(timeline.created(message(5)).created, []);
  assert.deepEqual(timeline.created(message(2)).created, []);
});

test("a message beyond a gap waits for what is missing", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  assert.deepEqual(timeline.created(message(6)).created, []);
  assert.equal(timeline.lacking, true);
  assert.deepEqual(seqs(timeline.created(message(5)).created), [5, 6]);
  assert.equal(timeline.lacking, false);
});

test("sync fills the gap", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  timeline.created(message(7));
  const step = timeline.synced(answer({ messages: [message(5), message(6)], last_seq: 6, complete_to: 6 }));
  assert.deepEqual(seqs(step.created), [5, 6, 7]);
});

test("holes up to complete_to are final", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  const step = timeline.synced(answer({ messages: [message(7)], last_seq: 8, complete_to: 8 }));
  assert.deepEqual(seqs(step.created), [7]);
  assert.equal(timeline.seq, 8);
  assert.deepEqual(seqs(timeline.created(message(9)).created), [9]);
});

test("a hole that is not final holds back what comes after it", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  const step = timeline.synced(answer({ messages: [message(5), message(7)], last_seq: 7, complete_to: 5 }));
  assert.deepEqual(seqs(step.created), [5]);
  assert.equal(timeline.lacking, true);
  assert.deepEqual(seqs(timeline.created(message(6)).created), [6, 7]);
});

test("a first page of a sync proves nothing about later pages", () => {
  const timeline = new Timeline({ seq: 0, revision: 0 });
  timeline.created(message(9));
  const first = answer({ messages: [message(1), message(2)], last_seq: 8, complete_to: 2, has_more: true });
  assert.deepEqual(seqs(timeline.synced(first).created), [1, 2]);
  const rest = answer({ messages: [3, 4, 5, 6, 7, 8].map((seq) => message(seq)), last_seq: 8, complete_to: 8 });
  assert.deepEqual(seqs(timeline.synced(rest).created), [3, 4, 5, 6, 7, 8, 9]);
});

test("a hole that is longer than an answer is crossed in steps, with news held behind it", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  timeline.created(message(305));
  const step = answer({ last_seq: 305, complete_to: 204, has_more: true });
  assert.deepEqual(timeline.synced(step).created, []);
  assert.equal(timeline.seq, 204);
  const rest = answer({ messages: [message(305)], last_seq: 305, complete_to: 305 });
  assert.deepEqual(seqs(timeline.synced(rest).created), [305]);
  assert.equal(timeline.lacking, false);
});

test("an edit of a shown message is passed on, a repeat is not", () => {
  const timeline = new Timeline({ seq: 4, revision: 1 });
  const edited = message(3, { revision: 2, data: "new" });
  assert.deepEqual(timeline.updated(edited).changed, [edited]);
  assert.deepEqual(timeline.updated(edited).changed, []);
  assert.equal(timeline.lacking, false);
});

test("a missed revision is noticed, and the later edit is shown all the same", () => {
  const timeline = new Timeline({ seq: 4, revision: 1 });
  const later = message(3, { revision: 3, data: "new" });
  assert.deepEqual(timeline.updated(later).changed, [later]);
  assert.equal(timeline.lacking, true);
  const missed = message(2, { revision: 2 });
  timeline.synced(answer({ changed: [missed], revision: 3, last_seq: 4, complete_to: 4 }));
  assert.equal(timeline.lacking, false);
});

test("a message that is edited while it is held is shown in its new form", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  timeline.created(message(6));
  timeline.updated(message(6, { revision: 1, data: "new" }));
  const step = timeline.created(message(5));
  assert.deepEqual(step.created.map(({ data }) => data), ["text 5", "new"]);
});

test("history that was read before an edit is shown with the edit", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  timeline.updated(message(2, { revision: 1, data: "new" }));
  assert.equal(timeline.freshest(message(2)).data, "new");
  assert.equal(timeline.freshest(message(3)).data, "text 3");
});

test("an announced head that is ahead means something is lacking", () => {
  const timeline = new Timeline({ seq: 4, revision: 0 });
  timeline.announced({ seq: 4, revision: 0 });
  assert.equal(timeline.lacking, false);
  timeline.announced({ seq: 6, revision: 0 });
  assert.equal(timeline.lacking, true);
  assert.equal(timeline.behind, 2);
});

test("whatever the order and however often, each message is shown once and in order", () => {
  for (let round = 0; round < 200; round += 1) {
    const timeline = new Timeline({ seq: 0, revision: 0 });
    const numbers = Array.from({ length: 12 }, (_, i) => i + 1);
    const arriving = [...numbers, ...numbers].sort(() => Math.random() - 0.5);
    const shown = arriving.flatMap((seq) => seqs(timeline.created(message(seq)).created));
    assert.deepEqual(shown, numbers);
  }
});
