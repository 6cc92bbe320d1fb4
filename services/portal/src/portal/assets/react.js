// src/react.ts
var ELEMENTS = {
  Overview: "meterline-overview",
  Usage: "meterline-usage",
  Cost: "meterline-cost",
  Invoices: "meterline-invoices",
  Invoice: "meterline-invoice",
  Plan: "meterline-plan",
  Portal: "meterline-portal",
  Frame: "meterline-frame"
};
var EVENTS = {
  onNavigate: "meterline-navigate",
  onStateChanged: "meterline-state-changed",
  onError: "meterline-error"
};
function createComponents(react) {
  const entries = Object.entries(ELEMENTS).map(([name, tag]) => [name, componentOf(react, tag)]);
  return Object.fromEntries(entries);
}
function componentOf(react, tag) {
  return (props) => {
    const ref = react.useRef(null);
    const attributes = { ref };
    for (const [name, value] of Object.entries(props)) if (!(name in EVENTS)) attributes[dashed(name)] = value;
    const { onNavigate, onStateChanged, onError } = props;
    react.useEffect(() => listen(ref.current, { onNavigate, onStateChanged, onError }), [onNavigate, onStateChanged, onError]);
    return react.createElement(tag, attributes);
  };
}
function listen(element, handlers) {
  const controller = new AbortController();
  for (const [name, event] of Object.entries(EVENTS)) {
    const handler = handlers[name];
    if (handler === void 0) continue;
    element?.addEventListener(event, (fired) => handler(fired.detail), { signal: controller.signal });
  }
  return () => controller.abort();
}
function dashed(name) {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
export {
  createComponents
};
