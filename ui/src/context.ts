/** What all elements of a page share: the session, its language, its periods. */

import { client } from "./client.ts";
import { Format } from "./format.ts";
import { speak, translator, Words, type Translate } from "./i18n.ts";
import { chosenLanguage, keepLanguage, languageOf, textsOf, type Language } from "./languages.ts";
import type { Period, Session } from "./types.ts";

export interface Context {
  session: Session;
  format: Format;
  /** That of the texts; figures follow the whole locale. */
  language: Language;
  t: Translate;
  words: Words;
  /** Newest first. */
  periods: Period[];
}

const LOCALE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/;

let opened: Promise<Context> | null = null;
/** Whether something was asked for it: before that, a configuration changes nothing. */
let isAsked = false;
let configured = 0;
client.addEventListener("configured", () => {
  configured += 1;
  if (isAsked) opened = null;
  isAsked = false;
});

/** The context of the session, asked for once; after a failure the next call asks again. Raises `Problem`. */
export function openContext(): Promise<Context> {
  opened ??= load().catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

/** The texts of the kit, for what must be said before or without a session. */
export function textsWithoutSession(): Translate {
  return translator({});
}

/** Show everything in another language from now on: elements open their context again, and lose nothing that was chosen. */
export function changeLanguage(language: Language): void {
  keepLanguage(language);
  client.dispatchEvent(new Event("configured"));
}

/** A language tag that can be one; the page around may have given anything. */
function known(locale: string): string | null {
  return LOCALE.test(locale) ? locale : null;
}

async function load(): Promise<Context> {
  await client.started;
  isAsked = true;
  const asked = configured;
  const chosen = client.isHosted ? (new URLSearchParams(location.search).get("lang") ?? chosenLanguage()) : "";
  const [session, periods] = await Promise.all([
    client.get<Session>("session", { locale: known(chosen || client.locale) }),
    client.get<Period[]>("periods"),
  ]);
  const usual = client.locale || (session.locale ?? navigator.language);
  // A choice is of a language alone: of one that the reader has anyway, the habits of their country stay.
  const locale = chosen === "" || languageOf(chosen) === languageOf(usual) ? usual : languageOf(chosen);
  const language = languageOf(locale);
  const texts = await textsOf(language);
  // The reader, or the page around, has chosen another meanwhile: this one must not speak over it.
  if (asked !== configured) return openContext();
  speak(texts);
  const format = new Format(locale, session.timeZone);
  const words = new Words(session.labels, format);
  return { session, format, language, t: translator(session.texts), words, periods };
}

/** The period that the reader chose, else the newest that has begun. */
export function chosenPeriod(context: Context, billingPeriod: string): Period | undefined {
  const begun = (period: Period): boolean => Date.parse(period.start) <= Date.now();
  return context.periods.find((period) => period.billingPeriod === billingPeriod)
    ?? context.periods.find(begun)
    ?? context.periods[0];
}
