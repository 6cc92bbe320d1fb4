/** The languages of the kit, and which of them a reader has. Each is an asset beside the kit, loaded when it is wanted. */

import { Problem } from "./client.ts";
import type { Texts } from "./i18n.ts";

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français" } as const;
export type Language = keyof typeof LANGUAGES;
const KEPT_AS = "meterline-language";

/** The language of a locale: "de" of "de-AT"; English where the kit does not speak it. */
export function languageOf(locale: string): Language {
  const [language = ""] = locale.toLowerCase().split("-");
  return Object.hasOwn(LANGUAGES, language) ? (language as Language) : "en";
}

/** The texts of a language. Raises `Problem` where they can't be had. */
export async function textsOf(language: Language): Promise<Texts> {
  try {
    const found = (await import(new URL(`./texts_${language}.js`, import.meta.url).href)) as { TEXTS: Texts };
    return found.TEXTS;
  } catch (error) {
    throw new Problem(0, error instanceof Error ? error.message : "texts");
  }
}

/** What the reader of the hosted portal chose before, or "". */
export function chosenLanguage(): string {
  try {
    return localStorage.getItem(KEPT_AS) ?? "";
  } catch (error) {
    // Storage can be forbidden: the choice then holds until the page is left.
    if (error instanceof DOMException) return "";
    throw error;
  }
}

/** Remember the choice for the next visit. */
export function keepLanguage(language: Language): void {
  try {
    localStorage.setItem(KEPT_AS, language);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}
