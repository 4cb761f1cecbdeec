/** Small helpers for pages. */

/** What the server put into the page with `json_script`. @param {string} id @returns {any} */
export function readJson(id) {
  const text = document.getElementById(id)?.textContent;
  return text ? JSON.parse(text) : null;
}

/** The reader's language. */
export function locale() {
  return document.documentElement.lang || "en";
}

/** Returns the first match, which the template promises to have. @param {ParentNode} root @param {string} selector @returns {any} */
export function part(root, selector) {
  return root.querySelector(selector);
}

/** Returns a fresh copy of what a template holds. @param {HTMLTemplateElement} template @param {string} selector @returns {any} */
export function copy(template, selector) {
  return part(/** @type {DocumentFragment} */ (template.content.cloneNode(true)), selector);
}

/** Shows the picture at `address`, or none for "". @param {HTMLImageElement} image @param {string} address */
export function showPicture(image, address) {
  if (!address) image.removeAttribute("src");
  else if (image.getAttribute("src") !== address) image.src = address;
}

/** True while the reader looks at this very tab. */
export function attended() {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** Writes only what has changed: every write costs a mutation, and screen readers read it out. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** "" removes the attribute. @param {Element} element @param {string} name @param {string} value */
export function setAttribute(element, name, value) {
  if (!value) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
