import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { EventStream } from "../src/stream.ts";

/** Let everything that waits for nothing but a promise go on. */
async function turn(): Promise<void> {
  for (let step = 0; step < 20; step += 1) await Promise.resolve();
}

test("a stream that is refused is asked for again at once, then every 15 seconds", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const log = mock.method(console, "info", () => undefined);
  Object.assign(globalThis, { document: { hidden: false, addEventListener: () => undefined, removeEventListener: () => undefined } });
  let asked = 0;
  let changes = 0;
  const stream = new EventStream(() => ((asked += 1), Promise.reject(new Error("too many streams"))), () => (changes += 1), () => undefined);
  const seen: [number, number][] = [];
  stream.start();
  for (const milliseconds of [0, 700, 14_000, 1_000]) {
    mock.timers.tick(milliseconds);
    await turn();
    seen.push([asked, changes]);
  }
  stream.stop();
  mock.timers.reset();
  log.mock.restore();
  assert.deepEqual(seen, [[1, 0], [2, 1], [2, 1], [3, 2]]);
});
