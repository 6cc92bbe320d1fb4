/** `<meterline-frame>`: a page of the portal in a frame of its own, for hosts that want nothing of it in their document. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { client } from "../client.ts";
import { place } from "../parts/directives.ts";
import frame from "../styles/frame.css";
import { CONNECT, HELLO, PASSED_ON, type FromFrame, type FromPage } from "./channel.ts";

export class MeterlineFrame extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(frame);
  static override properties: PropertyDeclarations = {
    tenant: {}, page: {}, heading: {}, height: { state: true }, baseUrl: { state: true },
  };

  /** Whose profile says which origins may frame it. */
  declare tenant: string;
  declare page: string;
  /** What the frame is called for screen readers. */
  declare heading: string;
  declare height: number;
  declare baseUrl: string;
  private port: MessagePort | null = null;

  constructor() {
    super();
    this.tenant = "";
    this.page = "overview";
    this.heading = "Usage and billing";
    this.height = 480;
    this.baseUrl = client.baseUrl;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("message", this.onMessage);
    client.addEventListener("configured", this.onConfigured);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("message", this.onMessage);
    client.removeEventListener("configured", this.onConfigured);
    this.port?.close();
    this.port = null;
  }

  protected override render(): TemplateResult | typeof nothing {
    if (this.baseUrl === "" || this.tenant === "") return nothing;
    const address = `${this.baseUrl}/embed/${encodeURIComponent(this.tenant)}/${encodeURIComponent(this.page)}`;
    return html`<iframe src=${address} title=${this.heading} referrerpolicy="no-referrer" ${place({ height: `${this.height}px` })}></iframe>`;
  }

  private readonly onConfigured = (): void => {
    this.baseUrl = client.baseUrl;
  };

  private readonly onMessage = (event: MessageEvent<{ type?: unknown } | null>): void => {
    const inner = this.renderRoot.querySelector("iframe")?.contentWindow;
    const origin = this.baseUrl === "" ? "" : new URL(this.baseUrl).origin;
    if (inner === undefined || inner === null || event.source !== inner || event.origin !== origin || event.data?.type !== HELLO) return;
    this.port?.close();
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    port1.onmessage = (message: MessageEvent<FromFrame>) => this.onFrame(message.data);
    inner.postMessage({ type: CONNECT }, origin, [port2]);
  };

  private onFrame(message: FromFrame): void {
    if (message.type === "token?") void this.answer();
    else if (message.type === "height") this.height = message.height;
    else if ((PASSED_ON as readonly string[]).includes(message.name)) this.notify(message.name, message.detail);
  }

  private async answer(): Promise<void> {
    const answer: FromPage = await client.freshToken().then(
      (token) => ({ type: "token", token }) as const,
      (error: unknown) => ({ type: "refused", reason: error instanceof Error ? error.message : String(error) }) as const,
    );
    this.port?.postMessage(answer);
  }
}

define("meterline-frame", MeterlineFrame);
