// Plays one film through Media Source Extensions: a minute ahead of the playhead, wherever that is; and the original file where
// the browser can't. Nothing here is needed by other players: they take the HLS or DASH manifest.
const AHEAD = 60;
const BEHIND = 30;
const id = location.pathname.split("/").pop();
const base = `${location.origin}/v1/media/${id}/`;
const [video, status, facts, title] = ["video", "status", "facts", "title"].map((name) => document.getElementById(name));

const mime = (rendition) => `${rendition.mime}; codecs="${rendition.codec}"`;
const once = (target, name) => new Promise((done) => target.addEventListener(name, done, { once: true }));
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** One rendition and its SourceBuffer: keeps what lies around the playhead, one append or removal at a time. */
class Feed {
  constructor(rendition, source) {
    this.rendition = rendition;
    this.buffer = source.addSourceBuffer(mime(rendition));
    this.buffer.timestampOffset = -rendition.presentationOffset / rendition.timescale;
    let at = rendition.segments.start - rendition.presentationOffset;
    this.ends = rendition.segments.durations.map((ticks) => (at += ticks) / rendition.timescale);
    this.starts = [(rendition.segments.start - rendition.presentationOffset) / rendition.timescale, ...this.ends];
    this.here = new Set();
  }

  async do(work) {
    work();
    if (this.buffer.updating) await once(this.buffer, "updateend");
  }

  /** The number of the first segment that is missing between the playhead and a minute after it. */
  wanted(now) {
    const first = this.ends.findIndex((end) => end > now);
    if (first < 0) return null;
    for (let n = first; n < this.ends.length && this.starts[n] < now + AHEAD; n += 1) if (!this.here.has(n)) return n;
    return null;
  }

  async fetch(n) {
    const response = await fetch(base + this.rendition.media.replace("{n}", n + 1));
    if (!response.ok) throw new Error(`segment ${n + 1} of ${this.rendition.id}: ${(await response.json()).title}`);
    const data = await response.arrayBuffer();
    await this.do(() => this.buffer.appendBuffer(data));
    this.here.add(n);
  }

  /** Lets go of what was watched, and of what another part of the film left behind. */
  async forget(now) {
    const [from, to] = [now - BEHIND, now + AHEAD * 2];
    for (const n of [...this.here]) {
      if (this.ends[n] >= from && this.starts[n] <= to) continue;
      await this.do(() => this.buffer.remove(Math.max(0, this.starts[n]), this.ends[n]));
      this.here.delete(n);
    }
  }

  /** One step; whether there was anything to do. */
  async step() {
    const n = this.wanted(video.currentTime);
    if (n == null) return false;
    await this.forget(video.currentTime);
    await this.fetch(n);
    return true;
  }

  async run(moved) {
    await this.do(() => this.buffer.appendBuffer(bytes(this.rendition.initData)));
    for (;;) if (!(await this.step())) await Promise.race([moved(), new Promise((done) => setTimeout(done, 1000))]);
  }
}

async function play(manifest, renditions) {
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await once(source, "sourceopen");
  source.duration = manifest.duration;
  const feeds = renditions.map((rendition) => new Feed(rendition, source));
  const moved = () => once(video, "seeking");
  await Promise.all(feeds.map((feed) => feed.run(moved)));
}

function captions(manifest) {
  for (const rendition of manifest.renditions.filter((rendition) => rendition.mime === "text/vtt")) {
    const track = video.addTextTrack("subtitles", rendition.name ?? rendition.language ?? rendition.id, rendition.language ?? "");
    track.mode = "hidden";
    rendition.segments.durations.forEach(async (_, n) => {
      const text = await (await fetch(base + rendition.media.replace("{n}", n + 1))).text();
      for (const [, from, to, words] of text.matchAll(/(\S+) --> (\S+).*\n([\s\S]*?)(?:\n\n|$)/g)) {
        const seconds = (clock) => clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
        track.addCue(new VTTCue(seconds(from), seconds(to), words));
      }
    });
  }
}

function describe(manifest) {
  document.title = title.textContent = manifest.title;
  const row = (name, value) => {
    facts.append(
      Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value }),
    );
  };
  for (const { id, kind, codec, width, height, frameRate, channels, language, averageBandwidth, segments } of manifest.renditions) {
    const size = kind === "video" ? `${width}×${height}, ${frameRate.toFixed(2)} frames/s` : channels && `${channels} channels`;
    const rate = `${(averageBandwidth / 1000).toFixed(0)} kbit/s`;
    row(id, [kind, codec, size, language, rate, `${segments.durations.length} segments`].filter(Boolean).join(" · "));
  }
}

async function start() {
  for (const [name, path] of [["hls", "master.m3u8"], ["dash", "manifest.mpd"], ["json", "manifest.json"], ["original", "original"]]) {
    document.getElementById(name).href = base + path;
  }
  const response = await fetch(`${base}manifest.json`);
  const manifest = await response.json();
  if (!response.ok) throw new Error([manifest.title, manifest.detail].filter(Boolean).join(": "));
  describe(manifest);
  const first = (kind) => manifest.renditions.find((rendition) => rendition.kind === kind);
  const chosen = [first("video"), first("audio")].filter(Boolean);
  const able = window.MediaSource && chosen.length && chosen.every((rendition) => MediaSource.isTypeSupported(mime(rendition)));
  captions(manifest);
  if (able) return play(manifest, chosen);
  const codecs = chosen.map((rendition) => rendition.codec).join(", ");
  status.textContent = `This browser has no Media Source Extensions for ${codecs}; it is given the original file.`;
  video.src = `${base}original`;
}

start().catch((error) => {
  if (title.textContent === "Loading …") title.textContent = "Not to be played";
  status.textContent = error.message;
});
