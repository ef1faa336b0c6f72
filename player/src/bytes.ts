/**
 * Where the bytes of segments and init segments lie, and how a run of them is fetched whole. For what is small and may
 * fail: pictures and captions. Media is streamed by the engine.
 *
 * @module
 */

import type { Init, Rendition, Segment } from "./manifest.js";
import { place } from "./timeline.js";

/** Bytes of a resource: from, inclusive, and to, exclusive. */
export interface Part {
  readonly url: string;
  readonly range?: readonly [from: number, to: number];
}

/** A segment, or the bytes `from` to `to` of it. */
export function partOf(rendition: Rendition, segment: Segment, from?: number, to?: number): Part {
  const { url, start } = place(rendition, segment);
  if (from === undefined && rendition.media.includes("{n}")) return { url };
  return { url, range: [start + (from ?? 0), start + (to ?? segment.size)] };
}

/** An init segment, from the manifest where it is there. */
export async function fetchInit(init: Init, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  if (init.data) return init.data;
  if (init.url === undefined) throw new Error("an init segment without an address");
  return fetchBytes(init.range ? { url: init.url, range: init.range } : { url: init.url }, signal);
}

/**
 * Fetches a part. Of a server that ignores ranges it takes no more than it needs. Rejects when the server refuses or
 * the bytes end early.
 */
export async function fetchBytes(
  { url, range }: Part,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const headers = range ? { range: `bytes=${range[0]}-${range[1] - 1}` } : undefined;
  const response = await fetch(url, { signal, priority: "low", ...(headers && { headers }) });
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  if (!range || !response.body) return new Uint8Array(await response.arrayBuffer());
  const length = range[1] - range[0];
  // Where the body begins, relative to the range.
  let at = response.status === 206 ? 0 : -range[0];
  const bytes = new Uint8Array(length);
  const reader = response.body.getReader();
  while (at < length) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`${url}: ${length - at} bytes missing`);
    bytes.set(value.subarray(Math.max(0, -at), Math.max(0, length - at)), Math.max(0, at));
    at += value.length;
  }
  // Cancelling a body that has ended by itself does nothing.
  void reader.cancel();
  return bytes;
}
