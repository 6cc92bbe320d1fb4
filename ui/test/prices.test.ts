import assert from "node:assert/strict";
import { test } from "node:test";
import type { Context } from "../src/context.ts";
import { Format } from "../src/format.ts";
import { speak, translator, Words } from "../src/i18n.ts";
import { priceInWords, stepsInWords } from "../src/parts/prices.ts";
import { TEXTS } from "../src/texts.ts";
import { TEXTS as GERMAN } from "../src/texts_de.ts";
import type { PlanItem } from "../src/types.ts";

const labels = { meters: {}, items: {}, properties: {}, values: {}, units: { min: { one: "minute", other: "minutes" } } };

function reader(locale: string): Context {
  const format = new Format(locale, "UTC");
  return { format, t: translator({}), words: new Words(labels, format) } as unknown as Context;
}

function item(changed: Partial<PlanItem>): PlanItem {
  return {
    item: "Minutes", label: "Minutes", meter: "minutes", unit: "min", model: "perUnit", amount: null, unitPrice: null,
    blockSize: null, isConverted: false, included: null, minimum: null, maximum: null, times: null, percent: null, factor: null, tiers: [],
    perKey: [], isTogether: false, calendar: "", rows: [], isEachEvent: false, eventFee: null, freeEvents: null, eventMinimum: null, eventMaximum: null, formula: "", ...changed,
  };
}

const TIERS = [{ upTo: "10000", unitPrice: "0.05", flat: null, percent: null }, { upTo: null, unitPrice: "0.0425", flat: "2", percent: null }];
const EXAMPLES: [PlanItem, string][] = [
  [item({ model: "fixed", amount: "9.9" }), "$9.90 in every period, whatever is used."],
  [item({ unitPrice: "0.05" }), "Each minute costs $0.05."],
  [
    item({ unitPrice: "0.05", included: "10000", minimum: "1500" }),
    "The first 10,000 minutes of a period are included. Each further minute costs $0.05. It costs at least $1,500.00 in a period.",
  ],
  [item({ model: "package", blockSize: "1000", amount: "1.5" }), "Every 1,000 minutes begun cost $1.50."],
  [item({ model: "graduated", tiers: TIERS }), "Up to 10,000 minutes, each costs $0.05. Every further minute costs $0.0425, and $2.00 for the tier."],
  [
    item({ model: "volume", tiers: TIERS }),
    "The whole quantity has the price of the tier in which it ends: up to 10,000 minutes, $0.05 each; beyond, $0.0425 each, and $2.00 for the tier.",
  ],
  [
    item({ model: "stairstep", tiers: [{ upTo: "100", unitPrice: null, flat: "20", percent: null }, { upTo: null, unitPrice: null, flat: "80", percent: null }] }),
    "All of it costs what its bracket says: up to 100 minutes, $20.00; beyond, $80.00.",
  ],
  [item({ model: "percentage", percent: "2.9", maximum: "50" }), "It costs 2.9 % of the amount. It costs at most $50.00 in a period."],
  [item({ model: "percentage", percent: "2.9", maximum: "50", times: "0.9" }), "It costs 2.9 % of the amount. You pay 0.9 times that. It costs at most $50.00 in a period."],
  [
    item({ model: "graduatedPercentage", unit: "USD", tiers: [{ upTo: "1000", unitPrice: null, flat: "200", percent: "1" }, { upTo: null, unitPrice: null, flat: null, percent: "2" }] }),
    "Each slice of the amount costs its share: up to 1,000 USD, 1 %, and $200.00 for the tier; beyond, 2 %.",
  ],
  [item({ model: "dynamic", factor: "1.1" }), "Each event carries its price, times 1.1."],
  [item({ model: "costPlus", percent: "17.5" }), "It costs what it costs the seller, and 17.5 % more."],
  [
    item({ model: "matrix", included: "300", rows: [{ values: "country AT, DE", price: item({ unitPrice: "0.06" }) }, { values: "", price: item({ unitPrice: "0.1" }) }] }),
    "The first 300 minutes of a period are included. country AT, DE: Each minute costs $0.06. All others: Each minute costs $0.10.",
  ],
  [
    item({ model: "percentage", percent: "2.9", eventFee: "0.3", eventMinimum: "0.5", eventMaximum: "20", isEachEvent: true }),
    "Each event is priced by itself. It costs 2.9 % of the amount. And $0.30 for each event. Each event costs at least $0.50. Each event costs at most $20.00.",
  ],
  [item({ model: "formula", formula: "a + b (a: x, b: y)" }), "It costs a + b (a: x, b: y)."],
  [item({ unitPrice: "0.05", perKey: ["region"] }), "Each region is priced by itself. Each minute costs $0.05."],
  [item({ unitPrice: "0.05", perKey: ["calendar"], calendar: "peak MO 08:00-20:00; low" }), "Each calendar is priced by itself. peak MO 08:00-20:00; low. Each minute costs $0.05."],
];

for (const [priced, sentence] of EXAMPLES) {
  test(`a price is told in words: ${priced.model}`, () => {
    speak(TEXTS);
    assert.equal(priceInWords(reader("en-US"), priced, "USD"), sentence);
  });
}

