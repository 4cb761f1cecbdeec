/**
 * My picture, shown as it will be before it is sent. One that the server would find too large, or
 * that only this browser can read, is sent as a smaller JPEG of what is shown.
 */

import { Controller } from "@hotwired/stimulus";

const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];
const JPEG_QUALITY = 0.92;

export default class extends Controller {
  static targets = ["input", "present", "preview", "problem"];
  static values = { max: Number, unreadable: String };

  /** Also when the browser brings a choice back with the page. */
  async choose() {
    const file = this.file;
    this.problemTarget.textContent = "";
    if (!file) return this.show(false);
    try {
      const image = await createImageBitmap(file);
      if (this.file === file) await this.use(file, image);
    } catch {
      if (this.file === file) this.refuse();
    }
  }

  /** @returns {File | undefined} */
  get file() {
    return this.inputTarget.files[0];
  }

  /** @param {File} file @param {ImageBitmap} image */
  async use(file, image) {
    this.draw(image);
    this.show(true);
    // Only then: browsers that resist fingerprinting give a canvas back with changed pixels.
    if (file.size > this.maxValue || !TYPES.includes(file.type)) await this.shrink();
  }

  /** The largest square in the middle, on white, as the server makes it. @param {ImageBitmap} image */
  draw(image) {
    const canvas = this.previewTarget;
    const side = Math.min(image.width, image.height);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    const [left, top] = [(image.width - side) / 2, (image.height - side) / 2];
    context.drawImage(image, left, top, side, side, 0, 0, canvas.width, canvas.height);
    image.close();
  }

  async shrink() {
    const blob = await new Promise((resolve) => this.previewTarget.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
    const chosen = new DataTransfer();
    chosen.items.add(new File([blob], "picture.jpg", { type: blob.type }));
    this.inputTarget.files = chosen.files;
  }

  refuse() {
    this.inputTarget.value = "";
    this.problemTarget.textContent = this.unreadableValue;
    this.show(false);
  }

  /** @param {boolean} chosen */
  show(chosen) {
    this.previewTarget.hidden = !chosen;
    this.presentTarget.hidden = chosen;
  }
}
