import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { delay } from "../../static/js/lib/backoff.js";
import { ServerClock } from "../../static/js/lib/clock.js";
import { badge, continues, dayLabel, dayNumber, followZone, shortTime } from "../../static/js/lib/format.js";
import { gettext, interpolate, ngettext, useCatalog } from "../../static/js/lib/i18n.js";
import { newClientId } from "../../static/js/lib/ids.js";
import { composerAction, editorAction, plainKey } from "../../static/js/lib/keys.js";
import { readLimits } from "../../static/js/lib/limits.js";
import { splitLinks } from "../../static/js/lib/links.js";
import { characters, wellFormed } from "../../static/js/lib/text.js";
import { Topics } from "../../static/js/lib/topics.js";
import { isUnread } from "../../static/js/lib/unread.js";
import { cases } from "./helpers.js";

const MINUTE = 60_000;
const NOON = new Date(2026, 4, 20, 12).getTime();

afterEach(() => useCatalog({}));

test("waiting doubles from 1 to 30 seconds, half of it random", () => {
  assert.deepEqual([0, 1, 4, 5, 20].map((attempt) => delay(attempt, () => 1)), [1000, 2000, 16000, 30000, 30000]);
  assert.equal(delay(3, () => 0), 4000);
});

test("client ids are 32 hex digits, each another", () => {
  assert.match(newClientId(), /^[0-9a-f]{32}$/);
  assert.notEqual(newClientId(), newClientId());
});

test("messages of one person within five minutes of one day belong together", () => {
  const first = { user: "a", at: NOON };
  assert.equal(continues(null, first), false);
  assert.equal(continues(first, { user: "a", at: NOON + 5 * MINUTE }), true);
  assert.equal(continues(first, { user: "a", at: NOON + 5 * MINUTE + 1 }), false);
  assert.equal(continues(first, { user: "b", at: NOON }), false);
  const midnight = new Date(2026, 4, 21).getTime();
  assert.equal(continues({ user: "a", at: midnight - MINUTE }, { user: "a", at: midnight }), false);
});

test("days are told as people do", () => {
  const day = 24 * 60 * MINUTE;
  assert.equal(dayLabel(NOON, NOON, "en"), "Today");
  assert.equal(dayLabel(NOON - day, NOON, "en"), "Yesterday");
  assert.equal(dayLabel(NOON - 2 * day, NOON, "en"), "Monday, May 18");
  assert.match(dayLabel(new Date(2025, 0, 2).getTime(), NOON, "en"), /2025/);
  assert.equal(shortTime(NOON, NOON, "en"), "12:00");
});

test("badges end at 99", () => {
  assert.deepEqual([1, 99, 100].map(badge), ["1", "99", "99+"]);
});

test("texts without a translation are shown in English", () => {
  assert.equal(gettext("Today"), "Today");
  assert.equal(ngettext("%(n)s day", "%(n)s days", 1), "%(n)s day");
  assert.equal(ngettext("%(n)s day", "%(n)s days", 2), "%(n)s days");
});

test("translations with one form and with two", () => {
  useCatalog({ catalog: { Today: "T", day: ["D"], hour: ["h", "hh"] } });
  assert.equal(gettext("Today"), "T");
  assert.deepEqual([1, 2].map((n) => ngettext("day", "days", n)), ["D", "D"]);
  assert.deepEqual([1, 2].map((n) => ngettext("hour", "hours", n)), ["h", "hh"]);
});

test("values are filled in, also those that look like places", () => {
  assert.equal(interpolate("%(a)s and %(b)s", { a: "%(b)s", b: 2 }), "%(b)s and 2");
});

const PRESS = { key: "Enter", keyCode: 13, isComposing: false, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false };
const KEYBOARD = { touch: false, empty: false };

test("Enter sends, Shift+Enter does not, and on a touch screen only with Ctrl", () => {
  assert.equal(composerAction(PRESS, KEYBOARD), "send");
  assert.equal(composerAction({ ...PRESS, shiftKey: true }, KEYBOARD), "");
  assert.equal(composerAction(PRESS, { touch: true, empty: false }), "");
  assert.equal(composerAction({ ...PRESS, ctrlKey: true }, { touch: true, empty: false }), "send");
});

test("Enter that ends an input method's composition sends nothing", () => {
  assert.equal(composerAction({ ...PRESS, isComposing: true }, KEYBOARD), "");
  assert.equal(composerAction({ ...PRESS, keyCode: 229 }, KEYBOARD), "");
});

test("Arrow up edits the last message from an empty composer only", () => {
  const up = { ...PRESS, key: "ArrowUp", keyCode: 38 };
  assert.equal(composerAction(up, { touch: false, empty: true }), "edit-last");
  assert.equal(composerAction(up, KEYBOARD), "");
  assert.equal(composerAction({ ...up, shiftKey: true }, { touch: false, empty: true }), "");
});

