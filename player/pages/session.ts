/**
 * The film in the controls of the system: keys of keyboards and headphones, lock screens.
 *
 * @module
 */

import type { Film } from "./shortcuts.js";

const SKIP = 10;

/** Tells the system what plays, and does what it asks for. */
export function tellSystem(video: Film & EventTarget, title: string): void {
  if (!("mediaSession" in navigator)) return;
  const session = navigator.mediaSession;
  session.metadata = new MediaMetadata({ title, artist: "Segue" });
  const seek = (to: number): void => {
    video.currentTime = Math.min(Math.max(0, to), video.duration || 0);
  };
  const actions: Partial<Record<MediaSessionAction, MediaSessionActionHandler>> = {
    play: () => void video.play().catch(() => undefined),
    pause: () => video.pause(),
    seekbackward: ({ seekOffset }) => seek(video.currentTime - (seekOffset ?? SKIP)),
    seekforward: ({ seekOffset }) => seek(video.currentTime + (seekOffset ?? SKIP)),
    seekto: ({ seekTime }) => seek(seekTime ?? 0),
  };
  for (const [action, handler] of Object.entries(actions) as [
    MediaSessionAction,
    MediaSessionActionHandler,
  ][]) {
    try {
      session.setActionHandler(action, handler);
    } catch {
      // not every system has every action
    }
  }
  const tellPlace = (): void => {
    if (!(video.duration > 0) || !Number.isFinite(video.duration)) return;
    const position = Math.min(Math.max(0, video.currentTime), video.duration);
    session.setPositionState({ duration: video.duration, playbackRate: video.playbackRate || 1, position });
  };
  for (const event of ["loadedmetadata", "durationchange", "seeked", "ratechange", "play", "pause"]) {
    video.addEventListener(event, tellPlace);
  }
}

/** The picture that the system shows beside the title. */
export function tellSystemPicture(address: string): void {
  if (!("mediaSession" in navigator) || !navigator.mediaSession.metadata) return;
  navigator.mediaSession.metadata.artwork = [{ src: address }];
}
