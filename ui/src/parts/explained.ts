/** What a figure means, in the drawer that opens when somebody chooses it. */

import { html, nothing, type TemplateResult } from "lit";
import type { Context } from "../context.ts";
import type { Fresh } from "../types.ts";

export interface Explained {
  title: string;
  /** The figure as it is shown. */
  text: string;
  /** One or two sentences: what it is and how it comes about. */
  sentence: string;
  rows: readonly (readonly [name: string, value: string])[];
  fresh: Fresh | null;
  /** What stands below the rows. */
  more?: TemplateResult | undefined;
  action?: { text: string; run: () => void } | undefined;
}

export function explainedDrawer(context: Context, explained: Explained | null, close: () => void): TemplateResult {
  return html`<meterline-drawer heading=${explained?.title ?? ""} close-text=${context.t("explain.close")}
    .isOpen=${explained !== null} @drawer-close=${close}>
    ${explained === null ? nothing : body(context, explained, close)}
  </meterline-drawer>`;
}

function body(context: Context, explained: Explained, close: () => void): TemplateResult {
  const { action, fresh } = explained;
  const run = (): void => {
    close();
    action?.run();
  };
  return html`<div class="reset explained">
    <p class="explained-figure">${explained.text}</p>
    <p class="explained-sentence">${explained.sentence}</p>
    <dl class="rows">${explained.rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${explained.more ?? nothing}
    ${action === undefined ? nothing : html`<p><button class="button is-primary" type="button" @click=${run}>${action.text}</button></p>`}
    ${fresh === null || fresh.asOf === "" ? nothing : html`<p class="small mono">${context.t("explain.asOf", { asOf: fresh.asOf })}</p>`}
  </div>`;
}
