/**
 * The elements as React components: `const { Usage } = createComponents(React)`.
 *
 * React itself is handed in, so that nothing of it is bundled and there never are two of it. Attributes are given as props,
 * events as `onNavigate`, `onStateChanged` and `onError`.
 */

interface Ref<T> {
  current: T | null;
}

/** As much of React as is needed; any version from 18 on fits. */
export interface ReactLike<Node> {
  createElement(type: string, props: Record<string, unknown>): Node;
  useEffect(effect: () => void | (() => void), deps: readonly unknown[]): void;
  useRef(initial: null): Ref<HTMLElement>;
}

export interface Handlers {
  onNavigate?: (detail: { path: string; query: string }) => void;
  onStateChanged?: (detail: { query: string }) => void;
  onError?: (detail: { kind: string; status: number; detail: string; requestId: string }) => void;
}

const ELEMENTS = {
  Overview: "meterline-overview",
  Usage: "meterline-usage",
  Cost: "meterline-cost",
  Invoices: "meterline-invoices",
  Invoice: "meterline-invoice",
  Plan: "meterline-plan",
  Portal: "meterline-portal",
  Frame: "meterline-frame",
} as const;

const EVENTS = {
  onNavigate: "meterline-navigate",
  onStateChanged: "meterline-state-changed",
  onError: "meterline-error",
} as const;

export type Props = Handlers & Record<string, unknown>;
export type Components<Node> = Record<keyof typeof ELEMENTS, (props: Props) => Node>;

/** Make the components for the React of the page. */
export function createComponents<Node>(react: ReactLike<Node>): Components<Node> {
  const entries = Object.entries(ELEMENTS).map(([name, tag]) => [name, componentOf(react, tag)] as const);
  return Object.fromEntries(entries) as Components<Node>;
}

function componentOf<Node>(react: ReactLike<Node>, tag: string): (props: Props) => Node {
  return (props) => {
    const ref = react.useRef(null);
    const attributes: Record<string, unknown> = { ref };
    for (const [name, value] of Object.entries(props)) if (!(name in EVENTS)) attributes[dashed(name)] = value;
    const { onNavigate, onStateChanged, onError } = props;
    react.useEffect(() => listen(ref.current, { onNavigate, onStateChanged, onError }), [onNavigate, onStateChanged, onError]);
    return react.createElement(tag, attributes);
  };
}

function listen(element: HTMLElement | null, handlers: Record<string, unknown>): () => void {
  const controller = new AbortController();
  for (const [name, event] of Object.entries(EVENTS)) {
    const handler = handlers[name] as ((detail: unknown) => void) | undefined;
    if (handler === undefined) continue;
    element?.addEventListener(event, (fired) => handler((fired as CustomEvent<unknown>).detail), { signal: controller.signal });
  }
  return () => controller.abort();
}

/** `groupBy` is the attribute `group-by`. */
function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
