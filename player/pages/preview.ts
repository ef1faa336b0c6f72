/**
 * The picture over the time range: of the place under the pointer, or under the finger.
 *
 * @module
 */

import type { Manifest } from "../src/manifest.js";
import { Thumbnails } from "../src/thumbnails.js";

/** Draws into `canvas`, which the time range shows over itself; hidden until there is a picture. */
export class Preview {
  readonly #canvas: HTMLCanvasElement;
  #thumbnails: Thumbnails | null = null;
  #asking: AbortController | null = null;

  constructor(range: HTMLElement, canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    range.addEventListener("mediapreviewrequest", (event) => {
      const time = (event as CustomEvent<number | null>).detail;
      if (time === null) this.#asking?.abort();
      else void this.#show(time);
    });
  }

  /** The film whose pictures are shown from now on; what was shown of another goes. */
  of(manifest: Manifest): void {
    this.#thumbnails?.close();
    this.#canvas.hidden = true;
    this.#thumbnails = new Thumbnails(manifest, { height: 180 });
  }

  /** More of the same film has arrived. */
  update(manifest: Manifest): void {
    this.#thumbnails?.update(manifest);
  }

  async #show(time: number): Promise<void> {
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    const picture = await this.#thumbnails?.at(time, mine.signal);
    if (mine.signal.aborted) picture?.close();
    else this.#draw(picture ?? null);
  }

  #draw(picture: ImageBitmap | null): void {
    this.#canvas.hidden = picture === null;
    if (!picture) return;
    [this.#canvas.width, this.#canvas.height] = [picture.width, picture.height];
    this.#canvas.getContext("2d")?.drawImage(picture, 0, 0);
    picture.close();
  }
}
