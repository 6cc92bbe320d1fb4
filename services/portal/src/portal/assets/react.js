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
}, EVENTS = {
 onNavigate: "meterline-navigate",
 onStateChanged: "meterline-state-changed",
 onError: "meterline-error"
};
function createComponents(react) {
 let entries = Object.entries(ELEMENTS).map(([name, tag]) => [name, componentOf(react, tag)]);
 return Object.fromEntries(entries);
}
function componentOf(react, tag) {
 return (props) => {
  let ref = react.useRef(null), attributes = { ref };
  for (let [name, value] of Object.entries(props)) name in EVENTS || (attributes[dashed(name)] = value);
  let { onNavigate, onStateChanged, onError } = props;
  return react.useEffect(() => listen(ref.current, { onNavigate, onStateChanged, onError }), [onNavigate, onStateChanged, onError]), react.createElement(tag, attributes);
 };
}
function listen(element, handlers) {
 let controller = new AbortController();
 for (let [name, event] of Object.entries(EVENTS)) {
  let handler = handlers[name];
  handler !== void 0 && element?.addEventListener(event, (fired) => handler(fired.detail), { signal: controller.signal });
 }
 return () => controller.abort();
}
function dashed(name) {
 return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
export {
 createComponents
};
