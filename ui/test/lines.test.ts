import assert from "node:assert/strict";
import { test } from "node:test";
import { entriesOf, linesOf, linesOfPresets, linesOfTexts, linesOfUnits, linesOfValues, listOf, presetsOf, rowsOf, textsOf, unitsOf, valuesOf } from "../src/seller/lines.ts";

test("what is written in lines comes back as it was", () => {
  const texts = { de: { texts: { "view.usage": "Verbrauch = viel", help: "Fragen?" } }, "pt-BR": { texts: { help: "Dúvidas?" } } };
  const units = { flight: { one: "flight", other: "flights" } };
  const values = { origin: { labels: { EWR: "Newark", "a:b": "Both" } } };

  assert.deepEqual(textsOf(linesOfTexts(texts)), texts);
  assert.deepEqual(unitsOf(linesOfUnits(units)), units);
  assert.deepEqual(valuesOf(linesOfValues(values)), values);
  const presets = [{ name: "By airport", query: "/usage?groupBy=origin&window=day" }, { name: "Cost", query: "/cost" }];
  assert.deepEqual(presetsOf(linesOfPresets(presets)), presets);
  assert.deepEqual(rowsOf("Discount, partners\n\n Fee "), ["Discount, partners", "Fee"]);
  assert.deepEqual(entriesOf(linesOf({ flights: "Flights" })), { flights: "Flights" });
});

test("empty lines and spaces mean nothing, and a unit without a second word has one word", () => {
  assert.deepEqual(listOf(" a, b\n\n c "), ["a", "b", "c"]);
  assert.deepEqual(entriesOf("\n a = b \n\n=x\n"), { a: "b" });
  assert.deepEqual(unitsOf("min = min"), { min: { one: "min", other: "min" } });
});
