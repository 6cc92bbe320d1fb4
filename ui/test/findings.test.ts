import assert from "node:assert/strict";
import { test } from "node:test";
import type { TemplateResult } from "lit";
import { Format } from "../src/format.ts";
import { Words } from "../src/i18n.ts";
import { findingsCard, subjectOf } from "../src/seller/findings.ts";
import type { PriceFinding } from "../src/seller/types.ts";

const labels = { meters: { calls: "Phone calls" }, items: { Calls: "Talking" }, properties: {}, values: {}, units: {} };
const words = new Words(labels, new Format("en-US", "UTC"));
const FALLS: PriceFinding = {
  level: "warning", code: "total-falls", plan: "pro", item: "Calls", meter: "calls", quantity: "1000.5", message: "more usage <b>costs less</b>",
};
const UNUSED: PriceFinding = { level: "info", code: "meter-unused", plan: null, item: null, meter: "calls", quantity: null, message: "no item prices it" };

/** What a template says, its marks left in. */
function said(value: unknown): string {
  if (Array.isArray(value)) return value.map(said).join("");
  if (typeof value !== "object" || value === null) return typeof value === "symbol" ? "" : String(value);
  const { strings, values } = value as TemplateResult;
  return strings.reduce((text, string, place) => text + said(values[place - 1]) + string);
}

test("a finding is about its item, else its meter, in the seller's own words", () => {
  assert.equal(subjectOf(FALLS, words), "Talking");
  assert.equal(subjectOf(UNUSED, words), "Phone calls");
  assert.equal(subjectOf({ ...UNUSED, meter: null }, words), "–");
});

test("findings tell level, plan, item, quantity and message", () => {
  const text = said(findingsCard({ findings: [FALLS, UNUSED], findingCount: 2 }, words));

  for (const part of ["Warning", "Note", "pro", "Talking", "1,000.5", FALLS.message, UNUSED.message, "Findings: 2", "?open=true"]) assert.ok(text.includes(part), part);
  assert.ok(!text.includes("The first"));
});

test("notes alone are folded, and what is left out is told", () => {
  const text = said(findingsCard({ findings: [UNUSED], findingCount: 7 }, words));

  assert.ok(text.includes("?open=false"));
  assert.ok(text.includes("The first 1 of 7."));
});

test("without findings it says so, and has no table", () => {
  const text = said(findingsCard({ findings: [], findingCount: 0 }, words));

  assert.ok(text.includes("Nothing is odd about the prices"));
  assert.ok(!text.includes("<table"));
});
