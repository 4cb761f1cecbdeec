/** Text as the server accepts it. */

const HIGH_ALONE = /[\ud800-\udbff](?![\udc00-\udfff])/g;
const LOW_ALONE = /(^|[^\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * Replaces halves of characters (lone surrogates) by U+FFFD. They come from programs that cut a
 * text in the middle of an emoji. No JSON with one in it reaches the server whole.
 *
 * @param {string} text
 * @returns {string}
 */
export function wellFormed(text) {
  const native = /** @type {any} */ (text).toWellFormed;
  if (native) return native.call(text);
  const without = text.replace(HIGH_ALONE, "\ufffd");
  // Twice: a match takes the character before it, so of two in a row the first pass sees one.
  return without.replace(LOW_ALONE, "$1\ufffd").replace(LOW_ALONE, "$1\ufffd");
}

/** Characters as the server counts them: code points. @param {string} text */
export function characters(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
