import assert from "node:assert/strict";
import { test } from "node:test";
import { Format, isNegative, isZero } from "../src/format.ts";

const english = new Format("en-US", "America/New_York");

test("digits of decimal text are grouped and none is lost", () => {
  assert.equal(english.decimal("1234567890123456789012.500"), "1,234,567,890,123,456,789,012.500");
  assert.equal(english.decimal("0.000000000000000001"), "0.000000000000000001");
  assert.equal(english.decimal("-0.5"), "−0.5");
});

test("text that is no decimal is shown as it is", () => {
  assert.equal(english.decimal("50983/3100"), "50983/3100");
  assert.equal(english.money("", "USD"), "");
});

test("an amount has at least the places of its currency, and more if it came with more", () => {
  assert.equal(english.money("26345.4", "USD"), "$26,345.40");
  assert.equal(english.money("0.3125", "USD"), "$0.3125");
  assert.equal(english.money("-1200", "JPY"), "−¥1,200");
  assert.equal(english.money("-0.00", "USD"), "$0.00");
  assert.equal(english.money("-0.07", "USD"), "−$0.07");
  assert.equal(english.money("12.5", ""), "12.5");
});

test("other locales have their own digits, signs and places of the currency", () => {
  assert.equal(new Format("de-DE", "UTC").money("-1234567.8", "EUR"), "−1.234.567,80\u00a0€");
  assert.equal(new Format("en-IN", "UTC").decimal("12345678"), "1,23,45,678");
  assert.equal(new Format("ar-EG", "UTC").decimal("1234.5"), "١٬٢٣٤٫٥");
  assert.equal(new Format("es-ES", "UTC").decimal("1234"), "1234");
});

test("a change carries its sign unless it is zero", () => {
  assert.equal(english.percentChange("+1.8"), "+1.8%");
  assert.equal(english.percentChange("-1.8"), "−1.8%");
  assert.equal(english.percentChange("0.0"), "0.0%");
  assert.equal(english.moneyChange("1284.04", "USD"), "+$1,284.04");
});

test("signs are read from the digits and not from the text", () => {
  assert.equal(isNegative("-0.00"), false);
  assert.equal(isNegative("-0.01"), true);
  assert.equal(isZero("0.000"), true);
});

test("days are those of the contract's zone", () => {
  assert.equal(english.localDate("2014-01-01T04:00:00Z"), "2013-12-31");
  assert.equal(new Format("en-US", "Asia/Tokyo").localDate("2014-01-01T04:00:00Z"), "2014-01-01");
  assert.equal(english.period("2013-11-01T04:00:00Z", "2013-12-01T05:00:00Z").replaceAll("\u2009", " "), "Nov 1 – 30, 2013");
});

test("the hour that autumn repeats has two keys", () => {
  assert.equal(english.bucketKey("2013-11-03T05:00:00Z", "hour"), "2013-11-03T01-04:00");
  assert.equal(english.bucketKey("2013-11-03T06:00:00Z", "hour"), "2013-11-03T01-05:00");
  assert.equal(english.bucketKey("2013-11-03T04:00:00Z", "day"), "2013-11-03");
  assert.equal(english.bucketKey("2013-11-01T04:00:00Z", "month"), "2013-11");
});

test("an unknown locale or zone does not keep the figures from being shown", () => {
  const format = new Format("no_such-locale!", "Nowhere/City");
  assert.equal(format.locale, "en");
  assert.equal(format.timeZone, "UTC");
});

test("grouping keeps every digit of any decimal text", () => {
  for (let round = 0; round < 500; round += 1) {
    const digits = (places: number): string => Array.from({ length: places }, () => Math.floor(Math.random() * 10)).join("");
    const text = `${Math.random() < 0.5 ? "-" : ""}${1 + Math.floor(Math.random() * 9)}${digits(round % 30)}.${digits(1 + (round % 12))}`;
    assert.equal(english.decimal(text).replaceAll(",", "").replace("−", "-"), text);
  }
});
