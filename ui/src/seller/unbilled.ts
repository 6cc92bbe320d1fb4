/** `<meterline-seller-unbilled>`: usage that no invoice will have, with the reason and the command that mends it. */

import { html, nothing, type TemplateResult } from "lit";
import { define } from "../base.ts";
import { copy } from "../parts/files.ts";
import { heading } from "../parts/heading.ts";
import { SellerPage } from "./page.ts";
import type { UnbilledPage, UnbilledRow } from "./types.ts";
import { s, told } from "./words.ts";

export class MeterlineSellerUnbilled extends SellerPage {
  private readonly unbilled = this.pages<UnbilledPage>(() => ({ path: "operator/unbilled" }));

  protected override get hasWords(): boolean {
    return true;
  }

  protected override renderPage(): TemplateResult {
    const first = this.unbilled.first.data;
    return html`${heading({ title: s("Unbilled usage"), sub: s("Usage that is counted or kept, and that no invoice will have as things are.") })}
      ${this.renderTable(s("Unbilled usage"), this.unbilled, ["Customer", "Meter", "Why", "Period", ">Events", ">Quantity", "From, to", "What to do"],
        ({ rows }) => rows, (row: UnbilledRow) => this.renderRow(row),
        { title: s("Everything is billed"), text: s("All usage that was reported is on an invoice, or will be.") })}
      ${first === null || first.filled ? nothing : html`<p class="note">${s("A meter is still being counted from the past: more may follow.")}</p>`}`;
  }

  private renderRow(row: UnbilledRow): TemplateResult {
    const { format, words } = this;
    const moments = [row.firstTime, row.lastTime].filter((time) => time !== null).map((time) => format.moment(time));
    return html`<tr data-reason=${row.reason}>
      <th scope="row">${row.customer ?? "–"}</th><td>${row.meter === null ? "–" : words.meter(row.meter)}</td>
      <td class="wide">${told(row.meaning)}<span class="small mono below">${row.detail ?? row.reason}</span></td>
      <td class="moments">${row.billingPeriod === null ? "–" : this.monthName(row.billingPeriod)}${row.contract === null ? nothing : html`<span class="small mono below">${row.contract}</span>`}</td>
      <td class="right" data-value=${row.eventCount}>${format.decimal(String(row.eventCount))}</td>
      <td class="right">${row.quantity === null ? "–" : html`<span data-value=${row.quantity}>${words.quantity(row.quantity, row.unit)}</span>`}</td>
      <td class="small moments">${moments.map((moment) => html`<span class="below">${moment}</span>`)}</td>
      <td class="wide"><span class="command"><code class="mono">${row.command.split(" ").map((word) => html`<span>${word}</span> `)}</code><button class="button is-bare" type="button" aria-label=${s("Copy: {command}", { command: row.command })}
        @click=${() => this.onCopy(row.command)}>${s("Copy")}</button></span></td></tr>`;
  }

  private async onCopy(command: string): Promise<void> {
    this.notice = (await copy(command)) ? s("The command is copied.") : s("The browser does not allow copying; select the command instead.");
  }
}

define("meterline-seller-unbilled", MeterlineSellerUnbilled);
