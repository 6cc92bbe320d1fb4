/** `<meterline-invoice>`: the paper, and beside it where the chosen amount comes from. Drafts and final invoices alike. */

import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { client } from "../client.ts";
import type { Context } from "../context.ts";
import { attempted } from "../parts/attempt.ts";
import { explainedDrawer, type Explained } from "../parts/explained.ts";
import { figure } from "../parts/figure.ts";
import { curlButton } from "../parts/curl.ts";
import { save } from "../parts/files.ts";
import { heading, periodName, periodSwitch } from "../parts/heading.ts";
import { named } from "../i18n.ts";
import { icon } from "../parts/icons.ts";
import { proofBadge } from "../parts/proof.ts";
import { Resource, type Wanted } from "../resource.ts";
import type { Changes } from "../state.ts";
import invoice from "../styles/invoice.css";
import type { Invoice, InvoiceLine, Period, Tier, Verification } from "../types.ts";
import { MeterlineView } from "../view.ts";
import { choose } from "./choices.ts";
import "./comparison.ts";
import "./line.ts";

const NARROW_BELOW_PX = 900;

export class MeterlineInvoice extends MeterlineView {
  static override styles = MeterlineElement.stylesWith(invoice);
  static override properties: PropertyDeclarations = {
    number: {},
    isNarrow: { state: true },
    verification: { state: true },
    isVerifying: { state: true },
    explained: { state: true },
  };

  /** Number of the invoice, or "draft" for that of the chosen period. */
  declare number: string;
  declare isNarrow: boolean;
  declare verification: Verification | null;
  declare isVerifying: boolean;
  declare explained: Explained | null;
  protected readonly view = "invoices";
  private readonly invoice = new Resource<Invoice>(
    this,
    () => (this.isOpen && this.number !== "" ? { path: this.path, query: this.query } : null),
    { onProblem: this.onProblem },
  );
  private readonly observer = new ResizeObserver(([entry]) => (this.isNarrow = (entry?.contentRect.width ?? 0) < NARROW_BELOW_PX));

