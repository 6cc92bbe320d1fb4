/** `<meterline-plan>`: what was agreed, each price in words first. */

import { html, nothing, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import type { Context } from "../context.ts";
import { isDecimal, isZero } from "../format.ts";
import { allowances } from "../parts/allowances.ts";
import { figure } from "../parts/figure.ts";
import { heading, periodName, periodSwitch } from "../parts/heading.ts";
import { icon } from "../parts/icons.ts";
import { priceInWords, stepsInWords } from "../parts/prices.ts";
import { emptyState, problemState, skeleton } from "../parts/states.ts";
import { stair } from "../parts/stair.ts";
import { Resource } from "../resource.ts";
import line from "../styles/line.css";
import overview from "../styles/overview.css";
import plan from "../styles/plan.css";
import type { ComingChange, Entitlements, Plan, PlanItem, Quote } from "../types.ts";
import { MeterlineView } from "../view.ts";

export class MeterlinePlan extends MeterlineView {
  static override styles = MeterlineElement.stylesWith(overview, line, plan);
  protected readonly view = "plan";
  private readonly plan = new Resource<Plan>(
    this,
    () => (this.isOpen && this.period !== undefined ? { path: "plan", query: { billingPeriod: this.period.billingPeriod } } : null),
    { onProblem: this.onProblem },
  );
  /** What may be used is of today, whatever period is chosen; a page without it is the plan all the same. */
  private readonly entitlements = new Resource<Entitlements>(this, () => (this.isOpen ? { path: "plan/entitlements" } : null), { onProblem: this.onProblem });
  /** What is chosen is in the address: also the quantity whose price is shown, and of which item. */
  private readonly quote = new Resource<Quote>(this, () => {
    const [item, quantity] = [this.state.get("priced"), this.state.get("quantity")];
    const isAsked = this.isOpen && this.period !== undefined && item !== "" && isDecimal(quantity);
    return isAsked ? { path: "plan/quote", query: { billingPeriod: this.period?.billingPeriod ?? null, item, quantity } } : null;
  }, { isKept: false, onProblem: this.onProblem });

  protected renderPage(context: Context): TemplateResult {
    const { t } = context;
    if (this.period === undefined) return emptyState(t("plan.empty"), t("plan.emptyText"));
    return html`
      ${heading({
        title: t("view.plan"),
        period: periodSwitch(context, this.period, (billingPeriod) => this.change({ billingPeriod })),
        actions: this.renderCurl(context, "plan", { billingPeriod: this.period.billingPeriod }),
      })}
      ${this.renderResource(context, this.plan, [32, 80, 80, 80], (data) => this.renderPlan(context, data))}
      ${this.renderQuote(context)}`;
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
          ${data.agreed.map(({ kind, name, percent, amount, usage, usagePercent, items, start, until }) => html`<div data-agreed=${name}><dt>${t(`line.${kind}`)}: ${name}</dt>
            <dd>${percent !== null ? format.percent(percent) : amount !== null ? format.money(amount, data.currency)
              : t("plan.unitsOff", { quantity: usage === null ? format.percent(usagePercent ?? "0") : format.decimal(usage) })}
              <span class="small">${[...items, `${format.civilDate(start)} – ${until === null ? t("plan.open") : format.civilDate(until, -1)}`].join(" · ")}</span></dd></div>`)}
        </dl>
      </section>
      ${allowances(context, this.isCurrent ? (this.entitlements.data?.entitlements ?? []) : [])}
      ${data.coming.map((change) => this.renderComing(context, data, change))}
      <ul class="prices">${data.items.map((item) => this.renderItem(context, data, item))}</ul>`;
  }

  /** Whether the chosen period is the newest one: of an older one, what is left now says nothing. */
  private get isCurrent(): boolean {
    return this.period?.state === "open";
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
      <p class="explained-sentence" data-value=${item.model === "fixed" && item.amount !== null ? item.amount : nothing}>${priceInWords(context, item, data.currency)}</p>
      ${terms.length === 0 ? nothing : html`<dl class="terms">${terms.map(([name, text, exact]) => html`<div><dt>${name}</dt><dd data-value=${exact}>${text}</dd></div>`)}</dl>`}
      ${item.tiers.length === 0 ? nothing : this.renderTiers(context, data, item)}
      ${item.meter === "" || item.perKey.length > 0 || item.rows.length > 0 || item.isEachEvent || item.formula !== "" ? nothing : this.renderExamples(context, data, item)}
    </li>`;
  }

  /** Three quantities with what they cost, and a field for any other. */
  private renderExamples(context: Context, data: Plan, item: PlanItem): TemplateResult {
    const { t, format, words } = context;
    const examples = data.examples.find((each) => each.item === item.item)?.examples ?? [];
    const show = (quantity: string): void => this.change({ priced: item.item, quantity });
    const ask = (event: SubmitEvent): void => {
      event.preventDefault();
      const quantity = String(new FormData(event.currentTarget as HTMLFormElement).get("quantity")).trim();
      if (isDecimal(quantity)) show(quantity);
    };
    return html`<h3 class="section-title">${t("plan.examples")}</h3>
      <dl class="rows">${examples.map(({ quantity, amount, isOwn }) => html`<div data-quantity=${quantity}>
        <dt>${words.quantity(quantity, item.unit)}${isOwn ? html` <span class="badge">${t("plan.own")}</span>` : nothing}</dt>
        <dd>${figure(format.money(amount, data.currency), amount, words.quantity(quantity, item.unit), () => show(quantity))}</dd></div>`)}</dl>
      <form class="quote controls" @submit=${ask}>
        <label>${t("plan.try")} <input class="input" name="quantity" required inputmode="decimal" pattern="[0-9]{1,20}([.][0-9]{1,9})?" placeholder="1000" autocomplete="off" /></label>
        <button class="button">${t("plan.quote")}</button>
      </form>`;
  }

  private renderQuote(context: Context): TemplateResult {
    const { t, format, words } = context;
    const { data, problem } = this.quote;
    const isOpen = this.state.get("quantity") !== "" && this.state.get("priced") !== "";
    const close = (): void => this.change({ priced: null, quantity: null });
    const body = (shown: Quote): TemplateResult => html`
      <p class="explained-figure">${format.money(shown.amount, shown.currency)}</p>
      <p class="explained-sentence">${t("plan.explainQuote", { quantity: words.quantity(shown.quantity, shown.unit) })}</p>
      <dl class="rows steps">
        ${stepsInWords(context, shown.steps, shown.tiers, shown.price, shown.unit, shown.currency).map((step) => html`<div data-step=${step.name}>
          <dt>${step.text}</dt><dd data-value=${step.value}>${step.shown}</dd></div>`)}
        <div class="result"><dt>${t("invoice.amount")}</dt><dd data-value=${shown.amount}>${format.money(shown.amount, shown.currency)}</dd></div>
      </dl>
      ${shown.tiers.length < 2 ? nothing : stair(context, shown.tiers, shown.unit, shown.currency)}`;
    return html`<meterline-drawer heading=${data?.label ?? t("plan.examples")} close-text=${t("explain.close")} .isOpen=${isOpen} @drawer-close=${close}>
      ${!isOpen ? nothing : html`<div class="reset explained">${data !== null ? body(data)
        : problem !== null ? problemState(t, problem, context, () => this.quote.refresh()) : skeleton(t, [32, 24, 24])}</div>`}
    </meterline-drawer>`;
  }

  private renderComing(context: Context, data: Plan, change: ComingChange): TemplateResult {
    const { t, format, periods } = context;
    const { effect } = change;
    const period = periods.find(({ billingPeriod }) => billingPeriod === effect?.billingPeriod);
    return html`<section class="card coming" data-coming=${change.start}>
      <div class="card-head">${icon("warning")}<h2 class="card-title">${t("plan.coming", { date: format.civilDate(change.start) })}</h2>
        <span class="badge">${change.plan === data.plan ? "" : `${change.plan} · `}${t("plan.version")} ${change.version}</span></div>
      <dl class="rows">${change.items.map((item) => html`<div data-item=${item.item}><dt>${item.label}</dt><dd>${priceInWords(context, item, data.currency)}</dd></div>`)}</dl>
      ${change.ended.length === 0 ? nothing : html`<p class="hint">${t("plan.ended", { items: change.ended.join(", ") })}</p>`}
      ${effect === null ? nothing : html`<p class="hint">${t("plan.effect", {
        period: period === undefined ? effect.billingPeriod : periodName(format, period),
        amount: format.money(effect.amountToCome, data.currency), today: format.money(effect.amount, data.currency),
      })} <b data-value=${effect.change}>${format.moneyChange(effect.change, data.currency)}</b></p>`}
    </section>`;
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
