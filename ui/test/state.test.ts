import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryPlace, State } from "../src/state.ts";

test("a change keeps every other choice, in any order", () => {
  const state = new State(new MemoryPlace("meter=flights&window=day&filter=origin%3AEWR&filter=origin%3AJFK"));
  state.change({ window: "hour" });
  state.change({ billingPeriod: "2013-10" });
  state.change({ groupBy: "origin" });
  assert.deepEqual(state.all("filter"), ["origin:EWR", "origin:JFK"]);
  assert.equal(state.get("meter"), "flights");
  assert.equal(state.toString(), "billingPeriod=2013-10&filter=origin%3AEWR&filter=origin%3AJFK&groupBy=origin&meter=flights&window=hour");
});

test("equal choices have equal addresses", () => {
  assert.equal(new State(new MemoryPlace("b=2&a=1")).toString(), new State(new MemoryPlace("a=1&b=2")).toString());
});

test("no choice leaves nothing in the address", () => {
  const state = new State(new MemoryPlace("compare=previous&window=day"));
  state.change({ compare: null, window: "" });
  assert.equal(state.toString(), "");
});

test("a change that changes nothing is no entry of history", () => {
  const written: string[] = [];
  const state = new State({ read: () => "window=day", write: (query) => written.push(query) });
  state.change({ window: "day" });
  state.change({ window: "week" });
  assert.deepEqual(written, ["window=week"]);
});

test("after Back the choices are those of the address", () => {
  let address = "window=day";
  const state = new State({ read: () => address, write: (query) => (address = query) });
  let heard = 0;
  state.addEventListener("change", () => (heard += 1));
  state.change({ window: "week" });
  address = "window=day";
  state.reread();
  assert.equal(state.get("window"), "day");
  assert.equal(heard, 2);
});