  constructor() {
    super();
    this.number = "draft";
    this.isNarrow = false;
    this.verification = null;
    this.isVerifying = false;
    this.explained = null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.observer.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  protected override willUpdate(changes: PropertyValues<this>): void {
    super.willUpdate(changes);
    if (changes.has("number")) this.verification = null;
  }

  protected renderPage(context: Context): TemplateResult {
    const { t } = context;
    const data = this.invoice.data;
    const isDraft = this.isDraft;
    const badge = data === null ? nothing : html`<span class="badge is-${data.status}">${t(`invoice.${data.status}`)}</span>`;
    return html`
      ${heading({
        title: isDraft ? t("invoices.live") : t("invoice.title", { number: this.number }),
        badge,
        sub: html`<button class="back controls" type="button" @click=${() => this.navigate("/invoices", this.state.after({ line: null, with: null }))}>
          ${icon("previous")}${t("invoice.back")}</button>`,
        // What is final says so by its badge.
        freshness: data?.status === "final" ? nothing : this.renderFreshness(this.invoice, false),
        period: isDraft ? periodSwitch(context, this.period, (label) => this.choosePeriod(context, label)) : nothing,
        actions: data === null ? nothing : this.renderActions(context),
      })}
      ${this.notice === "" ? nothing : html`<p class="note" role="status">${this.notice}</p>`}
      ${this.other === "" ? this.renderResource(context, this.invoice, [24, 16, 200, 28], (found) => this.renderInvoice(context, found))
        : html`<meterline-comparison .context=${context} .wanted=${this.compared}></meterline-comparison>`}
      ${explainedDrawer(context, this.explained, () => (this.explained = null))}`;
  }

  private get isDraft(): boolean {
    return this.number === "draft";
  }

  private get path(): string {
    return `invoices/${encodeURIComponent(this.number)}`;
  }

  private get query(): Changes {
    return this.isDraft ? { billingPeriod: this.period?.billingPeriod ?? null } : {};
  }

  /** The invoice that this one is compared with; "" where it stands alone. */
  private get other(): string {
    const other = this.choice("with");
    return other === this.number ? "" : other;
  }

  private get compared(): Wanted {
    const hasDraft = this.isDraft || this.other === "draft";
    return { path: `${this.path}/compare`, query: { with: this.other, billingPeriod: hasDraft ? (this.period?.billingPeriod ?? null) : null } };
  }

  /** The other invoices, and the draft of the newest period. */
  private renderComparing(context: Context): TemplateResult | typeof nothing {
    const { t, format, periods } = context;
    const options = periods.flatMap((period, index): (readonly [string, string])[] => {
      const name = period.invoice ?? (index === 0 ? "draft" : null);
      return name === null || name === this.number ? [] : [[name, `${periodName(format, period)} · ${period.invoice ?? t("invoice.draft")}`]];
    });
    if (options.length === 0) return nothing;
    return choose(t("compare.with"), [["", this.other === "" ? t("compare.with") : t("compare.end")], ...options], this.other,
      (other) => this.change({ with: other, line: null }));
  }

  private renderActions(context: Context): TemplateResult {
    const { t } = context;
    // The request of what is shown: the comparison where there is one.
    const { path: shown, query = {} } = this.other === "" ? { path: this.path, query: this.query } : this.compared;
    const file = (path: string, name: string) => (): Promise<void> => attempted(() => save(path, this.query, name), this.onRefused);
    return html`<span class="actions controls">
      ${this.renderComparing(context)}
      <button class="button" type="button" @click=${() => print()}>${icon("print")}${t("invoice.print")}</button>
      <button class="button" type="button" @click=${file(`${this.path}.csv`, `${this.number}.csv`)}>${icon("download")}${t("invoice.csv")}</button>
      <button class="button" type="button" @click=${file(this.isDraft ? this.path : `${this.path}.json`, `${this.number}.json`)}>${icon("download")}${t("invoice.json")}</button>
      ${curlButton(context, shown, query, (text) => (this.notice = text))}
    </span>`;
  }

  private renderInvoice(context: Context, found: Invoice): TemplateResult {
    const { t } = context;
    const data = { ...found, lines: named(context, found.lines) };
    const chosen = [...data.lines, ...(data.pending?.lines ?? [])].find(({ id }) => id === this.choice("line"));
    const panel = chosen === undefined ? nothing : html`<meterline-line .context=${context} .invoice=${this.path} .query=${this.query}
      .line=${chosen} .currency=${data.currency}></meterline-line>`;
    const close = (): void => this.change({ line: null });
    return html`<div class="sheets">
      <article class="card paper">${this.renderPaper(context, data, chosen)}</article>
      ${this.isNarrow
        ? html`<meterline-drawer heading=${chosen?.label ?? ""} close-text=${t("explain.close")} .isOpen=${chosen !== undefined} @drawer-close=${close}>${panel}</meterline-drawer>`
        : html`<aside class="card panel controls">${chosen === undefined
            ? html`<p class="hint">${t("invoice.choose")}</p>`
            : html`<header class="panel-head"><h2 class="card-title">${chosen.label}</h2><span class="small mono">${chosen.id}</span></header>${panel}`}</aside>`}
    </div>`;
  }

  private renderPaper(context: Context, data: Invoice, chosen: InvoiceLine | undefined): TemplateResult {
    const { t, format } = context;
    const total = format.money(data.total, data.currency);
    return html`
      <header class="paper-head">
        <div><p class="seller">${data.seller || context.session.seller}</p>
          <p class="hint">${t("invoice.bills", { customer: data.customerName || data.customer })}</p></div>
        <div class="right"><p>${data.number ?? t("invoice.draft")}</p>
          <p class="hint">${format.period(data.period.start, data.period.end)}</p>
          <p class="hint">${t("period.days", { zone: context.words.zone(data.timeZone) })}</p></div>
      </header>
      <table>
        <thead><tr><th scope="col">${t("invoice.item")}</th><th scope="col" class="right">${t("invoice.quantity")}</th>
          <th scope="col" class="right">${t("invoice.amount")}</th></tr></thead>
        <tbody>${data.lines.map((line) => this.renderLine(context, data, line, chosen))}</tbody>
        <tfoot><tr><th scope="row" colspan="2">${t(data.status === "draft" ? "invoice.totalSoFar" : "invoice.total")}</th>
          <td class="right total" data-figure="total" data-value=${data.total}>${figure(total, data.total, t("invoice.total"), () => this.explainTotal(context, data, total))}</td></tr></tfoot>
      </table>
      ${data.pending === null ? nothing : this.renderPending(context, data, data.pending, chosen)}
      <p class="note">${t("invoice.noteRounding")}</p>
      ${data.isCredit ? html`<p class="note">${t("invoice.noteCredit")}</p>` : nothing}
      ${data.digest === null ? nothing : this.renderProof(context, data, data.digest)}`;
  }

  private renderLine(context: Context, data: Invoice, line: InvoiceLine, chosen: InvoiceLine | undefined): TemplateResult {
    const { t, format, words } = context;
    const isChosen = line === chosen;
    const amount = format.money(line.amount, data.currency);
    const explain = (): void => this.change({ line: isChosen ? null : line.id });
    const count = String(line.eventCount);
    const origin = line.kind === "discount" ? t("step.discount") : line.kind === "fixed" ? t("invoice.oncePeriod") : line.kind === "agreed" ? t("invoice.agreed")
      : line.kind === "credit" ? t("invoice.credit")
      : t(format.plural(count) === "one" ? "invoice.events.one" : "invoice.events.other", { count: format.decimal(count) });
    return html`<tr class=${isChosen ? "is-chosen" : ""} data-line=${line.id} aria-current=${isChosen ? "true" : "false"}>
      <th scope="row">${line.label}
        <span class="small">${line.adjustsLineId === null ? origin : `${t("invoice.adjusts", { line: line.adjustsLineId })} · ${periodName(format, line.period)}`}</span>
        ${line.tiers.map((tier) => html`<span class="small paper-only">${tierText(context, tier, data.currency)}</span>`)}</th>
      <td class="right" data-value=${line.quantity}>${line.meter === "" && line.quantity === "1" ? "" : html`${figure(format.decimal(line.quantity), line.quantity, line.label, explain)}
        <span class="unit">${words.unit(line.unit, line.quantity)}</span>
        ${line.pricedQuantity === null || line.kind === "adjustment" ? nothing : html`<span class="small below" data-priced=${line.pricedQuantity}>${t("explore.billed", { quantity: format.decimal(line.pricedQuantity) })}</span>`}`}</td>
      <td class="right">${figure(amount, line.amount, line.label, explain)}</td>
    </tr>`;
  }

  private renderPending(context: Context, data: Invoice, pending: NonNullable<Invoice["pending"]>, chosen: InvoiceLine | undefined): TemplateResult {
    const { t, format } = context;
    return html`<section class="pending">
      <h3 class="card-title">${t("invoice.pending")}</h3>
      <p class="hint">${t("invoice.pendingText", { amount: format.money(pending.amount, data.currency), period: pending.nextInvoice ?? "" })}</p>
      <table><tbody>${pending.lines.map((line) => this.renderLine(context, data, line, chosen))}</tbody></table>
    </section>`;
  }

  private renderProof(context: Context, data: Invoice, digest: string): TemplateResult {
    const { t } = context;
    return html`<footer class="proof">
      <dl>
        <div><dt>${t("invoice.digest")}</dt><dd class="mono">${digest}</dd></div>
        ${data.chain === null ? nothing : html`<div><dt>${t("invoice.chain")}</dt><dd class="mono">${data.chain}</dd></div>`}
      </dl>
      <div class="controls">${proofBadge({
        verification: this.verification, isChecking: this.isVerifying, t,
        ask: t("invoice.verify"), proven: t("invoice.verified"), check: () => this.verify(),
      })}</div>
    </footer>`;
  }

  private explainTotal({ t, format }: Context, data: Invoice, text: string): void {
    this.explained = {
      title: t("invoice.total"), text, fresh: data,
      sentence: t("invoice.explainTotal", { count: data.lines.length }),
      rows: data.lines.map((line) => [line.label, format.money(line.amount, data.currency)]),
    };
  }

  private async verify(): Promise<void> {
    this.isVerifying = true;
    await attempted(async () => {
      this.verification = await client.get<Verification>(`${this.path}/verify`);
    }, this.onRefused);
    this.isVerifying = false;
  }

  /** A period that has its invoice by now is shown by that. */
  private choosePeriod(context: Context, billingPeriod: string): void {
    const period = context.periods.find((each: Period) => each.billingPeriod === billingPeriod);
    if (period?.invoice === undefined || period.invoice === null) this.change({ billingPeriod, line: null });
    else this.navigate(`/invoices/${encodeURIComponent(period.invoice)}`, this.state.after({ line: null, with: null, billingPeriod: null }));
  }
}

/** A tier as the paper says it, where no panel can be opened: "90,000 × $0.05 = $4,500.00". */
function tierText({ t, format }: Context, tier: Tier, currency: string): string {
  const flat = tier.flat === null ? "" : ` ${t("plan.tierFlat", { flat: format.money(tier.flat, currency) })}`;
  return `${format.decimal(tier.quantity)} × ${format.money(tier.unitPrice, currency)}${flat} = ${format.money(tier.amount, currency)}`;
}

define("meterline-invoice", MeterlineInvoice);
