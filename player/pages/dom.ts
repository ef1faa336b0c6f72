/**
 * Elements made and found, typed.
 *
 * @module
 */

/** Makes an element with properties and children. Text stays text, whatever it holds. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** An element of the page by its id. */
export function byId<E extends HTMLElement>(id: string, type: new () => E): E {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} with the id ${id}`);
  return element;
}

/** A picture of one path in a square of 24. */
export function icon(path: string): SVGSVGElement {
  const [svg, shape] = ["svg", "path"].map((name) =>
    document.createElementNS("http://www.w3.org/2000/svg", name),
  ) as [SVGSVGElement, SVGPathElement];
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** Paths for `icon`. */
export const ICONS = {
  film: "M4 4h16a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zm6 4.5v7l6-3.5z",
  sound: "M9 18.5a3 3 0 1 1-2-2.83V5l12-2.5v13a3 3 0 1 1-2-2.83V7.1L9 8.8z",
} as const;
