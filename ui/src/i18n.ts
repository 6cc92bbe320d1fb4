/** Texts with their blanks filled in, the session's own texts before those of the kit. */

import type { Format } from "./format.ts";
import type { TextKey } from "./texts.ts";
import { FIRST_TEXTS } from "./texts_first.ts";
import type { Labels } from "./types.ts";

export type Blanks = Record<string, string | number>;
export type Translate = (key: TextKey, blanks?: Blanks) => string;

/** Fill `{name}` from `blanks`; a blank that nothing fills stays, so that the mistake is seen. */
export function filled(text: string, blanks: Blanks): string {
  return text.replace(/\{(\w+)\}/g, (blank, name: string) => (name in blanks ? String(blanks[name]) : blank));
}

export type Texts = Partial<Record<TextKey, string>>;
let spoken: Texts = FIRST_TEXTS;

/** Say everything in these words from now on. */
export function speak(texts: Texts): void {
  spoken = { ...FIRST_TEXTS, ...texts };
}

/** Texts of one session; a key that has no text in a language is shown as it is, so that the mistake is seen. */
export function translator(own: Record<string, string>): Translate {
  return (key, blanks = {}) => filled((Object.hasOwn(own, key) ? own[key] : undefined) ?? spoken[key] ?? key, blanks);
}

/** The words of the seller for meters, items, properties, values and units; where there is none, the name made readable. */
export class Words {
  constructor(
    private readonly labels: Labels,
    private readonly format: Format,
  ) {}

  item(name: string): string {
    return this.labels.items[name] ?? name;
  }

  meter(name: string): string {
    return this.labels.meters[name] ?? name;
  }

  property(name: string): string {
    return this.labels.properties[name] ?? name.replaceAll("_", " ");
  }

  value(property: string, value: string): string {
    return this.labels.values[property]?.[value] ?? value;
  }

  /** A time zone as people write it: "America/New York". */
  zone(zone: string): string {
    return zone.replaceAll("_", " ");
  }

  /** The unit that goes with a quantity: "flight" with 1, "flights" with 2. */
  unit(unit: string, quantity: string): string {
    const forms = this.labels.units[unit];
    return forms?.[this.format.plural(quantity)] ?? forms?.other ?? unit;
  }

  /** A quantity with its unit: "2,977 flights". */
  quantity(quantity: string, unit: string): string {
    return `${this.format.decimal(quantity)} ${this.unit(unit, quantity)}`.trim();
  }
}

/** Lines with the names that rating gives them in the reader's language: "Discount: Spring" is "Rabatt: Spring". */
export function named<Line extends { label: string }>({ t }: { t: Translate }, lines: readonly Line[]): Line[] {
  return lines.map((line) => {
    const label = line.label.replace(/^(Discount|Commitment|Billed in advance)(?=: )/, (name) => t(`line.${name}` as TextKey));
    return label === line.label ? line : { ...line, label };
  });
}
