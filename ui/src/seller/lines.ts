/** Maps of a profile as text that people edit: one entry a line, `name = text`. */

import type { ProfileSpec } from "./types.ts";

type Flat = Record<string, string>;
type Texts = NonNullable<ProfileSpec["texts"]>;
type Presets = NonNullable<ProfileSpec["presets"]>;
type Labels = NonNullable<ProfileSpec["labels"]>;

/** Names in a row, as a list of them; empty ones are left out. */
export function listOf(text: string): string[] {
  return text.split(/[,\n]/).map((name) => name.trim()).filter((name) => name !== "");
}

/** One name a line, for names that may have a comma in them. */
export function rowsOf(text: string): string[] {
  return text.split("\n").map((name) => name.trim()).filter((name) => name !== "");
}

/** `Flights by airport = /usage?groupBy=origin`: the name of a view, then the path and query of its page. */
export function linesOfPresets(presets: Presets = []): string {
  return presets.map(({ name, query }) => `${name} = ${query}`).join("\n");
}

export function presetsOf(text: string): Presets {
  return Object.entries(entriesOf(text)).map(([name, query]) => ({ name, query }));
}

export function linesOf(entries: Flat = {}): string {
  return Object.entries(entries).map(([name, text]) => `${name} = ${text}`).join("\n");
}

/** The entries of lines; a line without "=" has its name for its text, so that nothing that was typed is lost. */
export function entriesOf(text: string): Flat {
  const found: Flat = {};
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const at = line.indexOf("=");
    const name = (at < 0 ? line : line.slice(0, at)).trim();
    const value = at < 0 ? name : line.slice(at + 1).trim();
    if (name !== "" && value !== "") found[name] = value;
  }
  return found;
}

/** `de view.usage = Verbrauch`: a language tag, a key, a text. */
export function linesOfTexts(texts: Texts = {}): string {
  return Object.entries(texts).map(([locale, entry]) => linesOf(prefixed(locale, " ", entry.texts ?? {}))).filter((text) => text !== "").join("\n");
}

export function textsOf(text: string): Texts {
  const found: Texts = {};
  for (const [name, each] of Object.entries(entriesOf(text))) {
    const [locale = "", key = ""] = name.split(/\s+/, 2);
    const entry = (found[locale] ??= { texts: {} });
    entry.texts = { ...entry.texts, [key]: each };
  }
  return found;
}

/** `flight = flight, flights`: a unit, then its word for one and for several. */
export function linesOfUnits(units: Labels["units"] = {}): string {
  return linesOf(Object.fromEntries(Object.entries(units).map(([unit, { one, other }]) => [unit, `${one}, ${other}`])));
}

export function unitsOf(text: string): NonNullable<Labels["units"]> {
  return Object.fromEntries(Object.entries(entriesOf(text)).map(([unit, words]) => {
    const [one = unit, other = one] = listOf(words);
    return [unit, { one, other }];
  }));
}

/** `origin: EWR = Newark`: a property, one of its values, its name for people. */
export function linesOfValues(values: Labels["values"] = {}): string {
  return Object.entries(values).map(([property, entry]) => linesOf(prefixed(property, ": ", entry.labels ?? {}))).filter((text) => text !== "").join("\n");
}

export function valuesOf(text: string): NonNullable<Labels["values"]> {
  const found: NonNullable<Labels["values"]> = {};
  for (const [name, label] of Object.entries(entriesOf(text))) {
    const at = name.indexOf(":");
    if (at < 0) continue;
    const entry = (found[name.slice(0, at).trim()] ??= { labels: {} });
    entry.labels = { ...entry.labels, [name.slice(at + 1).trim()]: label };
  }
  return found;
}

function prefixed(prefix: string, divider: string, entries: Flat): Flat {
  return Object.fromEntries(Object.entries(entries).map(([key, text]) => [`${prefix}${divider}${key}`, text]));
}
