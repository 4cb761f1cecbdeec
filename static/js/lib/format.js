/** Times and names as people read them. Times are Unix milliseconds, shown in the viewer's zone. */

import { gettext } from "./i18n.js";

const GROUP_MS = 5 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** One string a local day: equal exactly when two times are on the same day. @param {number} ms */
export function dayKey(ms) {
  const date = new Date(ms);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/** "14:05". @param {number} ms @param {string} locale */
export function clock(ms, locale) {
  return formatter(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);
}

/** The whole date and time, for tooltips. @param {number} ms @param {string} locale */
export function absolute(ms, locale) {
  return formatter(locale, { dateStyle: "full", timeStyle: "medium" }).format(ms);
}

/** "Today", "Yesterday" or the date. @param {number} ms @param {number} now @param {string} locale */
export function dayLabel(ms, now, locale) {
  if (dayKey(ms) === dayKey(now)) return gettext("Today");
  if (dayKey(ms) === dayKey(now - DAY_MS)) return gettext("Yesterday");
  return formatter(locale, { ...yearUnlessThis(ms, now), month: "long", day: "numeric", weekday: "long" }).format(ms);
}

/** Short, for the list of rooms. @param {number} ms @param {number} now @param {string} locale */
export function shortTime(ms, now, locale) {
  if (dayKey(ms) === dayKey(now)) return clock(ms, locale);
  if (dayKey(ms) === dayKey(now - DAY_MS)) return gettext("Yesterday");
  return formatter(locale, { ...yearUnlessThis(ms, now), month: "numeric", day: "numeric" }).format(ms);
}

/**
 * Whether a message needs no name and picture of its own, being one breath with the one before.
 *
 * @param {{user: string, at: number} | null} previous
 * @param {{user: string, at: number}} next
 */
export function continues(previous, next) {
  if (!previous || previous.user !== next.user) return false;
  return next.at - previous.at <= GROUP_MS && dayKey(previous.at) === dayKey(next.at);
}

/** "99+" beyond 99. @param {number} count */
export function badge(count) {
  return count > 99 ? "99+" : String(count);
}

/** @param {number} ms @param {number} now @returns {Intl.DateTimeFormatOptions} */
function yearUnlessThis(ms, now) {
  return new Date(ms).getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
}

/** @type {Map<string, Intl.DateTimeFormat>} making one takes longer than using it a hundred times */
const formatters = new Map();

/** @param {string} locale @param {Intl.DateTimeFormatOptions} options */
function formatter(locale, options) {
  const key = locale + JSON.stringify(options);
  const made = formatters.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formatters.set(key, made);
  return made;
}
