/** The words of the seller's pages. English is in their source; the other languages are assets of their own, loaded when they are wanted. */

import { Problem } from "../client.ts";
import { filled, speak, type Blanks } from "../i18n.ts";
import { chosenLanguage, languageOf, textsOf, type Language } from "../languages.ts";
import type { SellerKey } from "./texts_de.ts";

export type { SellerKey } from "./texts_de.ts";

let spoken: Partial<Record<string, string>> = {};

/** Say one of the pages' texts in the language of the reader. */
export function s(text: SellerKey, blanks: Blanks = {}): string {
  return told(text, blanks);
}

/** The same of a text that the server wrote: one that is not known is said as it is. */
export function told(text: string, blanks: Blanks = {}): string {
  return filled(spoken[text] ?? text, blanks);
}

/** The language of the seller's pages: that which the reader chose, else that of the browser. */
export function sellerLanguage(): Language {
  return languageOf(chosenLanguage() || navigator.language);
}

/** Figures and dates follow the whole locale of the browser, unless the reader chose another language. */
export function sellerLocale(): string {
  const language = sellerLanguage();
  return language === languageOf(navigator.language) ? navigator.language : language;
}

/** Speak a language from now on. Raises `Problem` where its texts can't be had. */
export async function speakTo(language: Language): Promise<void> {
  const [kit, own] = await Promise.all([textsOf(language), ownTexts(language)]);
  speak(kit);
  spoken = own;
}

async function ownTexts(language: Language): Promise<Partial<Record<string, string>>> {
  if (language === "en") return {};
  try {
    return ((await import(new URL(`./seller_${language}.js`, import.meta.url).href)) as { TEXTS: Record<string, string> }).TEXTS;
  } catch (error) {
    throw new Problem(0, error instanceof Error ? error.message : "texts");
  }
}
