import assert from "node:assert/strict";
import { test } from "node:test";
import { pathOf, routeOf } from "../src/router.ts";

test("every page has an address that leads to it", () => {
  for (const view of ["overview", "usage", "cost", "invoices", "plan"] as const) {
    assert.deepEqual(routeOf(pathOf(view)), { view, invoice: "" });
  }
});

test("an invoice has an address of its own, whatever its number", () => {
  assert.deepEqual(routeOf("/invoices/INV-000017"), { view: "invoices", invoice: "INV-000017" });
  assert.deepEqual(routeOf("/invoices/A%2F1"), { view: "invoices", invoice: "A/1" });
  assert.deepEqual(routeOf("/invoices/%E0%A4%A"), { view: "invoices", invoice: "%E0%A4%A" });
});

test("an address that names nothing leads nowhere", () => {
  for (const path of ["/nothing", "/usage/INV-1", "/invoices/1/2", "/constructor", "/__proto__"]) assert.equal(routeOf(path), null);
});
