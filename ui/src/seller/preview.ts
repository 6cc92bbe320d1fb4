/**
 * `<meterline-preview>`: a customer's pages by a profile that is not saved, in a frame of the seller's form.
 *
 * The form sends what a page would be told first, and a token for the figures; both stay in memory.
 */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { client } from "../client.ts";
import type { Session } from "../types.ts";

/** What the form and the preview say to each other. */
export interface Shown {
  type: "meterline-preview";
  token: string;
  session: Session;
}
export const READY = "meterline-preview-ready";

export class MeterlinePreview extends MeterlineElement {
  static override properties: PropertyDeclarations = { isShown: { state: true } };

  declare isShown: boolean;

  constructor() {
    super();
    this.isShown = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("message", this.onMessage);
    parent.postMessage({ type: READY }, location.origin);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("message", this.onMessage);
  }

  protected override render(): TemplateResult | typeof nothing {
    return this.isShown ? html`<meterline-portal></meterline-portal>` : nothing;
  }

  private readonly onMessage = (event: MessageEvent<Shown | null>): void => {
    if (event.source !== parent || event.origin !== location.origin || event.data?.type !== "meterline-preview") return;
    const { token, session } = event.data;
    document.documentElement.style.colorScheme = session.mode === "auto" ? "" : session.mode;
    client.preset("session", session);
    client.configure({ baseUrl: location.origin, fetchToken: () => Promise.resolve(token) });
    // Words and what is hidden may have changed in answers that came before.
    client.dispatchEvent(new Event("change"));
    this.isShown = true;
  };
}

define("meterline-preview", MeterlinePreview);
