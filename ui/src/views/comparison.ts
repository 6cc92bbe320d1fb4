/** `<meterline-comparison>`: two invoices side by side, item by item, with the exact differences. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import type { Problem } from "../client.ts";
import type { Context } from "../context.ts";
import { isNegative, isZero } from "../format.ts";
import { changeOf } from "../parts/change.ts";
import { explainedDrawer, type Explained } from "../parts/explained.ts";
import { figure } from "../parts/figure.ts";
import { periodName } from "../parts/heading.ts";
import { problemState, skeleton } from "../parts/states.ts";
import { Resource, type Wanted } from "../resource.ts";
import invoice from "../styles/invoice.css";
import type { ComparedInvoice, ComparedItem, ComparedSide, Comparison } from "../types.ts";

export class MeterlineComparison extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(invoice);
  static override properties: PropertyDeclarations = {
    context: { attribute: false },
    wanted: { attribute: false },
    explained: { state: true },
  };

  declare context: Context | null;
  /** What the portal is asked for. */
  declare wanted: Wanted | null;
  declare explained: Explained | null;
  private readonly onProblem = (problem: Problem): void => this.report(problem);
  private readonly comparison = new Resource<Comparison>(this, () => this.wanted, { isKept: false, onProblem: this.onProblem });

  constructor() {
    super();
    this.context = null;
    this.wanted = null;
    this.explained = null;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { context, comparison } = this;
    if (context === null || this.wanted === null) return nothing;
    const body = comparison.data !== null ? this.renderComparison(context, comparison.data)
      : comparison.problem !== null ? problemState(context.t, comparison.problem, context, () => comparison.refresh())
      : skeleton(context.t, [24, 24, 24, 24, 28]);
    return html`<div class="reset">${body}${explainedDrawer(context, this.explained, () => (this.explained = null))}</div>`;
  }

  private renderComparison(context: Context, data: Comparison): TemplateResult {
    const { t, format } = context;
    const { left, right, currency } = data;
    const total = (value: string, text: string, name: string): TemplateResult => figure(text, value, name, () => this.explainTotal(context, data));
    return html`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${t("compare.title")}>
      <table class="compared">
        <thead><tr><th scope="col">${t("invoice.item")}</th><th scope="col" class="right">${nameOf(context, left)}</th>
          <th scope="col" class="right">${nameOf(context, right)}</th><th scope="col" class="right">${t("compare.difference")}</th></tr></thead>
        <tbody>${data.items.map((item) => this.renderItem(context, data, item))}</tbody>
        <tfoot><tr><th scope="row">${t("invoice.total")}</th>
          <td class="right" data-figure="left">${total(left.total, format.money(left.total, currency), titleOf(context, left))}</td>
          <td class="right" data-figure="right">${total(right.total, format.money(right.total, currency), titleOf(context, right))}</td>
          <td class="right" data-figure="difference"><span class=${lookOf(data.totalChange)}>
            ${total(data.totalChange, format.moneyChange(data.totalChange, currency), t("compare.difference"))}</span>
            <span class="small">${changeOf(context, data.change)}</span></td>
        </tr></tfoot>
      </table></div></section>`;
  }

  private renderItem(context: Context, data: Comparison, item: ComparedItem): TemplateResult {
    const { t, format, words } = context;
    const explain = (): void => this.explainItem(context, data, item);
    const name = item.kind === "adjustment" ? `${item.label} · ${t("invoices.adjusted")}` : item.label;
    const side = (shown: ComparedSide | null): TemplateResult => html`<td class="right">${shown === null ? "–" : html`
      ${figure(format.money(shown.amount, data.currency), shown.amount, name, explain)}
      ${isUncounted(item) ? nothing : html`<span class="small" data-value=${shown.quantity}>${words.quantity(shown.quantity, item.unit)}</span>`}
      ${shown.unitPrice === null ? nothing : html`<span class="small" data-value=${shown.unitPrice}>× ${format.money(shown.unitPrice, data.currency)}</span>`}`}</td>`;
    return html`<tr data-item=${item.item} data-kind=${item.kind}>
      <th scope="row">${name}</th>${side(item.left)}${side(item.right)}
      <td class="right"><span class=${lookOf(item.amountChange)}>${figure(format.moneyChange(item.amountChange, data.currency), item.amountChange, name, explain)}</span>
        ${item.quantityChange === null ? nothing : html`<span class="small" data-value=${item.quantityChange}>
          ${format.change(item.quantityChange)} ${words.unit(item.unit, item.quantityChange)}</span>`}
        ${item.unitPriceChange === null ? nothing : html`<span class="small" data-value=${item.unitPriceChange}>${format.moneyChange(item.unitPriceChange, data.currency)}</span>`}</td>
    </tr>`;
  }

  private explainItem(context: Context, data: Comparison, item: ComparedItem): void {
    const { t, format, words } = context;
    const rows = ([[data.left, item.left], [data.right, item.right]] as const).flatMap(([invoice, side]) => side === null ? [] : [
      [titleOf(context, invoice), format.money(side.amount, data.currency)] as const,
      ...(isUncounted(item) ? [] : [[t("explore.quantity"), words.quantity(side.quantity, item.unit)] as const]),
      ...(side.unitPrice === null ? [] : [[t("explore.unitPrice"), format.money(side.unitPrice, data.currency)] as const]),
    ]);
    this.explained = { title: item.label, text: format.moneyChange(item.amountChange, data.currency), sentence: t("compare.explainItem"), rows, fresh: data };
  }

  private explainTotal(context: Context, data: Comparison): void {
    const { t, format } = context;
    this.explained = {
      title: t("compare.difference"), text: format.moneyChange(data.totalChange, data.currency), sentence: t("compare.explainTotal"),
      rows: data.items.map((item) => [item.label, format.moneyChange(item.amountChange, data.currency)]), fresh: data,
    };
  }
}

function titleOf({ t, format }: Context, { number, period }: ComparedInvoice): string {
  return number ?? `${t("invoice.draft")} ${periodName(format, period)}`;
}

function nameOf(context: Context, shown: ComparedInvoice): TemplateResult {
  return html`${shown.number ?? context.t("invoice.draft")}<span class="small">${periodName(context.format, shown.period)}</span>`;
}

function lookOf(change: string): string {
  return isZero(change) ? "" : isNegative(change) ? "down" : "up";
}

/** Whether an item looks at no usage. */
function isUncounted({ kind }: ComparedItem): boolean {
  return kind === "fixed" || kind === "discount" || kind === "agreed" || kind === "credit";
}

define("meterline-comparison", MeterlineComparison);
