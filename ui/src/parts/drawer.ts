/** A sheet at the side that explains one figure; Esc closes it and the focus returns to where it was. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import drawer from "../styles/drawer.css";
import { icon } from "./icons.ts";

export class MeterlineDrawer extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(drawer);
  static override properties: PropertyDeclarations = {
    heading: {},
    closeText: { attribute: "close-text" },
    isOpen: { attribute: false },
  };

  declare heading: string;
  declare closeText: string;
  declare isOpen: boolean;

  constructor() {
    super();
    this.heading = "";
    this.closeText = "";
    this.isOpen = false;
  }

  protected override updated(): void {
    const dialog = this.renderRoot.querySelector("dialog");
    if (dialog === null || dialog.open === this.isOpen) return;
    if (this.isOpen) dialog.showModal();
    else dialog.close();
  }

  protected override render(): TemplateResult | typeof nothing {
    return html`<dialog aria-labelledby="heading" @close=${() => this.notify("drawer-close", null)} @click=${this.onBackdrop}>
      <div class="reset">
        <header>
          <h2 id="heading" class="card-title">${this.heading}</h2>
          <button class="button is-bare is-icon" type="button" aria-label=${this.closeText} @click=${this.close}>${icon("close")}</button>
        </header>
        <div class="body"><slot></slot></div>
      </div>
    </dialog>`;
  }

  private readonly onBackdrop = (event: Event): void => {
    if (event.target === event.currentTarget) this.close();
  };

  private readonly close = (): void => {
    this.renderRoot.querySelector("dialog")?.close();
  };
}

define("meterline-drawer", MeterlineDrawer);
