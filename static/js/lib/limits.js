/**
 * The server's limits, from the page's `server-info` element (the body of GET /api/v1/server/).
 *
 * @typedef {{messageLength: number, editMs: number, recallMs: number}} Limits
 */

/**
 * A limit that the page does not state is not checked here: the server checks it anyway.
 *
 * @param {any} info
 * @returns {Limits}
 */
export function readLimits(info) {
  const limits = info?.limits ?? {};
  return {
    messageLength: limits.message_length ?? Infinity,
    editMs: (limits.edit_window_s ?? Infinity) * 1_000,
    recallMs: (limits.recall_window_s ?? Infinity) * 1_000,
  };
}
