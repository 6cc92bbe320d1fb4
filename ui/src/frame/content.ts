/** `<meterline-frame-content>`: a page of the portal inside a frame; its token comes from the page around it. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { client } from "../client.ts";
import type { ViewName } from "../types.ts";
import { CONNECT, HELLO, PASSED_ON, type FromFrame, type FromPage } from "./channel.ts";

export class MeterlineFrameContent extends MeterlineElement {
  static override properties: PropertyDeclarations = { page: {}, origins: {}, isConnectedToPage: { state: true } };

  declare page: ViewName;
  /** The origins that may frame this page, divided by spaces. */
  declare origins: string;
  declare isConnectedToPage: boolean;
  private port: MessagePort | null = null;
  private asked: ((answer: FromPage) => void)[] = [];
  private readonly observer = new ResizeObserver(([entry]) => {
    const height = Math.ceil(entry?.contentRect.height ?? 0);
    if (height > 0) this.tell({ type: "height", height });
  });

  constructor() {
    super();
    this.page = "overview";
    this.origins = "";
    this.isConnectedToPage = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("message", this.onMessage);
    for (const name of PASSED_ON) this.addEventListener(name, this.passOn);
    for (const origin of this.allowed) parent.postMessage({ type: HELLO }, origin);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("message", this.onMessage);
    for (const name of PASSED_ON) this.removeEventListener(name, this.passOn);
    this.observer.disconnect();
    this.port?.close();
  }

  protected override render(): TemplateResult | typeof nothing {
    if (!this.isConnectedToPage) return nothing;
    const pages: Record<ViewName, () => TemplateResult> = {
      overview: () => html`<meterline-overview></meterline-overview>`,
      usage: () => html`<meterline-usage></meterline-usage>`,
      cost: () => html`<meterline-cost></meterline-cost>`,
      invoices: () => html`<meterline-invoices></meterline-invoices>`,
      plan: () => html`<meterline-plan></meterline-plan>`,
    };
    return pages[this.page]();
  }

  private get allowed(): string[] {
    return this.origins.split(" ").filter((origin) => origin !== "");
  }

  private readonly onMessage = (event: MessageEvent<{ type?: unknown } | null>): void => {
    const [port] = event.ports;
    const isFromPage = event.source === parent && this.allowed.includes(event.origin);
    if (!isFromPage || event.data?.type !== CONNECT || port === undefined || this.port !== null) return;
    this.port = port;
    port.onmessage = (answer: MessageEvent<FromPage>) => {
      for (const resolve of this.asked.splice(0)) resolve(answer.data);
    };
    client.configure({ baseUrl: location.origin, fetchToken: () => this.fetchToken() });
    this.isConnectedToPage = true;
    this.observer.observe(this);
  };

  private async fetchToken(): Promise<string> {
    const answer = await new Promise<FromPage>((resolve) => {
      this.asked.push(resolve);
      this.tell({ type: "token?" });
    });
    if (answer.type === "token") return answer.token;
    throw new Error(answer.reason);
  }

  private readonly passOn = (event: Event): void => {
    this.tell({ type: "event", name: event.type, detail: (event as CustomEvent<unknown>).detail });
  };

  private tell(message: FromFrame): void {
    this.port?.postMessage(message);
  }
}

define("meterline-frame-content", MeterlineFrameContent);