test("no key of an input method cancels, sends or moves", () => {
  for (const key of ["Escape", "Enter", "ArrowUp", "ArrowDown"]) {
    for (const guard of [{ isComposing: true }, { keyCode: 229 }]) {
      const press = { ...PRESS, key, ...guard };
      assert.deepEqual([editorAction(press, { touch: false }), composerAction(press, { touch: false, empty: true }), plainKey(press)], ["", "", ""]);
    }
  }
  assert.equal(editorAction({ ...PRESS, key: "Escape", keyCode: 27 }, { touch: false }), "cancel");
  assert.equal(editorAction(PRESS, { touch: false }), "save");
});

test("addresses become links (tests/cases/links.json, as on the server)", () => {
  for (const [text, links] of cases("links")) {
    const parts = splitLinks(text);
    assert.equal(parts.map((part) => part.text).join(""), text);
    assert.deepEqual(parts.filter((part) => part.href).map((part) => part.href), links, text);
    assert.ok(parts.every(({ href, text: shown }) => href === "" || href === shown));
  }
});

test("a link leads to the host that one reads", () => {
  for (const [, links] of cases("links")) {
    for (const link of links) {
      const read = link.replace(/^https?:\/\//i, "").split(/[/?#]/)[0].toLowerCase();
      const { host } = new URL(link);
      assert.ok(host === read || new URL(`http://${read}`).host === host, link);
    }
  }
});

test("days are calendar days, also around a change of the clocks (tests/cases/days.json)", () => {
  const before = process.env.TZ;
  for (const { zone, now, at, label } of cases("days")) {
    process.env.TZ = zone;
    followZone();
    assert.equal(dayLabel(Date.parse(at), Date.parse(now), "en"), label, `${zone} ${now} ${at}`);
  }
  process.env.TZ = before ?? "";
  followZone();
});

test("formatters follow the time zone", () => {
  const before = process.env.TZ;
  const at = Date.parse("2026-05-20T12:00:00Z");
  process.env.TZ = "Asia/Shanghai";
  followZone();
  assert.equal(shortTime(at, at, "en"), "20:00");
  process.env.TZ = "Europe/Berlin";
  assert.equal(followZone(), "Europe/Berlin");
  assert.equal(shortTime(at, at, "en"), "14:00");
  process.env.TZ = before ?? "";
  followZone();
});

test("a day is one more than the day before", () => {
  assert.equal(dayNumber(NOON + 24 * 60 * MINUTE) - dayNumber(NOON), 1);
});

test("unread: others' messages after the read position that were not recalled (tests/cases/unread.json)", () => {
  for (const { me, read_seq: readSeq, messages, unread } of cases("unread")) {
    assert.equal(messages.filter((message) => isUnread(message, me, readSeq)).length, unread);
  }
});

test("halves of characters are replaced, whole ones stay", () => {
  const texts = { "a\ud83d": "a\ufffd", "\ude00b": "\ufffdb", "\ud83d\ud83d\ude00": "\ufffd😀", "😀": "😀", "\ude00\ude00": "\ufffd\ufffd" };
  const native = String.prototype.toWellFormed;
  for (const own of [false, true]) {
    if (own) delete String.prototype.toWellFormed;
    for (const [text, expected] of Object.entries(texts)) assert.equal(wellFormed(text), expected);
  }
  String.prototype.toWellFormed = native;
});

test("characters are counted as the server does", () => {
  assert.deepEqual(["", "aä", "😀", "👨‍👩‍👧"].map(characters), [0, 2, 1, 5]);
});

test("the server's clock decides, and is never earlier than what has happened", () => {
  let local = 1_000;
  const clock = new ServerClock(() => local);
  clock.set(500_000);
  local += 10;
  assert.equal(clock.now(), 500_010);
  clock.set(NaN);
  clock.atLeast(400_000);
  assert.equal(clock.now(), 500_010);
  clock.atLeast(600_000);
  assert.equal(clock.now(), 600_000);
});

test("limits come from the server; what it does not state is not checked here", () => {
  const info = { limits: { message_length: 7, edit_window_s: 60, recall_window_s: 5 } };
  assert.deepEqual(readLimits(info), { messageLength: 7, editMs: 60_000, recallMs: 5_000 });
  assert.deepEqual(readLimits(null), { messageLength: Infinity, editMs: Infinity, recallMs: Infinity });
});

test("listeners hear their topic, until they are told to stop", () => {
  const topics = new Topics();
  const heard = [];
  const listening = new AbortController();
  topics.on("a", (detail) => heard.push(detail), listening.signal);
  topics.tell("a", 1);
  topics.tell("b", 2);
  listening.abort();
  topics.tell("a", 3);
  assert.deepEqual([heard, topics.size], [[1], 0]);
});
