/**
 * How figures and times look to one reader: by the locale of the session, in the time zone of the contract.
 *
 * Quantities and amounts arrive as decimal text and stay text. Only their digits are grouped; they never become a Number, so
 * every digit that the server sent is on the screen.
 */

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?$/;
const CURRENCY = /^[A-Z]{3}$/;
const MINUS = "−";
const NUMERIC_PARTS = new Set(["integer", "group", "decimal", "fraction"]);

export type Window = "hour" | "day" | "week" | "month";

/** Whether a text is decimal text. */
export function isDecimal(text: string): boolean {
  return /^-?[0-9]+(\.[0-9]+)?$/.test(text);
}

/** Whether decimal text is below zero. */
export function isNegative(text: string): boolean {
  return text.startsWith("-") && /[1-9]/.test(text);
}

/** Whether decimal text is zero, whatever its places. */
export function isZero(text: string): boolean {
  return !/[1-9]/.test(text);
}

/** Formats figures and times for one locale and one time zone; an unknown locale or zone falls back to English and UTC. */
export class Format {
  readonly locale: string;
  readonly timeZone: string;
  private readonly numbers = new Map<string, Intl.NumberFormat>();
  private readonly dates = new Map<string, Intl.DateTimeFormat>();
  private readonly digits: string[];
  private readonly separator: string;

  constructor(locale: string, timeZone: string) {
    this.locale = knownLocale(locale);
    this.timeZone = knownTimeZone(timeZone);
    const plain = new Intl.NumberFormat(this.locale, { useGrouping: false });
    this.digits = Array.from({ length: 10 }, (_, digit) => plain.format(digit));
    this.separator = plain.formatToParts(0.5).find((part) => part.type === "decimal")?.value ?? ".";
  }

  /** Group the digits of decimal text: "12345.600" is "12,345.600" in English. Other text is returned as it is. */
  decimal(text: string): string {
    return this.render(text, {}, 0);
  }

  /** A difference of quantities, always with its sign unless it is zero. */
  change(text: string): string {
    return this.render(text, { signDisplay: "exceptZero" }, 0);
  }

  /** An amount with its currency, padded to the places of the currency: "26345.4" USD is "$26,345.40". */
  money(text: string, currency: string): string {
    return this.inCurrency(text, currency, {});
  }

  /** A difference of money, always with its sign unless it is zero. */
  moneyChange(text: string, currency: string): string {
    return this.inCurrency(text, currency, { signDisplay: "exceptZero" });
  }

  /** A percentage that the server computed: "77.5" is "77.5%". */
  percent(text: string): string {
    return this.render(text, { style: "percent" }, 0);
  }

  /** A change in percent, always with its sign unless it is zero. */
  percentChange(text: string): string {
    return this.render(text, { style: "percent", signDisplay: "exceptZero" }, 0);
  }

  /** A round number of an axis. It is a place on the screen, not a figure of the bill. */
  tick(value: number, currency?: string): string {
    const compact = { notation: "compact", maximumFractionDigits: 2 } as const;
    const options = currency === undefined || !CURRENCY.test(currency) ? compact : { ...compact, style: "currency", currency, minimumFractionDigits: 0 } as const;
    return this.number(options).format(value).replace("-", MINUS);
  }

  /** The form of a word that goes with a quantity, by the rules of the language: "one", "few", "other" and so on. */
  plural(text: string): Intl.LDMLPluralRule {
    return new Intl.PluralRules(this.locale).select(Number(text));
  }

  /** A day: "Nov 9", or with its weekday and year "Sat, Nov 9, 2013". */
  day(instant: string, isLong = false): string {
    return this.date(instant, isLong
      ? { weekday: "short", month: "short", day: "numeric", year: "numeric" }
      : { month: "short", day: "numeric" });
  }

  /** The month and year: "November 2013". */
  month(instant: string, isShort = false): string {
    return this.date(instant, { month: isShort ? "short" : "long", year: "numeric" });
  }

