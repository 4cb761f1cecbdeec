/** Why a command was not carried out, over whichever way. */

/** `code` is the server's, or `timeout` (no answer), or `disconnected` (nothing was sent). */
export class CommandError extends Error {
  /** @param {{code: string, detail?: string, retry_after?: number}} frame */
  constructor({ code, detail = "", retry_after: retryAfter = 0 }) {
    super(detail || code);
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }
}
