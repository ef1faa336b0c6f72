// The list of films: searched on the server, a page at a time.
const [search, films, status, more] = ["search", "films", "status", "more"].map((id) => document.getElementById(id));
let next = null;
let asking = new AbortController();

const time = (seconds) => {
  const whole = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

const line = (text, name) => Object.assign(document.createElement("p"), { textContent: text, className: name ?? "" });

function card(item) {
  const card = document.createElement("li");
  const ready = item.state === "ready" || item.state === "playable";
  const title = Object.assign(document.createElement(ready ? "a" : "strong"), { textContent: item.title });
  if (ready) title.href = `/watch/${item.id}`;
  const video = item.renditions.find((rendition) => rendition.kind === "video");
  const facts = [
    item.duration != null && time(item.duration),
    video ? `${video.width}×${video.height}` : ready && "sound only",
    item.season != null && `season ${item.season}, episode ${item.episode}`,
  ];
  const codecs = [...new Set(item.renditions.map((rendition) => rendition.codec.split(".")[0]))];
  card.append(title, line(facts.filter(Boolean).join(" · ")), line(codecs.join(" ")));
  if (!ready) card.append(line(item.error ? `can't be played: ${item.error}` : item.state, "failed"));
  return card;
}

async function load(address, fresh) {
  asking.abort();
  asking = new AbortController();
  try {
    const response = await fetch(address, { signal: asking.signal });
    const page = await response.json();
    if (!response.ok) throw new Error(page.title);
    const cards = page.items.map(card);
    if (fresh) films.replaceChildren(...cards);
    else films.append(...cards);
    next = page.next;
    more.hidden = !next;
    const none = search.value ? "No film has this in its title." : "No films yet. They appear here once they lie in a served folder.";
    status.textContent = films.children.length ? "" : none;
  } catch (error) {
    if (error.name !== "AbortError") status.textContent = `The list can't be loaded: ${error.message}`;
  }
}

const first = () => load(`/v1/media?limit=60${search.value ? `&q=${encodeURIComponent(search.value)}` : ""}`, true);
search.addEventListener("input", first);
more.addEventListener("click", () => load(next, false));
first();