  /** A time of day with its zone: "9:06:58 AM EST". */
  time(instant: string): string {
    return this.date(instant, { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
  }

  /** A day and a time of day with its zone; without the year where what stands around says it. */
  moment(instant: string, hasYear = true): string {
    return this.date(instant, {
      month: "short", day: "numeric", year: hasYear ? "numeric" : undefined, hour: "numeric", minute: "2-digit", timeZoneName: "short",
    });
  }

  /** The days of a half-open period, its end not among them: "Nov 1 – 30, 2013". */
  period(start: string, end: string): string {
    const last = new Date(Date.parse(end) - 1);
    return this.dateFormat({ month: "short", day: "numeric", year: "numeric" }).formatRange(new Date(start), last);
  }

  /** What stands below a bucket on an axis. */
  bucket(start: string, window: Window): string {
    if (window === "hour") return this.date(start, { hour: "numeric" });
    return window === "month" ? this.month(start, true) : this.day(start);
  }

  /** A bucket in full, as tooltips and tables name it. */
  bucketInFull(start: string, end: string, window: Window): string {
    if (window === "hour") return this.moment(start);
    if (window === "month") return this.month(start);
    return window === "week" ? this.period(start, end) : this.day(start, true);
  }

  /** A stable name of a bucket: "2013-11-09", of an hour "2013-11-09T01-05:00", since one hour of autumn comes twice. */
  bucketKey(start: string, window: Window): string {
    const date = this.localDate(start);
    if (window !== "hour") return window === "month" ? date.slice(0, 7) : date;
    const offset = this.part(start, { timeZoneName: "longOffset" }, "timeZoneName").replace("GMT", "") || "Z";
    return `${date}T${this.hour(start)}${offset}`;
  }

  /** A civil date, "2013-11-09", or one some days from it. It is the same day in every zone: "Nov 9, 2013". */
  civilDate(date: string, daysAfter = 0): string {
    const noon = Date.parse(`${date}T12:00:00Z`) + daysAfter * 86_400_000;
    return this.dateFormat({ timeZone: "UTC", month: "short", day: "numeric", year: "numeric" }).format(noon);
  }

  /** The civil date in the zone, as in ISO 8601: "2013-11-09". */
  localDate(instant: string): string {
    const numeric = { year: "numeric", month: "2-digit", day: "2-digit", numberingSystem: "latn", calendar: "gregory" } as const;
    return (["year", "month", "day"] as const).map((type) => this.part(instant, numeric, type, "en")).join("-");
  }

  /** The hour of the day in the zone, "00" to "23". */
  hour(instant: string): string {
    return this.part(instant, { hour: "2-digit", hourCycle: "h23" }, "hour", "en");
  }

  /** Where a day stands in a calendar: its weekday, and the Monday of its week. */
  weekPlace(instant: string): { row: string; column: string } {
    const noon = Date.parse(`${this.localDate(instant)}T12:00:00Z`);
    const monday = new Date(noon - ((new Date(noon).getUTCDay() + 6) % 7) * 86_400_000);
    const utc = { timeZone: "UTC" } as const;
    return {
      row: this.dateFormat({ ...utc, weekday: "short" }).format(noon),
      column: this.dateFormat({ ...utc, month: "short", day: "numeric" }).format(monday),
    };
  }

  /** The names of the days of a week, Monday first. */
  weekdays(): string[] {
    const weekday = this.dateFormat({ timeZone: "UTC", weekday: "short" });
    return Array.from({ length: 7 }, (_, day) => weekday.format(Date.UTC(2024, 0, 1 + day, 12)));
  }

  /** Without a currency (a customer without a contract has none) an amount is a bare number. */
  private inCurrency(text: string, currency: string, sign: Intl.NumberFormatOptions): string {
    if (!CURRENCY.test(currency)) return this.render(text, sign, 0);
    const options = { ...sign, style: "currency", currency } as const;
    return this.render(text, options, this.number(options).resolvedOptions().maximumFractionDigits ?? 0);
  }

  private render(text: string, options: Intl.NumberFormatOptions, placesMin: number): string {
    const match = DECIMAL.exec(text);
    if (match === null) return text;
    const [, sign = "", whole = "0", fraction = ""] = match;
    const digits = this.group(whole, fraction.padEnd(placesMin, "0"));
    const unit = isZero(text) ? 0 : sign === "-" ? -1 : 1;
    let isPlaced = false;
    const parts = this.number(options).formatToParts(unit).map((part) => {
      if (part.type === "minusSign") return MINUS;
      if (!NUMERIC_PARTS.has(part.type)) return part.value;
      if (isPlaced) return "";
      isPlaced = true;
      return digits;
    });
    return parts.join("");
  }

  private group(whole: string, fraction: string): string {
    const grouped = this.number({}).format(BigInt(whole));
    if (fraction === "") return grouped;
    return grouped + this.separator + Array.from(fraction, (digit) => this.digits[Number(digit)]).join("");
  }

  private number(options: Intl.NumberFormatOptions): Intl.NumberFormat {
    const key = JSON.stringify(options);
    let format = this.numbers.get(key);
    if (format === undefined) this.numbers.set(key, (format = new Intl.NumberFormat(this.locale, options)));
    return format;
  }

  private dateFormat(options: Intl.DateTimeFormatOptions, locale = this.locale): Intl.DateTimeFormat {
    const key = locale + JSON.stringify(options);
    let format = this.dates.get(key);
    if (format === undefined) {
      format = new Intl.DateTimeFormat(locale, { timeZone: this.timeZone, ...options });
      this.dates.set(key, format);
    }
    return format;
  }

  private date(instant: string, options: Intl.DateTimeFormatOptions): string {
    return this.dateFormat(options).format(new Date(instant));
  }

  private part(instant: string, options: Intl.DateTimeFormatOptions, type: string, locale = this.locale): string {
    const parts = this.dateFormat(options, locale).formatToParts(new Date(instant));
    return parts.find((part) => part.type === type)?.value ?? "";
  }
}

function knownLocale(locale: string): string {
  try {
    return Intl.NumberFormat.supportedLocalesOf(locale)[0] ?? "en";
  } catch (error) {
    if (error instanceof RangeError) return "en";
    throw error;
  }
}

function knownTimeZone(timeZone: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch (error) {
    if (error instanceof RangeError) return "UTC";
    throw error;
  }
}
