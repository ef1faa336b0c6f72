/**
 * Turns the bytes of one sync sample into a picture, by WebCodecs. Thumbnails call it; it fetches nothing but the init
 * segment.
 *
 * @module
 */

import { fetchInit } from "./bytes.js";
import { readTrack, samples, type Track } from "./isobmff.js";
import type { Rendition } from "./manifest.js";

/** Decodes single pictures of one rendition, one after the other. */
export class StillDecoder {
  readonly rendition: Rendition;
  readonly #track: Track;
  readonly #config: VideoDecoderConfig;
  #decoder: VideoDecoder | undefined;
  #output: (frame: VideoFrame) => void = (frame) => frame.close();
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(rendition: Rendition, track: Track, config: VideoDecoderConfig) {
    this.rendition = rendition;
    this.#track = track;
    this.#config = config;
  }

  /** `null` where this browser can't decode the rendition. Rejects when the init segment can't be had. */
  static async open(rendition: Rendition, signal: AbortSignal): Promise<StillDecoder | null> {
    const { codec, init } = rendition;
    if (rendition.protected || !init || !(await isSupported({ codec }))) return null;
    const track = readTrack(await fetchInit(init, signal));
    // AVC and HEVC are described by their configuration record; other codecs say all in their samples.
    const record = track?.configuration.find(({ type }) => type === "avcC" || type === "hvcC");
    const config = record ? { codec, description: record.body } : { codec };
    return track && (await isSupported(config)) ? new StillDecoder(rendition, track, config) : null;
  }

  /**
   * The first picture of a fragment, of which no more than `Fragment.key` bytes have to be there, upright, in its own
   * shape, `height` pixels high. `null` when it can't be decoded. The caller closes it.
   */
  picture(fragment: Uint8Array<ArrayBuffer>, height: number): Promise<ImageBitmap | null> {
    const picture = this.#last.then(() => this.#decode(fragment, height)).catch(() => null);
    this.#last = picture;
    return picture;
  }

  /** Pictures still asked for become `null`. */
  close(): void {
    this.#closed = true;
    if (this.#decoder?.state !== "closed") this.#decoder?.close();
  }

  async #decode(fragment: Uint8Array<ArrayBuffer>, height: number): Promise<ImageBitmap | null> {
    const [sample] = samples(fragment, this.#track);
    if (this.#closed || !sample || sample.data.length < sample.size) return null;
    let first: VideoFrame | undefined;
    this.#output = (frame) => (first ? frame.close() : (first = frame));
    try {
      const decoder = this.#ready();
      decoder.decode(new EncodedVideoChunk({ type: "key", timestamp: 0, data: sample.data }));
      await decoder.flush();
      return first ? draw(first, this.#track, height) : null;
    } finally {
      first?.close();
    }
  }

  /** After an error, or when the browser has taken its codec back, a decoder is closed and another takes its place. */
  #ready(): VideoDecoder {
    if (this.#decoder?.state !== "configured") {
      this.#decoder = new VideoDecoder({ output: (frame) => this.#output(frame), error: () => undefined });
      this.#decoder.configure(this.#config);
    }
    return this.#decoder;
  }
}

async function isSupported(config: VideoDecoderConfig): Promise<boolean> {
  if (typeof VideoDecoder === "undefined" || typeof OffscreenCanvas === "undefined") return false;
  try {
    return (await VideoDecoder.isConfigSupported(config)).supported === true;
  } catch {
    // A codec that isn't even well-formed.
    return false;
  }
}

function draw(frame: VideoFrame, track: Track, height: number): ImageBitmap | null {
  const [a, b, c, d] = track.orientation;
  const [across, down] = shape(frame, track);
  const isTurned = a === 0;
  const width = Math.max(1, Math.round((height * (isTurned ? down : across)) / (isTurned ? across : down)));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.imageSmoothingQuality = "high";
  context.setTransform(a, b, c, d, width / 2, height / 2);
  const [w, h] = isTurned ? [height, width] : [width, height];
  context.drawImage(frame, -w / 2, -h / 2, w, h);
  return canvas.transferToImageBitmap();
}

/** Width and height of the picture in square pixels: `pasp` (ISO/IEC 14496-12 12.1.4) goes before the codec's own. */
function shape(frame: VideoFrame, track: Track): readonly [width: number, height: number] {
  const pasp = track.configuration.find(({ type }) => type === "pasp")?.body;
  if (pasp?.length === 8 && frame.visibleRect) {
    const view = new DataView(pasp.buffer, pasp.byteOffset);
    const [horizontal, vertical] = [view.getUint32(0), view.getUint32(4)];
    const { width, height } = frame.visibleRect;
    if (horizontal && vertical) return [(width * horizontal) / vertical, height];
  }
  return [frame.displayWidth, frame.displayHeight];
}
