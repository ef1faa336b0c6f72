/**
 * What people call a rendition and a language.
 *
 * @module
 */

import type { Rendition } from "./manifest.js";

/** A rendition by its name, else its language, else its id. */
export function nameOf({ name, language, id }: Rendition): string {
  if (name) return name;
  return language && language !== "und" ? languageName(language) : id;
}

/** A language in its reader's words; its tag where the browser knows no name. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(undefined, { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag; // not a tag at all
  }
}
