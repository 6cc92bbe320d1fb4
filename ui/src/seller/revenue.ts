/** `<meterline-seller-revenue>`: what is earned, by customer, item or plan; all of it sums of bills that the portal's server made. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define } from "../base.ts";
import { largest, part } from "../charts/scale.ts";
import { place } from "../parts/directives.ts";
import { heading } from "../parts/heading.ts";
import { emptyState } from "../parts/states.ts";
import { SellerPage } from "./page.ts";
import type { Cut, Revenue, RevenueRow } from "./types.ts";
import { s, type SellerKey } from "./words.ts";

const CUTS: readonly [Cut, SellerKey][] = [["customer", "By customer"], ["item", "By item"], ["plan", "By plan"]];
const HEADS: Record<Cut, SellerKey> = { customer: "Customer", item: "Item", plan: "Plan" };
const MONTHS = ["1", "3", "6", "12"];

export class MeterlineSellerRevenue extends SellerPage {
  static override properties: PropertyDeclarations = {
    ...SellerPage.properties, month: { state: true }, months: { state: true }, by: { state: true },
  };

  declare month: string;
  declare months: string;
  declare by: Cut;
  private readonly revenue = this.pages<Revenue>(() => ({
    path: "operator/revenue", query: { billingPeriod: this.month, months: this.months, by: this.by },
  }));

  constructor() {
    super();
    const query = new URLSearchParams(location.search);
    const asked = query.get("billingPeriod") ?? "";
    this.month = /^\d{4}-\d{2}$/.test(asked) ? asked : new Date().toISOString().slice(0, 7);
    this.months = MONTHS.find((count) => count === query.get("months")) ?? "1";
    this.by = CUTS.map(([cut]) => cut).find((cut) => cut === query.get("by")) ?? "customer";
  }

  protected override updated(): void {
    super.updated();
    const query = new URLSearchParams({ billingPeriod: this.month, months: this.months, by: this.by });
    history.replaceState(null, "", `${location.pathname}?${query.toString()}`);
  }

  protected override renderPage(): TemplateResult {
    return html`${heading({ title: s("Revenue") })}
      <div class="choices controls">
        <label>${s("Last month")}<input class="input" type="month" required .value=${this.month} @change=${this.onMonth} /></label>
        <label>${s("Months")}<select class="select" @change=${this.onMonths}>${MONTHS.map((count) => html`<option value=${count} ?selected=${count === this.months}>${count}</option>`)}</select></label>
        <div class="segments" role="group" aria-label=${s("Rows")}>${CUTS.map(([cut, text]) => html`<button type="button"
          aria-pressed=${cut === this.by} @click=${() => (this.by = cut)}>${s(text)}</button>`)}</div>
      </div>
      ${this.renderData(this.revenue.first, (found) => this.renderRevenue(found))}`;
  }

  private renderRevenue(found: Revenue): TemplateResult {
    const { format } = this;
    if (found.rows.length === 0) return emptyState(s("Nothing is billed in these months"), s("Choose another month, or apply contracts that have a period in it."));
    const span = found.firstPeriod === found.billingPeriod ? this.monthName(found.billingPeriod) : s("{first} to {last}", { first: this.monthName(found.firstPeriod), last: this.monthName(found.billingPeriod) });
    return html`<dl class="card kpis">${found.totals.map((total) => html`<div class="kpi" data-total=${total.currency}>
        <dt>${span}, ${total.currency}</dt><dd class="big" data-value=${total.amount}>${format.money(total.amount, total.currency)}</dd>
        <dd class="small">${s("of it final: {amount}", { amount: format.money(total.final, total.currency) })}</dd></div>
        <div class="kpi"><dt>${s("Bills")}</dt><dd class="big">${total.invoices + total.drafts}</dd>
        <dd class="small">${s("{final} final, {live} live", { final: total.invoices, live: total.drafts })}</dd></div>`)}</dl>
      ${found.totals.map((total) => this.renderTotal(found, total.currency))}
      ${this.renderMore(this.revenue)}
      <p class="note">${s("Each total is the exact sum of the totals of its invoices and live bills; the rows are the lines of the same bills.")}
        ${found.isWhole ? nothing : html`<b>${s("There are more bills than are added up at once: these are not all. Choose fewer months.")}</b>`}</p>`;
  }

  private renderTotal(found: Revenue, currency: string): TemplateResult {
    const { format } = this;
    const rows = this.revenue.all.flatMap((page) => page.rows).filter((row) => row.currency === currency);
    const total = found.totals.find((one) => one.currency === currency);
    const top = largest(rows.map(({ amount }) => amount));
    const row = ({ key, label, amount, share, final, bills }: RevenueRow): TemplateResult => html`<tr data-row=${key}>
      <th scope="row">${label}${found.by === "customer" && label !== key ? html` <span class="small mono">${key}</span>` : nothing}</th>
      <td class="right" data-value=${amount}>${format.money(amount, currency)}</td>
      <td class="fill-cell"><span class="fill" aria-hidden="true"><span ${place({ width: `${(part(amount, top) * 100).toFixed(2)}%` })}></span></span></td>
      <td class="right">${share === null ? "–" : format.percent(share)}</td>
      <td class="right">${format.money(final, currency)}</td><td class="right">${bills}</td></tr>`;
    return html`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${s("Revenue in {currency}", { currency })}><table class="stacks">
      <thead><tr><th scope="col">${s(HEADS[found.by])}</th><th scope="col" class="right">${s("Amount")}</th><th></th><th scope="col" class="right">${s("Share")}</th>
        <th scope="col" class="right">${s("Final")}</th><th scope="col" class="right">${s("Bills")}</th></tr></thead>
      <tbody>${rows.map(row)}</tbody>
      ${total === undefined ? nothing : html`<tfoot><tr><th scope="row">${s("Total")}</th><td class="right" data-value=${total.amount}>${format.money(total.amount, currency)}</td>
        <td></td><td></td><td class="right">${format.money(total.final, currency)}</td><td class="right">${total.invoices + total.drafts}</td></tr></tfoot>`}
    </table></div></section>`;
  }

  private readonly onMonth = (event: Event): void => {
    const { value } = event.currentTarget as HTMLInputElement;
    if (/^\d{4}-\d{2}$/.test(value)) this.month = value;
  };

  private readonly onMonths = (event: Event): void => {
    this.months = (event.currentTarget as HTMLSelectElement).value;
  };
}

define("meterline-seller-revenue", MeterlineSellerRevenue);