const FREE = { upTo: "100", unitPrice: "0", flat: null, percent: null };
const FREE_EXAMPLES: [PlanItem, string, string][] = [
  [item({ unitPrice: "0.00" }), "Each minute is included.", "Jede Einheit (minute) ist enthalten."],
  [
    item({ model: "graduated", tiers: [FREE, { ...FREE, upTo: "200" }, { ...FREE, upTo: "300", unitPrice: "1" }, { ...FREE, upTo: null }] }),
    "The first 100 minutes are included. From there up to 200 minutes, all are included. From there up to 300 minutes, each costs $1.00. Every further minute is included.",
    "Die ersten 100 minutes sind enthalten. Von da bis 200 minutes alles enthalten. Von da bis 300 minutes je 1,00\u00a0$. Alles darüber hinaus ist enthalten.",
  ],
  [
    item({ model: "volume", tiers: [FREE, { ...FREE, upTo: null, unitPrice: "0.5" }] }),
    "The whole quantity has the price of the tier in which it ends: up to 100 minutes, included; beyond, $0.50 each.",
    "Die ganze Menge hat den Preis der Stufe, in der sie endet: bis 100 minutes enthalten; darüber je 0,50\u00a0$.",
  ],
];

test("what costs nothing is included", () => {
  for (const [priced, english, german] of FREE_EXAMPLES) {
    speak(TEXTS);
    assert.equal(priceInWords(reader("en-US"), priced, "USD"), english);
    speak(GERMAN);
    assert.equal(priceInWords(reader("de-DE"), priced, "USD"), german);
  }
  speak(TEXTS);
});

test("a fee by days says of which days, in the language of the reader", () => {
  const steps = [{ name: "days", text: "17 of 31 days of the period: 50983/3100 EUR", value: "50983/3100", days: 17, ofDays: 31 }];
  const said = (): string => stepsInWords(reader("en-US"), steps, [], null, "", "EUR")[0]?.text ?? "";
  assert.equal(said(), "17 of the 31 days of the period");
  speak(GERMAN);
  assert.equal(said(), "17 von 31 Tagen des Zeitraums");
  speak(TEXTS);
});

test("a discount is told in the language of the reader", () => {
  const steps = [["base", "Taken off what is left of Calls 5 EUR: 5 EUR", "5"], ["discount", "Treue: 10 % off", "-0.5"]]
    .map(([name = "", text = "", value = ""]) => ({ name, text, value, days: null, ofDays: null }));
  speak(GERMAN);
  const shown = stepsInWords(reader("de-DE"), steps, [], null, "", "EUR");
  assert.deepEqual(shown.map(({ text }) => text), ["Beträge davor", "Rabatt (Treue: 10 %)"]);
  speak(TEXTS);
});

test("a price is told in the language and with the figures of the reader", () => {
  speak(GERMAN);
  const told = priceInWords(reader("de-DE"), item({ unitPrice: "0.05", included: "10000" }), "EUR");
  assert.equal(told, "Die ersten 10.000 minutes eines Zeitraums sind enthalten. 0,05\u00a0€ je minute darüber hinaus.");
  speak(TEXTS);
});

test("steps have quantities with their units, amounts with their currency, and each tier its own row", () => {
  const tiers = [
    { upTo: "10000", quantity: "10000", unitPrice: "0.05", flat: null, amount: "500", here: false, row: "" },
    { upTo: null, quantity: "2500", unitPrice: "0.0425", flat: "2", amount: "108.25", here: true, row: "" },
  ];
  const steps = [["quantity", "13500"], ["included", "12500"], ["usage_discount", "12000"], ["tier", "500"], ["tier", "106.25"], ["flat", "2"], ["total", "608.25"], ["new", "1"]]
    .map(([name = "", value = ""]) => ({ name, text: name === "usage_discount" ? "Start: 500 min off, 12000 min remain" : "as rating says", value, days: null, ofDays: null }));
  const shown = stepsInWords(reader("en-US"), steps, tiers, item({ included: "1000" }), "min", "USD");
  assert.deepEqual(shown.map(({ text, shown: value }) => `${text}: ${value}`), [
    "Usage of the period: 13,500 minutes", "1,000 minutes included; what remains: 12,500 minutes", "Discount (Start: 500 min): 12,000 minutes",
    "10,000 × $0.05: $500.00", "2,500 × $0.0425: $106.25", "Fee of the tier: $2.00", "Exact amount: $608.25", "as rating says: $1.00",
  ]);
});

test("steps of a price by values say of which row they are, and fractions stay as they are", () => {
  const tiers = [{ upTo: null, quantity: "15250/19", unitPrice: "0.06", flat: null, amount: "915/19", here: false, row: "country AT" }];
  const steps = [["row", "1000"], ["included", "15250/19"], ["tier", "915/19"]].map(([name = "", value = ""]) => ({ name, text: "country AT: as rating says", value, days: null, ofDays: null }));
  const shown = stepsInWords(reader("en-US"), steps, tiers, item({ included: "300" }), "min", "USD");
  assert.deepEqual(shown.map(({ text, shown: value }) => `${text}: ${value}`), [
    "country AT: as rating says: 1,000 minutes", "country AT: as rating says: 15250/19 minutes", "country AT: 15250/19 × $0.06: 915/19 USD",
  ]);
});
