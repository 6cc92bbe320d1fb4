import assert from "node:assert/strict";
import { test } from "node:test";
import { createComponents, type ReactLike } from "../src/react.ts";

interface Made {
  type: string;
  props: Record<string, unknown>;
}

/** As much of React as one rendering needs: effects run at once, on an element that only hears events. */
function fakeReact(element: EventTarget): ReactLike<Made> {
  const ref = { current: element as HTMLElement };
  return {
    createElement: (type, props) => ({ type, props }),
    useEffect: (effect) => void effect(),
    useRef: () => ref,
  };
}

test("props become attributes and handlers hear the element's events", () => {
  const element = new EventTarget();
  const heard: unknown[] = [];
  const { Usage } = createComponents(fakeReact(element));
  const made = Usage({ meter: "flights", groupBy: "origin", onNavigate: (detail) => heard.push(detail) });
  assert.equal(made.type, "meterline-usage");
  assert.deepEqual({ ...made.props, ref: undefined }, { meter: "flights", "group-by": "origin", ref: undefined });
  element.dispatchEvent(new CustomEvent("meterline-navigate", { detail: { path: "/cost", query: "" } }));
  assert.deepEqual(heard, [{ path: "/cost", query: "" }]);
});
