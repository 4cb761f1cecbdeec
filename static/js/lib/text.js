/** Text in the form that the server accepts. */

const HIGH_ALONE = /[\ud800-\udbff](?![\udc00-\udfff])/g;
const LOW_ALONE = /(^|[^\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * Replaces halves of characters (lone surrogates) by U+FFFD. They come from programs that cut a
 * text in the middle of an emoji, and no JSON with one of them reaches the server whole.
 *
 * @param {string} text
 * @returns {string}
 */
export function wellFormed(text) {
  const native = /** @type {any} */ (text).toWellFormed;
  if (native) return native.call(text);
  const without = text.replace(HIGH_ALONE, "\ufffd");
  // Twice: a match includes the character before it, so of two in a row the first pass finds one.
  return without.replace(LOW_ALONE, "$1\ufffd").replace(LOW_ALONE, "$1\ufffd");
}

/** Counts characters as the server does, in code points. @param {string} text */
export function characters(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
