/**
 * A player's renditions as lists of tracks, and what is chosen in the lists handed back to the player: the shape in which
 * control libraries look for qualities and languages.
 *
 * @module
 */

import type { AudioTrack, AudioTrackList, VideoRenditionList, VideoTrack } from "media-tracks";
import type { EngineEvent } from "./messages.js";
import { nameOf } from "./language.js";
import type { Rendition } from "./manifest.js";
import type { Player } from "./player.js";

/** What has the lists: an element with the tracks of `media-tracks`. */
export interface Tracked {
  readonly audioTracks: AudioTrackList;
  readonly videoRenditions: VideoRenditionList;
  addVideoTrack(kind: string, label?: string, language?: string): VideoTrack;
  addAudioTrack(kind: string, label?: string, language?: string): AudioTrack;
  removeVideoTrack(track: VideoTrack): void;
  removeAudioTrack(track: AudioTrack): void;
}

/** Keeps lists and player in step until `signal` aborts; then the lists are emptied. */
export function follow(player: Player, lists: Tracked, signal: AbortSignal): void {
  let videos: VideoTrack | null = null;
  let sounds: AudioTrack[] = [];
  let listed = "";
  /** The sound that lists and player agree on. */
  let heard: string | null = null;
  const clear = (): void => {
    if (videos) {
      for (const rendition of [...lists.videoRenditions]) videos.removeRendition(rendition);
      lists.removeVideoTrack(videos);
    }
    for (const track of sounds) lists.removeAudioTrack(track);
    [videos, sounds] = [null, []];
  };
  const list = (): void => {
    const ids = player.playable.map(({ id }) => id).join(" ");
    // A film that is still arriving tells its manifest again and again.
    if (ids === listed) return;
    listed = ids;
    clear();
    const video = player.playable.filter(({ kind }) => kind === "video");
    if (video.length) videos = addVideo(lists, video);
    const audio = player.playable.filter(({ kind }) => kind === "audio");
    heard = player.audio ?? audio[0]?.id ?? null;
    sounds = audio.map((rendition) => addAudio(lists, rendition, audio, heard));
  };
  const switched = (event: Event): void => {
    const { detail } = event as CustomEvent<EngineEvent>;
    if (detail.type !== "rendition" || detail.kind !== "audio") return;
    heard = detail.id;
    for (const track of sounds) track.enabled = track.id === heard;
  };
  const qualityChosen = (): void => {
    const quality = [...lists.videoRenditions].find(({ selected }) => selected)?.id ?? "auto";
    if (player.quality !== quality) player.quality = quality;
  };
  const audioChosen = (): void => {
    const chosen = sounds.find(({ enabled }) => enabled)?.id;
    if (chosen === undefined || chosen === heard) return;
    heard = chosen;
    player.audio = chosen;
  };
  player.addEventListener("manifest", list, { signal });
  player.addEventListener("rendition", switched, { signal });
  lists.videoRenditions.addEventListener("change", qualityChosen, { signal });
  lists.audioTracks.addEventListener("change", audioChosen, { signal });
  signal.addEventListener("abort", clear, { once: true });
}

function addVideo(lists: Tracked, renditions: Rendition[]): VideoTrack {
  const track = lists.addVideoTrack("main");
  track.id = "main";
  track.selected = true;
  for (const { id, media, width, height, codec, bandwidth, frameRate } of renditions) {
    const item = track.addRendition(media, width, height, codec, bandwidth, frameRate);
    item.id = id;
  }
  return track;
}

function addAudio(
  lists: Tracked,
  rendition: Rendition,
  all: readonly Rendition[],
  enabled: string | null,
): AudioTrack {
  const track = lists.addAudioTrack(
    rendition === all[0] ? "main" : "alternative",
    audioLabel(rendition, all),
    rendition.language,
  );
  track.id = rendition.id;
  track.enabled = rendition.id === enabled;
  return track;
}

/** What a person calls an audio rendition: its name or language, and what tells it from others of that name. */
export function audioLabel(rendition: Rendition, all: readonly Rendition[]): string {
  const label = nameOf(rendition);
  const alike = all.filter((other) => nameOf(other) === label);
  if (alike.length < 2) return label;
  const channels = new Set(alike.map((other) => other.channels)).size === alike.length;
  return channels ? `${label} (${channelName(rendition.channels)})` : `${label} (${rendition.id})`;
}

/** `mono`, `stereo`, `5.1`, or a number of channels. */
export function channelName(channels: number | undefined): string {
  const names: Record<number, string> = { 1: "mono", 2: "stereo", 6: "5.1", 8: "7.1" };
  return channels === undefined ? "" : (names[channels] ?? `${channels} channels`);
}
