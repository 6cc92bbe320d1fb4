/** `<meterline-seller-unbilled>`: usage that no invoice will have, with the reason and the command that mends it. */

import { html, nothing, type TemplateResult } from "lit";
import { define } from "../base.ts";
import { copy } from "../parts/files.ts";
import { heading } from "../parts/heading.ts";
import { emptyState } from "../parts/states.ts";
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
      ${this.renderData(this.unbilled.first, () => this.renderGroups())}
      ${first === null || first.filled ? nothing : html`<p class="note">${s("A meter is still being counted from the past: more may follow.")}</p>`}`;
  }

  /** What is to be mended, one by one; whom it concerns is folded into it. */
  private renderGroups(): TemplateResult {
    const rows = this.unbilled.all.flatMap((page) => page.rows);
    if (rows.length === 0 && this.unbilled.next === null) {
      return emptyState(s("Everything is billed"), s("All usage that was reported is on an invoice, or will be."));
    }
    const groups = [...Map.groupBy(rows, ({ reason, detail, meter }) => JSON.stringify([reason, detail, meter])).values()];
    return html`${groups.map((group) => this.renderGroup(group, groups.length === 1))}${this.renderMore(this.unbilled)}`;
  }

  private renderGroup(rows: readonly UnbilledRow[], isOpen: boolean): TemplateResult | typeof nothing {
    const [first] = rows;
    if (first === undefined) return nothing;
    const { format, words } = this;
    const count = (number: number): string => format.decimal(String(number));
    const customers = count(new Set(rows.map(({ customer }) => customer)).size);
    const events = count(rows.reduce((sum, { eventCount }) => sum + eventCount, 0));
    const name = first.meter === null ? s("No meter") : words.meter(first.meter);
    return html`<section class="card group"><details ?open=${isOpen} data-reason=${first.reason}>
      <summary><h2 class="card-title">${name}</h2><span class="why">${told(first.meaning)}</span>
        <span class="small mono">${first.detail ?? first.reason}</span>
        <span class="small">${s("customers: {customers} · events: {events}", { customers, events })}${this.unbilled.next === null ? "" : "+"}</span></summary>
      <div class="scroll" role="region" tabindex="0" aria-label=${name}><table class="stacks">
        <thead><tr><th scope="col">${s("Customer")}</th><th scope="col">${s("Period")}</th><th scope="col" class="right">${s("Events")}</th>
          <th scope="col" class="right">${s("Quantity")}</th><th scope="col">${s("From, to")}</th><th scope="col">${s("What to do")}</th></tr></thead>
        <tbody>${rows.map((row) => this.renderRow(row))}</tbody></table></div></details></section>`;
  }

  private renderRow(row: UnbilledRow): TemplateResult {
    const { format, words } = this;
    const moments = [row.firstTime, row.lastTime].filter((time) => time !== null).map((time) => format.moment(time));
    return html`<tr data-reason=${row.reason}>
      <th scope="row">${row.customer ?? "–"}</th>
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
