/** How long to wait before trying again. */

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/**
 * Doubles from 1 s to 30 s. Half of it is random: after a restart of the server its clients must
 * not all come back at the same moment.
 *
 * @param {number} attempt 0 for the first
 * @param {() => number} random
 * @returns {number} milliseconds
 */
export function delay(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
  return ceiling / 2 + random() * (ceiling / 2);
}
