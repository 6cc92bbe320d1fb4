/** `<meterline-plan>`: what was agreed, each price in words first. */

import { html, nothing, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import type { Context } from "../context.ts";
import { isZero } from "../format.ts";
import { heading, periodSwitch } from "../parts/heading.ts";
import { emptyState } from "../parts/states.ts";
import { Resource } from "../resource.ts";
import plan from "../styles/plan.css";
import type { Plan, PlanItem } from "../types.ts";
import { MeterlineView } from "../view.ts";

export class MeterlinePlan extends MeterlineView {
  static override styles = MeterlineElement.stylesWith(plan);
  protected readonly view = "plan";
  private readonly plan = new Resource<Plan>(
    this,
    () => (this.isOpen && this.period !== undefined ? { path: "plan", query: { billingPeriod: this.period.billingPeriod } } : null),
    { onProblem: this.onProblem },
  );

  protected renderPage(context: Context): TemplateResult {
    const { t } = context;
    if (this.period === undefined) return emptyState(t("plan.empty"), t("plan.emptyText"));
    return html`
      ${heading({
        title: t("view.plan"),
        period: periodSwitch(context, this.period, (billingPeriod) => this.change({ billingPeriod })),
      })}
      ${this.renderResource(context, this.plan, [32, 80, 80, 80], (data) => this.renderPlan(context, data))}`;
  }

  private renderPlan(context: Context, data: Plan): TemplateResult {
    const { t, format, words } = context;
    return html`
      <section class="card">
        <div class="card-head"><h2 class="card-title">${data.plan}</h2><span class="badge">${t("plan.version")} ${data.version}</span></div>
        ${data.description === "" ? nothing : html`<p class="hint">${data.description}</p>`}
        <dl class="terms">
          <div><dt>${t("plan.contract")}</dt><dd>${data.contract}</dd></div>
          <div><dt>${t("plan.from")}</dt><dd>${format.civilDate(data.start)}</dd></div>
          <div><dt>${t("plan.to")}</dt><dd>${data.end === null ? t("plan.open") : format.civilDate(data.end, -1)}</dd></div>
          <div><dt>${t("plan.currency")}</dt><dd>${data.currency}</dd></div>
          <div><dt>${t("plan.zone")}</dt><dd>${words.zone(data.timeZone)}</dd></div>
        </dl>
      </section>
      <ul class="prices">${data.items.map((item) => this.renderItem(context, data, item))}</ul>`;
  }

  private renderItem(context: Context, data: Plan, item: PlanItem): TemplateResult {
    const { t, format, words } = context;
    const terms: (readonly [name: string, text: string, exact: string])[] = [];
    // A fixed fee is said in full by its sentence.
    if (item.amount !== null && item.blockSize !== null) terms.push([t("plan.blockAmount"), format.money(item.amount, data.currency), item.amount]);
    if (item.unitPrice !== null) terms.push([t("plan.unitPrice"), format.money(item.unitPrice, data.currency), item.unitPrice]);
    if (item.blockSize !== null) terms.push([t("plan.blockSize"), words.quantity(item.blockSize, item.unit), item.blockSize]);
    if (item.included !== null && !isZero(item.included)) terms.push([t("plan.included"), words.quantity(item.included, item.unit), item.included]);
    if (item.minimum !== null && !isZero(item.minimum)) terms.push([t("plan.minimum"), format.money(item.minimum, data.currency), item.minimum]);
    return html`<li class="card" data-item=${item.item}>
      <h2 class="card-title">${item.label}</h2>
      <p class="explained-sentence" data-value=${item.model === "fixed" && item.amount !== null ? item.amount : nothing}>${item.sentence}</p>
      ${terms.length === 0 ? nothing : html`<dl class="terms">${terms.map(([name, text, exact]) => html`<div><dt>${name}</dt><dd data-value=${exact}>${text}</dd></div>`)}</dl>`}
      ${item.tiers.length === 0 ? nothing : this.renderTiers(context, data, item)}
    </li>`;
  }

  private renderTiers(context: Context, data: Plan, item: PlanItem): TemplateResult {
    const { t, format, words } = context;
    const money = (amount: string | null): string => (amount === null ? "–" : format.money(amount, data.currency));
    return html`<table>
      <thead><tr><th scope="col">${t("explain.tiers")}</th><th scope="col" class="right">${t("plan.unitPrice")}</th>
        <th scope="col" class="right">${t("plan.flat")}</th></tr></thead>
      <tbody>${item.tiers.map((tier) => html`<tr>
        <th scope="row" data-value=${tier.upTo ?? nothing}>${tier.upTo === null ? t("explain.tierAbove") : t("explain.tierUpTo", { upTo: words.quantity(tier.upTo, item.unit) })}</th>
        <td class="right" data-value=${tier.unitPrice ?? nothing}>${money(tier.unitPrice)}</td>
        <td class="right" data-value=${tier.flat ?? nothing}>${money(tier.flat)}</td>
      </tr>`)}</tbody></table>`;
  }
}

define("meterline-plan", MeterlinePlan);
