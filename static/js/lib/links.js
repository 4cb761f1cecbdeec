/** Finds the addresses in a text. Only http and https: nothing else becomes clickable. */

const ADDRESS = /https?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef]+/giu;
// Punctuation at the end belongs to the sentence, not to the address.
const TRAILING = /[.,;:!?)\]}*_~]+$/u;

/**
 * @param {string} text
 * @returns {{text: string, href: string}[]} parts in order; `href` is "" for plain text
 */
export function splitLinks(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!isAddress(address)) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index), href: "" });
    parts.push({ text: address, href: address });
    end = match.index + address.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), href: "" });
  return parts;
}

/** @param {string} address */
function trimmed(address) {
  const bare = address.replace(TRAILING, "");
  // https://en.wikipedia.org/wiki/Go_(game) keeps its bracket.
  return address[bare.length] === ")" && bare.includes("(") ? `${bare})` : bare;
}

/** @param {string} address */
function isAddress(address) {
  try {
    return /^https?:$/.test(new URL(address).protocol);
  } catch {
    return false;
  }
}
