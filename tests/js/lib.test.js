import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { delay } from "../../static/js/lib/backoff.js";
import { badge, continues, dayLabel, shortTime } from "../../static/js/lib/format.js";
import { gettext, interpolate, ngettext, useCatalog } from "../../static/js/lib/i18n.js";
import { newClientId } from "../../static/js/lib/ids.js";
import { composerAction } from "../../static/js/lib/keys.js";
import { splitLinks } from "../../static/js/lib/links.js";

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

function links(text) {
  const parts = splitLinks(text);
  assert.equal(parts.map((part) => part.text).join(""), text);
  return parts.filter((part) => part.href).map((part) => part.href);
}

test("addresses become links, with the punctuation of the sentence left out", () => {
  assert.deepEqual(links("See https://a.cn/b?c=1#d, and (http://x.org)."), ["https://a.cn/b?c=1#d", "http://x.org"]);
  assert.deepEqual(links("https://en.wikipedia.org/wiki/Go_(game)"), ["https://en.wikipedia.org/wiki/Go_(game)"]);
  assert.deepEqual(links("看 https://a.cn/路径。好"), ["https://a.cn/路径"]);
});

test("nothing but http and https becomes a link", () => {
  const texts = ["javascript:alert(1)", "data:text/html,x", "ftp://a.b", "www.a.cn", "https://", "jhttp", ""];
  assert.deepEqual(texts.flatMap(links), []);
});
