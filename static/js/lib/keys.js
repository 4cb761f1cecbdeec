/**
 * What a key press in the composer means.
 *
 * @typedef {{key: string, keyCode: number, isComposing: boolean, shiftKey: boolean,
 *   ctrlKey: boolean, metaKey: boolean, altKey: boolean}} Press
 */

/**
 * Both guards are needed: while an input method is open, Chromium and Firefox set `isComposing`;
 * Safari ends the composition first and only leaves keyCode 229.
 *
 * @param {Press} press
 */
export function isInputMethod(press) {
  return press.isComposing || press.keyCode === 229;
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
  const plain = !press.shiftKey && !press.ctrlKey && !press.metaKey;
  return press.key === "ArrowUp" && plain && empty ? "edit-last" : "";
}
