/** `<meterline-invoices>`: the live draft first, then what was issued, the newest first. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { spark } from "../charts/spark.ts";
import type { Context } from "../context.ts";
import { figure } from "../parts/figure.ts";
import { heading, periodName } from "../parts/heading.ts";
import { icon } from "../parts/icons.ts";
import { emptyState } from "../parts/states.ts";
import { Pages } from "../pages.ts";
import invoices from "../styles/invoices.css";
import type { Draft, Invoices, InvoiceSummary } from "../types.ts";
import { MeterlineView } from "../view.ts";

/** Fewer totals are no trend. */
const TREND_MIN = 3;

export class MeterlineInvoices extends MeterlineView {
  static override styles = MeterlineElement.stylesWith(invoices);
  static override properties: PropertyDeclarations = { sought: { state: true } };

  declare sought: string;
  protected readonly view = "invoices";
  private readonly pages = new Pages<Invoices>(this, () => (this.isOpen ? { path: "invoices" } : null), { onProblem: this.onRefused });

  constructor() {
    super();
    this.sought = "";
  }

  protected renderPage(context: Context): TemplateResult {
    return html`
      ${heading({ title: context.t("view.invoices"), freshness: this.renderFreshness(this.pages.first, this.pages.first.data?.draft === null), actions: this.renderCurl(context, "invoices", {}) })}
      ${this.renderResource(context, this.pages.first, [64, 24, 24, 24, 24], (first) => this.renderInvoices(context, first))}`;
  }

  private renderInvoices(context: Context, first: Invoices): TemplateResult {
    const { t } = context;
    const all = this.pages.all.flatMap((page) => page.invoices);
    if (first.draft === null && all.length === 0) return emptyState(t("invoices.empty"), t("invoices.emptyText"));
    return html`
      ${first.draft === null ? nothing : this.renderDraft(context, first.draft)}
      ${all.length === 0 ? emptyState(t("invoices.empty"), t("invoices.emptyText")) : this.renderTable(context, all)}`;
  }

  private renderDraft(context: Context, draft: Draft): TemplateResult {
    const { t, format } = context;
    const open = (): void => this.open("draft", draft.billingPeriod);
    return html`<section class="card draft">
      <div>
        <h2 class="card-title">${t("invoices.live")} <span class="badge is-draft">${t("invoice.draft")}</span></h2>
        <p class="hint">${periodName(format, draft.period)} · ${t("invoices.liveHint")}</p>
      </div>
      <p class="amount" data-figure="draft">${figure(format.money(draft.total, draft.currency), draft.total, t("invoices.live"), open)}</p>
      <button class="button is-primary controls" type="button" @click=${open}>${t("overview.openLive")}</button>
    </section>`;
  }

  private renderTable(context: Context, all: readonly InvoiceSummary[]): TemplateResult {
    const { t } = context;
    const sought = this.sought.trim().toLowerCase();
    const shown = all.filter((invoice) => `${invoice.number} ${periodName(context.format, invoice.period)} ${invoice.billingPeriod}`.toLowerCase().includes(sought));
    const totals = all.slice(0, 24).map(({ total }) => total).reverse();
    return html`<section class="card">
      <div class="card-head">
        <input class="input controls" type="search" aria-label=${t("invoices.search")} placeholder=${t("invoices.search")} .value=${this.sought}
          @input=${(event: Event) => (this.sought = (event.currentTarget as HTMLInputElement).value)} />
        <span class="spacer"></span>
        ${totals.length < TREND_MIN ? nothing : html`<span class="hint narrow-hidden">${t("invoices.trend", { count: totals.length })} ${spark(totals, "s1")}</span>`}
      </div>
      ${shown.length === 0 ? html`<p class="hint">${t("invoices.noneFound", { text: this.sought })}</p>` : html`
      <div class="scroll" role="region" tabindex="0" aria-label=${t("view.invoices")}><table>
        <thead><tr>
          <th scope="col">${t("invoices.number")}</th><th scope="col">${t("invoices.period")}</th>
          <th scope="col" class="right narrow-hidden">${t("invoices.lines")}</th><th scope="col" class="narrow-hidden">${t("invoices.finalized")}</th>
          <th scope="col" class="right">${t("invoices.total")}</th>
        </tr></thead>
        <tbody>${shown.map((invoice) => this.renderRow(context, invoice, all[all.indexOf(invoice) + 1]))}</tbody>
      </table></div>`}
      ${this.pages.next === null ? nothing : html`<p class="more controls"><button class="button" type="button" ?disabled=${this.pages.isLoading}
        @click=${() => this.pages.more()}>${t("invoices.more")}</button></p>`}
    </section>`;
  }

  private renderRow(context: Context, invoice: InvoiceSummary, before: InvoiceSummary | undefined): TemplateResult {
    const { t, format } = context;
    const open = (): void => this.open(invoice.number, null);
    return html`<tr class="is-link" data-invoice=${invoice.number} @click=${open}>
      <th scope="row"><span class="mono">${invoice.number}</span>${this.renderCompare(context, invoice, before)}
        ${invoice.isCredit ? html`<span class="badge">${t("invoices.credit")}</span>` : nothing}
        ${invoice.hasAdjustments ? html`<span class="badge">${t("invoices.adjusted")}</span>` : nothing}</th>
      <td>${periodName(format, invoice.period)}</td>
      <td class="right narrow-hidden">${invoice.lineCount}</td>
      <td class="narrow-hidden">${format.day(invoice.finalizedAt, true)}</td>
      <td class="right">${figure(format.money(invoice.total, invoice.currency), invoice.total, invoice.number, open)}</td>
    </tr>`;
  }

  private renderCompare({ t }: Context, { number }: InvoiceSummary, before: InvoiceSummary | undefined): TemplateResult | typeof nothing {
    if (before === undefined) return nothing;
    const text = t("compare.before", { number });
    const compare = (event: Event): void => {
      event.stopPropagation();
      this.open(number, null, before.number);
    };
    return html` <button class="button is-bare is-icon compare controls" type="button" title=${text} aria-label=${text} @click=${compare}>${icon("compare")}</button>`;
  }

  private open(name: string, billingPeriod: string | null, other: string | null = null): void {
    this.navigate(`/invoices/${encodeURIComponent(name)}`, this.state.after({ line: null, with: other, billingPeriod }));
  }
}

define("meterline-invoices", MeterlineInvoices);
