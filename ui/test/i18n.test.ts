import assert from "node:assert/strict";
import { test } from "node:test";
import { Format } from "../src/format.ts";
import { filled, translator, Words } from "../src/i18n.ts";

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
