/** Times and names as users read them. Times are Unix milliseconds, shown in the viewer's zone. */

import { gettext } from "./i18n.js";

const GROUP_MS = 5 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The number of a local calendar day. Days of 23 and 25 hours, around the change to and from
 * daylight saving time, count as one like all others.
 *
 * @param {number} ms
 */
export function dayNumber(ms) {
  const date = new Date(ms);
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS;
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
  const parts = /** @type {const} */ ({ month: "long", day: "numeric", weekday: "long" });
  return recentDay(ms, now) ?? formatter(locale, { ...yearUnlessThis(ms, now), ...parts }).format(ms);
}

/** Short, for the list of rooms. @param {number} ms @param {number} now @param {string} locale */
export function shortTime(ms, now, locale) {
  if (dayNumber(ms) === dayNumber(now)) return clock(ms, locale);
  const parts = /** @type {const} */ ({ month: "numeric", day: "numeric" });
  return recentDay(ms, now) ?? formatter(locale, { ...yearUnlessThis(ms, now), ...parts }).format(ms);
}

/**
 * True if a message continues the one before it and needs no name and picture of its own.
 *
 * @param {{user: string, at: number} | null} previous
 * @param {{user: string, at: number}} next
 */
export function continues(previous, next) {
  if (!previous || previous.user !== next.user) return false;
  return next.at - previous.at <= GROUP_MS && dayNumber(previous.at) === dayNumber(next.at);
}

/** "99+" beyond 99. @param {number} count */
export function badge(count) {
  return count > 99 ? "99+" : String(count);
}

/** @param {number} ms @param {number} now @returns {string | undefined} */
function recentDay(ms, now) {
  const age = dayNumber(now) - dayNumber(ms);
  if (age === 0) return gettext("Today");
  return age === 1 ? gettext("Yesterday") : undefined;
}

/** @param {number} ms @param {number} now @returns {Intl.DateTimeFormatOptions} */
function yearUnlessThis(ms, now) {
  return new Date(ms).getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
}

/** @type {Map<string, Intl.DateTimeFormat>} making one takes longer than using it a hundred times */
const formatters = new Map();
let zone = currentZone();

/** A formatter keeps its zone for ever, so all are dropped when it changes. Returns the present zone. */
export function followZone() {
  const current = currentZone();
  if (current !== zone) formatters.clear();
  zone = current;
  return zone;
}

function currentZone() {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** @param {string} locale @param {Intl.DateTimeFormatOptions} options */
function formatter(locale, options) {
  const key = locale + JSON.stringify(options);
  const made = formatters.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formatters.set(key, made);
  return made;
}
