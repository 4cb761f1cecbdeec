/** Client ids, which make it harmless to send the same message twice. */

/**
 * Returns 32 random hex digits. `crypto.randomUUID` exists on HTTPS and localhost only, and people
 * do run this on http://192.168.x.x.
 *
 * @returns {string}
 */
export function newClientId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
