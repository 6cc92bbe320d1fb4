import assert from "node:assert/strict";
import { test } from "node:test";
import { largest, part, scaleOf } from "../src/charts/scale.ts";

test("a scale holds all values between round ticks", () => {
  for (const values of [[0], [3, 1, 2], [-5, 12], [0.002, 0.0017], [31698.72, 53675.1], [1e15], [-7]]) {
    const { min, max, ticks } = scaleOf(values, 4);
    assert.ok(min <= Math.min(0, ...values) && max >= Math.max(0, ...values), String(values));
    assert.ok(ticks.length >= 2 && ticks.length <= 7, `${values}: ${ticks}`);
  }
});

test("a little below zero has its room, and no tick of its own", () => {
  const { min, max, ticks } = scaleOf([-12, 5000], 4);
  assert.deepEqual([min, max, ticks[0]], [-12, 6000, 0]);
  assert.equal(scaleOf([-900, 5000], 4).ticks[0], -2000);
});

test("ticks are round numbers and not what floats make of them", () => {
  assert.deepEqual(scaleOf([0, 0.3], 3).ticks, [0, 0.1, 0.2, 0.3]);
  assert.deepEqual(scaleOf([0, 180], 4).ticks, [0, 50, 100, 150, 200]);
});

test("whole numbers have whole ticks", () => {
  assert.deepEqual(scaleOf([0, 1, 1], 4).ticks, [0, 1]);
  assert.deepEqual(scaleOf([0, 3], 4).ticks, [0, 1, 2, 3]);
  assert.deepEqual(scaleOf([0, 10], 4).ticks, [0, 5, 10]);
});

test("the largest is found by magnitude and stays the text that it was", () => {
  assert.equal(largest(["1.50", "-2.00", null]), "-2.00");
  assert.equal(largest([]), "0");
});

test("a part of nothing is nothing, and no part is more than the whole", () => {
  assert.equal(part("5", "0"), 0);
  assert.equal(part("20", "10"), 1);
  assert.equal(part("-5", "10"), 0.5);
});
