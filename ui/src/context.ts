/** What all elements of a page share: the session, its language, its periods. */

import { client } from "./client.ts";
import { Format } from "./format.ts";
import { translator, Words, type Translate } from "./i18n.ts";
import type { Period, Session } from "./types.ts";

export interface Context {
  session: Session;
  format: Format;
  t: Translate;
  words: Words;
  /** Newest first. */
  periods: Period[];
}

const LOCALE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;
const LOCALE_CHARS_MAX = 16;

let opened: Promise<Context> | null = null;
client.addEventListener("configured", () => (opened = null));

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

/** The reader's language, by which the seller's texts are chosen; nothing where the browser names none. */
function readersLocale(): string {
  const locale = client.locale || navigator.language;
  return LOCALE.test(locale) && locale.length <= LOCALE_CHARS_MAX ? locale : "";
}

async function load(): Promise<Context> {
  const [session, periods] = await Promise.all([
    client.get<Session>("session", { locale: readersLocale() }),
    client.get<Period[]>("periods"),
  ]);
  const format = new Format(client.locale || (session.locale ?? navigator.language), session.timeZone);
  const words = new Words(session.labels, format);
  return { session, format, t: translator(session.texts), words, periods };
}

/** The period that the reader chose, else the newest that has begun. */
export function chosenPeriod(context: Context, billingPeriod: string): Period | undefined {
  const begun = (period: Period): boolean => Date.parse(period.start) <= Date.now();
  return context.periods.find((period) => period.billingPeriod === billingPeriod)
    ?? context.periods.find(begun)
    ?? context.periods[0];
}
