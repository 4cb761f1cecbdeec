/**
 * What a key press means. Every handler of keys asks here, so that no key that belongs to an input
 * method does anything else.
 *
 * @typedef {{key: string, keyCode: number, isComposing: boolean, shiftKey: boolean,
 *   ctrlKey: boolean, metaKey: boolean, altKey: boolean}} Press
 */

/**
 * True while an input method is open. Both guards are needed: Chromium and Firefox set
 * `isComposing`; Safari ends the composition first and only leaves keyCode 229.
 *
 * @param {Press} press
 */
export function isInputMethod(press) {
  return press.isComposing || press.keyCode === 229;
}

/** Returns the key; "" if an input method or a modifier key claims it. @param {Press} press */
export function plainKey(press) {
  if (isInputMethod(press) || press.shiftKey || press.ctrlKey || press.metaKey || press.altKey) return "";
  return press.key;
}

/**
 * @param {Press} press
 * @param {{touch: boolean, empty: boolean}} state `touch`: no keyboard with a Shift key at hand
 * @returns {"send" | "edit-last" | ""} "": the browser's own meaning
 */
export function composerAction(press, { touch, empty }) {
  if (isInputMethod(press) || press.altKey) return "";
  if (press.key === "Enter") {
    if (press.ctrlKey || press.metaKey) return "send";
    return press.shiftKey || touch ? "" : "send";
  }
  return plainKey(press) === "ArrowUp" && empty ? "edit-last" : "";
}

/** @param {Press} press @param {{touch: boolean}} state @returns {"save" | "cancel" | ""} */
export function editorAction(press, { touch }) {
  if (plainKey(press) === "Escape") return "cancel";
  return composerAction(press, { touch, empty: false }) === "send" ? "save" : "";
}
