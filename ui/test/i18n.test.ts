import assert from "node:assert/strict";
import { test } from "node:test";
import { Format } from "../src/format.ts";
import { filled, named, speak, translator, Words, type Texts } from "../src/i18n.ts";
import { languageOf } from "../src/languages.ts";
import { TEXTS } from "../src/texts.ts";
import { TEXTS as GERMAN } from "../src/texts_de.ts";
import { TEXTS as FRENCH } from "../src/texts_fr.ts";
import { TEXTS as SELLER_GERMAN } from "../src/seller/texts_de.ts";
import { TEXTS as SELLER_FRENCH } from "../src/seller/texts_fr.ts";

speak(TEXTS);

const labels = {
  meters: {}, items: { "Base fee": "Grundgebühr" }, properties: {}, values: { origin: { EWR: "Newark" } },
  units: { flight: { one: "flight", other: "flights" } },
};

test("own texts stand before those of the kit", () => {
  assert.equal(translator({ "view.usage": "Verbrauch" })("view.usage"), "Verbrauch");
  assert.equal(translator({})("view.usage"), "Usage");
});

test("a text can't be taken from what every object has", () => {
  assert.equal(translator(JSON.parse('{"__proto__": {"view.usage": "x"}}') as Record<string, string>)("view.usage"), "Usage");
});

test("a blank that nothing fills stays in sight", () => {
  assert.equal(filled("{a} and {b}", { a: 1 }), "1 and {b}");
});

test("names that rating gives lines are told in the reader's language, and all others stay", () => {
  speak(GERMAN);
  const labels = ["Discount: Spring", "Billed in advance: Fee (2026-08-01 to 2026-08-31)", "Commitment: Year", "Calls", "Discounts: all"];
  const told = named({ t: translator({}) }, labels.map((label) => ({ label })));
  speak(TEXTS);
  assert.deepEqual(told.map(({ label }) => label), ["Rabatt: Spring", "Im Voraus berechnet: Fee (2026-08-01 to 2026-08-31)", "Zusage: Year", "Calls", "Discounts: all"]);
});

test("a unit goes with its quantity", () => {
  const words = new Words(labels, new Format("en", "UTC"));
  assert.equal(words.quantity("1", "flight"), "1 flight");
  assert.equal(words.quantity("2977", "flight"), "2,977 flights");
  assert.equal(words.quantity("351", "min"), "351 min");
});

test("names without a label are shown as they are", () => {
  const words = new Words(labels, new Format("en", "UTC"));
  assert.equal(words.item("Base fee"), "Grundgebühr");
  assert.equal(words.item("Flights"), "Flights");
  assert.equal(words.value("origin", "EWR"), "Newark");
  assert.equal(words.value("origin", "XNA"), "XNA");
});

const blanksOf = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([blank]) => blank).sort();
const KEYS = Object.keys(TEXTS) as (keyof typeof TEXTS)[];

for (const [name, texts] of Object.entries<Texts>({ German: GERMAN, French: FRENCH })) {
  test(`every text is there in ${name}, with the same blanks`, () => {
    assert.deepEqual(KEYS.filter((key) => texts[key] === undefined), []);
    for (const key of KEYS) {
      const [own, english] = [blanksOf(texts[key] ?? ""), blanksOf(TEXTS[key])];
      // A language may say "each" where another names the unit.
      assert.deepEqual(own.filter((blank) => !english.includes(blank)), [], key);
      if (!key.startsWith("price.")) assert.deepEqual(own, english, key);
    }
  });
}

for (const [name, texts] of Object.entries({ German: SELLER_GERMAN, French: SELLER_FRENCH })) {
  test(`what the seller reads has the same blanks in ${name}, and no text is left empty`, () => {
    for (const [english, own] of Object.entries(texts)) {
      assert.notEqual(own, "", english);
      assert.deepEqual(blanksOf(own), blanksOf(english), english);
    }
  });
}

test("a reader has the language of their locale, or English", () => {
  assert.equal(languageOf("de-AT"), "de");
  assert.equal(languageOf("FR"), "fr");
  assert.equal(languageOf("pt-BR"), "en");
  assert.equal(languageOf(""), "en");
  assert.equal(languageOf("constructor"), "en");
});

test("what is said in another language changes with it, and the seller's own words stay", () => {
  const t = translator({ "view.usage": "Nutzung" });
  speak(GERMAN);
  assert.equal(t("view.cost"), "Kosten");
  assert.equal(t("view.usage"), "Nutzung");
  assert.equal(t("loading"), "Wird geladen");
  speak(TEXTS);
  assert.equal(t("view.cost"), "Cost");
});
