/** Texts in the reader's language. Keys are the English texts, as everywhere in Django. */

/** @type {Record<string, string | string[]>} */
let catalog = {};

/** @param {{catalog?: Record<string, string | string[]>}} loaded what /jsi18n/ answers */
export function useCatalog(loaded) {
  catalog = loaded.catalog ?? {};
}

/** @param {string} text @returns {string} */
export function gettext(text) {
  const found = catalog[text];
  return typeof found === "string" ? found : text;
}

/**
 * Our languages have one form (Chinese) or two (English); no need to evaluate plural rules.
 *
 * @param {string} one @param {string} many @param {number} count @returns {string}
 */
export function ngettext(one, many, count) {
  const found = catalog[one];
  if (!Array.isArray(found)) return count === 1 ? one : many;
  return found[count === 1 ? 0 : found.length - 1];
}

/** Fills %(name)s. @param {string} text @param {Record<string, string | number>} values */
export function interpolate(text, values) {
  return text.replace(/%\((\w+)\)s/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Returns what stands between two sentences: nothing in Chinese, whose full stops are wide enough.
 *
 * @param {string} locale
 */
export function space(locale) {
  return /^(zh|ja)/.test(locale) ? "" : " ";
}
