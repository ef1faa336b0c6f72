// Lists what the API offers, from its own description, and lets each GET be tried.
const place = document.getElementById("operations");
const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

function operation(path, { summary, parameters = [], responses }) {
  const inputs = parameters.map(({ name, in: where, description }) => {
    const input = make("input", { name });
    input.dataset.where = where;
    return [input, make("label", {}, make("code", { textContent: name }), ` ${description ?? ""}`, input)];
  });
  const result = make("pre", { hidden: true });
  const button = make("button", { type: "submit", textContent: "Try it" });
  const form = make("form", {}, ...inputs.map(([, label]) => make("p", {}, label)), button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let address = path;
    const query = new URLSearchParams();
    for (const [input] of inputs) {
      if (input.dataset.where === "path") address = address.replace(`{${input.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.set(input.name, input.value);
    }
    if (query.size) address += `?${query}`;
    const response = await fetch(address);
    const kind = response.headers.get("content-type") ?? "";
    const text = /json|text|mpegurl|xml/.test(kind) ? await response.text() : `${(await response.arrayBuffer()).byteLength} bytes`;
    const pretty = kind.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
    result.textContent = `GET ${address}\n${response.status} ${kind}\n\n${pretty.slice(0, 20000)}`;
    result.hidden = false;
  });
  const answers = Object.entries(responses).map(([status, { description }]) => make("li", { textContent: `${status}  ${description}` }));
  return make("details", {}, make("summary", {}, make("code", { textContent: `GET ${path}` }), ` ${summary ?? ""}`), make("ul", {}, ...answers), form, result);
}

const api = await (await fetch("/openapi.json")).json();
place.replaceChildren(make("p", { textContent: api.info.description }));
for (const tag of api.tags) {
  place.append(make("h2", { textContent: tag.description }));
  for (const [path, item] of Object.entries(api.paths)) if (item.get?.tags?.includes(tag.name)) place.append(operation(path, item.get));
}
