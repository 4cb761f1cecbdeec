/**
 * Finds the web addresses in a text. chat/links.py does the same in Python; both are checked
 * against tests/cases/links.json.
 *
 * Two rules stand above all others: only http and https become links, and a link never leads to
 * another host than the one that a reader sees.
 *
 * @typedef {{text: string, href: string}} Part `href` is "" for plain text
 */

const SCHEME = /https?:\/\//gi;
const LETTER = /[\p{L}\p{M}\p{N}]/u;
const ASCII_WORD = /[A-Za-z0-9]/;
const HOST_MARK = /[._-]/;
const PATH_MARK = /[!#$%&'()*+,\-./:;=?@_~[\]{}|]/;
const CJK = /[\u1100-\u115e\u1161-\u11ff\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u3163\u3165-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff]/;
const WIDE = /[\uff01-\uffef]/;
const INVISIBLE = /[\p{Cc}\p{Cf}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f]/u;
const PORT = /^:[0-9]{1,5}(?![0-9])/;
const AUTHORITY = /^[!$%&'()*+,\-.0-9:;=@A-Z[\]_a-z~]*/;
// Latin letters with marks look like nothing else; other scripts have letters that look Latin.
const LABEL = /^(?:[a-z0-9_\u00e0-\u00f6\u00f8-\u012f\u0133-\u0148\u014a-\u017e-]{1,63})$/i;
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/i;
const IPV4 = /^(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})$/;
const OPENING = /** @type {Record<string, string>} */ ({ ")": "(", "]": "[", "}": "{" });

/**
 * @param {string} text
 * @returns {Part[]} parts in order
 */
export function splitLinks(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(SCHEME)) {
    const start = match.index;
    if (start < end || ASCII_WORD.test(text[start - 1] ?? "")) continue;
    const address = addressAt(text, start, start + match[0].length);
    if (!address) continue;
    if (start > end) parts.push({ text: text.slice(end, start), href: "" });
    parts.push({ text: address, href: address });
    end = start + address.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), href: "" });
  return parts;
}

/** @param {string} text @param {number} start @param {number} hostStart @returns {string} "" if there is none */
function addressAt(text, start, hostStart) {
  const hostEnd = endOfHost(text, hostStart);
  if (hostEnd === hostStart || !isHost(text.slice(hostStart, hostEnd))) return "";
  if (isDoubtful(text, hostStart, hostEnd)) return "";
  const portEnd = hostEnd + (PORT.exec(text.slice(hostEnd))?.[0].length ?? 0);
  const end = /[/?#]/.test(text[portEnd] ?? "") ? endOfPath(text, portEnd) : portEnd;
  return trimmed(text.slice(start, end), hostEnd - start, text[start - 1] ?? "");
}

/** @param {string} character */
function isLetter(character) {
  return LETTER.test(character) && !WIDE.test(character) && !INVISIBLE.test(character);
}

/** CJK directly after a Latin letter or digit continues the sentence. @param {string} text @param {number} at */
function sentenceGoesOn(text, at) {
  return CJK.test(text[at]) && ASCII_WORD.test(text[at - 1] ?? "");
}

/** @param {string} text @param {number} start */
function endOfHost(text, start) {
  let end = start;
  while (end < text.length && (HOST_MARK.test(text[end]) || isLetter(text[end]))) {
    if (end > start && sentenceGoesOn(text, end)) break;
    end += 1;
  }
  while (end > start && HOST_MARK.test(text[end - 1])) end -= 1;
  return end;
}

/** @param {string} host */
function isHost(host) {
  const labels = host.split(".");
  const last = labels[labels.length - 1];
  if (NUMBER.test(last)) return IPV4.test(host) && labels.every((label) => Number(label) < 256);
  if (!labels.every(isLabel)) return false;
  // A lone word in another alphabet is rarely an address.
  return labels.length > 1 || /^[\x21-\x7e]+$/.test(host);
}

/** @param {string} label */
function isLabel(label) {
  return LABEL.test(label) || (label !== "" && [...label].every((letter) => CJK.test(letter)));
}

/** True if a reader could take what follows for a part of the host. @param {string} text @param {number} start @param {number} end */
function isDoubtful(text, start, end) {
  if ((AUTHORITY.exec(text.slice(end))?.[0] ?? "").includes("@")) return true;
  const next = text[end] ?? "";
  if (next === "%" || next === "\\") return true;
  if (WIDE.test(next) && LETTER.test(next)) return true;
  const singleWord = !text.slice(start, end).includes(".");
  if (singleWord && /[\u3002\uff0e\uff61]/.test(next)) return true;
  return isInvisible(next) && !endsAfterInvisible(text, end);
}

/** @param {string} character */
function isInvisible(character) {
  return INVISIBLE.test(character) && !/[\t-\r]/.test(character);
}

/** An invisible character must not hide that the host goes on. @param {string} text @param {number} at */
function endsAfterInvisible(text, at) {
  let end = at;
  while (end < text.length && isInvisible(text[end])) end += 1;
  const next = text[end] ?? " ";
  return CJK.test(next) || !(isLetter(next) || WIDE.test(next) || /[.:@%\\/_-]/.test(next));
}

/** @param {string} text @param {number} start */
function endOfPath(text, start) {
  let end = start;
  while (end < text.length && (PATH_MARK.test(text[end]) || isLetter(text[end]))) {
    // A segment of CJK is a part of the path; directly after Latin it continues the sentence.
    if (sentenceGoesOn(text, end)) break;
    end += 1;
  }
  return end;
}

/** Returns the address without the punctuation of the sentence around it. @param {string} address @param {number} least @param {string} before the character before it */
function trimmed(address, least, before) {
  let end = address.length;
  while (end > least && belongsToSentence(address.slice(0, end), before)) end -= 1;
  return address.slice(0, end);
}

/** Returns whether the last character belongs to the sentence. @param {string} address @param {string} before */
function belongsToSentence(address, before) {
  const last = address.charAt(address.length - 1);
  if (".,;:!?*".includes(last)) return true;
  if (last in OPENING) return count(address, last) > count(address, OPENING[last]);
  if (last === "'") return before === "'" || count(address, "'") % 2 === 1;
  return "_~|".includes(last) && before === last;
}

/** @param {string} text @param {string} character */
function count(text, character) {
  return text.split(character).length - 1;
}
