/**
 * My picture, shown before it is sent as it will look. One that the server would find too large, or
 * that only this browser can read, is sent as a smaller JPEG of what is shown.
 */

import BaseController from "./base.js";

const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];
const JPEG_QUALITY = 0.92;

export default class extends BaseController {
  /** Also when the browser restores a choice with the page. */
  async choose() {
    const file = this.file;
    this.box("problem").textContent = "";
    if (!file) return this.show(false);
    try {
      const image = await createImageBitmap(file);
      if (this.file === file) await this.use(file, image);
    } catch {
      if (this.file === file) this.refuse();
    }
  }

  get input() {
    return this.target("input", HTMLInputElement);
  }

  get preview() {
    return this.target("preview", HTMLCanvasElement);
  }

  /** @returns {File | undefined} */
  get file() {
    return this.input.files?.[0];
  }

  /** @param {File} file @param {ImageBitmap} image */
  async use(file, image) {
    this.draw(image);
    this.show(true);
    // Only then: browsers that resist fingerprinting return a canvas with changed pixels.
    if (file.size > Number(this.value("max")) || !TYPES.includes(file.type)) await this.shrink();
  }

  /** Draws the largest square in the middle, on white, as the server does. @param {ImageBitmap} image */
  draw(image) {
    const canvas = this.preview;
    const side = Math.min(image.width, image.height);
    const context = canvas.getContext("2d");
    if (!context) return;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    const [left, top] = [(image.width - side) / 2, (image.height - side) / 2];
    context.drawImage(image, left, top, side, side, 0, 0, canvas.width, canvas.height);
    image.close();
  }

  async shrink() {
    /** @type {?Blob} */
    const blob = await new Promise((resolve) => this.preview.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
    if (!blob) return;
    const chosen = new DataTransfer();
    chosen.items.add(new File([blob], "picture.jpg", { type: blob.type }));
    this.input.files = chosen.files;
  }

  refuse() {
    this.input.value = "";
    this.box("problem").textContent = this.value("unreadable");
    this.show(false);
  }

  /** @param {boolean} chosen */
  show(chosen) {
    this.preview.hidden = !chosen;
    this.box("present").hidden = chosen;
  }
}
