/** `<meterline-overview>`: what the bill is so far, how it grew, and why it is another one than last time. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import type { ChartModel } from "../charts/model.ts";
import { largest, part } from "../charts/scale.ts";
import type { FallStep } from "../charts/waterfall.ts";
import type { Context } from "../context.ts";
import { isZero } from "../format.ts";
import { named } from "../i18n.ts";
import { place } from "../parts/directives.ts";
import { explainedDrawer, type Explained } from "../parts/explained.ts";
import { changeOf } from "../parts/change.ts";
import { figure } from "../parts/figure.ts";
import { heading, periodName, periodSwitch } from "../parts/heading.ts";
import { emptyState } from "../parts/states.ts";
import { Resource } from "../resource.ts";
import { script } from "../script.ts";
import overview from "../styles/overview.css";
import type { Overview, OverviewItem, Reasons, Waterfall } from "../types.ts";
import { MeterlineView } from "../view.ts";
import type { renderReasons } from "./reasons.ts";

export class MeterlineOverview extends MeterlineView {
  static override styles = MeterlineElement.stylesWith(overview);
  static override properties: PropertyDeclarations = { explained: { state: true } };

  declare explained: Explained | null;
  protected readonly view = "overview";
  private readonly overview = new Resource<Overview>(
    this,
    () => (this.isOpen && this.period !== undefined ? { path: "overview", query: { billingPeriod: this.period.billingPeriod } } : null),
    { onProblem: this.onProblem },
  );
  private reasons: typeof renderReasons | null = null;
  /** Asked for while a reader has it open. */
  private readonly variance = new Resource<Reasons>(
    this,
    () => (this.reasons === null || this.period === undefined ? null : { path: "overview/variance", query: { billingPeriod: this.period.billingPeriod } }),
    { onProblem: this.onProblem },
  );

  constructor() {
    super();
    this.explained = null;
  }

  protected renderPage(context: Context): TemplateResult {
    const { t, session, words } = context;
    const period = this.period;
    if (period === undefined) return emptyState(t("overview.empty"), t("overview.emptyText"));
    const days = `${context.format.period(period.start, period.end)} · ${t("period.days", { zone: words.zone(period.timeZone) })}`;
    return html`
      ${heading({
        title: session.customer.name || session.customer.key,
        sub: days,
        freshness: this.renderFreshness(this.overview, this.overview.data?.billSoFar.final ?? false),
        period: periodSwitch(context, period, (billingPeriod) => this.change({ billingPeriod })),
        actions: this.renderCurl(context, "overview", { billingPeriod: period.billingPeriod }),
      })}
      ${this.renderResource(context, this.overview, [16, 56, 160, 24, 24], (data) => this.renderOverview(context, data))}
      ${explainedDrawer(context, this.explained, () => (this.explained = null))}`;
  }

  private renderOverview(context: Context, found: Overview): TemplateResult {
    const { waterfall } = found;
    const data = { ...found, items: named(context, found.items), waterfall: waterfall && { ...waterfall, steps: named(context, waterfall.steps) } };
    const isEmpty = data.items.length === 0 && isZero(data.billSoFar.amount);
    if (isEmpty) return emptyState(context.t("overview.empty"), context.t("overview.emptyText"));
    return html`
      <section class="card bill">${this.renderBill(context, data)}${this.renderGrowth(context, data)}</section>
      ${data.waterfall === null ? nothing : html`${this.renderWhy(context, data, data.waterfall)}
        <details class="card" @toggle=${this.openReasons}><summary class="card-title">${context.t("overview.reasons")}</summary>
          ${this.reasons === null ? nothing : this.renderResource(context, this.variance, [216], (found) => this.reasons?.(html, context, found, (each) => this.explain(each)) ?? html``)}</details>`}
      ${this.renderItems(context, data)}
      ${data.included.length === 0 ? nothing : this.renderIncluded(context, data)}`;
  }

  private renderBill(context: Context, data: Overview): TemplateResult {
    const { t, format } = context;
    const { billSoFar, samePoint, lastInvoice } = data;
    const title = t(billSoFar.final ? "overview.bill" : "overview.billSoFar");
    const text = format.money(billSoFar.amount, billSoFar.currency);
    const explainBill = (): void => this.explain({
      title, text,
      sentence: billSoFar.final ? t("overview.explainFinal", { number: this.period?.invoice ?? "" }) : t("overview.explainBill", { count: data.items.length }),
      rows: data.items.map((item) => [item.label, format.money(item.amount, billSoFar.currency)]),
      action: { text: t(billSoFar.final ? "overview.openInvoice" : "overview.openLive"), run: () => this.openInvoice("") },
    });
    return html`<div>
      <h2 class="hint plain">${title}</h2>
      <p class="hero" data-figure="bill">${figure(text, billSoFar.amount, title, explainBill)}</p>
      <dl class="rows">
        ${samePoint === null ? nothing : html`<div><dt>${t("overview.samePoint")}</dt><dd>
          ${figure(format.money(samePoint.amount, billSoFar.currency), samePoint.amount, t("overview.samePoint"), () => this.explain({
            title: t("overview.samePoint"), text: format.money(samePoint.amount, billSoFar.currency),
            sentence: t("overview.explainSamePoint", { days: samePoint.days }), rows: [],
          }))} ${changeOf(context, samePoint.change)}</dd></div>`}
        ${lastInvoice === null ? nothing : html`<div><dt>${t(lastInvoice.number === this.period?.invoice ? "invoice.title" : "overview.lastInvoice", { number: lastInvoice.number })}</dt><dd>
          ${figure(format.money(lastInvoice.total, lastInvoice.currency), lastInvoice.total, lastInvoice.number, () => this.navigate(`/invoices/${lastInvoice.number}`, ""))}
        </dd></div>`}
      </dl>
    </div>`;
  }

  private renderGrowth(context: Context, data: Overview): TemplateResult | typeof nothing {
    const { cumulative, billSoFar } = data;
    if (cumulative === null) return nothing;
    const { t, format } = context;
    const hasPrevious = cumulative.previous.some((amount) => amount !== null);
    const model: ChartModel = {
      name: t("overview.cumulative"), keysHint: t("explore.chartKeys"), totalText: t("explore.total"), previousText: t("overview.lastPeriod"),
      buckets: cumulative.buckets.map(({ start, end }) => ({
        key: format.bucketKey(start, "day"), label: format.bucket(start, "day"), full: format.bucketInFull(start, end, "day"), row: "", column: "",
      })),
      rows: [],
      series: [{ key: "bill", label: t("overview.thisPeriod"), look: "s1", values: cumulative.amounts }],
      totals: null,
      previous: hasPrevious ? cumulative.previous : null,
      print: (text) => format.money(text, billSoFar.currency),
      tick: (value) => format.tick(value, billSoFar.currency),
    };
    const open = (event: CustomEvent<{ index: number }>): void => {
      const bucket = cumulative.buckets[event.detail.index];
      const amount = cumulative.amounts[event.detail.index] ?? null;
      if (bucket === undefined || amount === null) return;
      const text = model.print(amount);
      const title = format.bucketInFull(bucket.start, bucket.end, "day");
      this.explain({ title, text, sentence: t("overview.cumulative"), rows: [] });
    };
    return html`<figure>
      <figcaption class="growth-head"><span class="hint">${t("overview.cumulative")}</span>
        <ul class="legend">${hasPrevious ? html`<li><span class="dash"></span>${t("overview.lastPeriod")}</li>` : nothing}</ul>
      </figcaption>
      <meterline-chart kind="line" height="216" .model=${model} @bucket-open=${open}></meterline-chart>
    </figure>`;
  }

  private renderWhy(context: Context, data: Overview, waterfall: Waterfall): TemplateResult {
    const { t, format, words } = context;
    const { currency } = data.billSoFar;
    const end = (key: string, { label, amount }: Waterfall["from"]): FallStep => {
      const [billingPeriod = label, part = ""] = label.split(", ", 2);
      const period = context.periods.find((each) => each.billingPeriod === billingPeriod);
      const name = period === undefined ? billingPeriod : periodName(format, period, true);
      // A column has room for one of them a row: the period, and how many of its days.
      const detail = part === "" || data.samePoint === null ? "" : t("overview.firstDays", { days: data.samePoint.days });
      return { key, label: name, detail, bare: detail, value: amount, text: format.money(amount, currency), isEnd: true };
    };
    const steps: FallStep[] = [
      end("from", waterfall.from),
      ...waterfall.steps.map((step) => ({
        key: step.item, label: step.item === "" ? t("invoices.adjusted") : step.label, value: step.amount, text: format.moneyChange(step.amount, currency), isEnd: false,
        ...(step.quantityBefore === null || step.quantity === null ? { detail: "", bare: "" } : {
          detail: `${format.decimal(step.quantityBefore)} → ${words.quantity(step.quantity, step.unit)}`,
          bare: `${format.decimal(step.quantityBefore)} → ${format.decimal(step.quantity)}`,
        }),
      })),
      end("to", waterfall.to),
    ];
    const open = (event: CustomEvent<{ key: string }>): void => {
      const step = steps.find(({ key, isEnd }) => key === event.detail.key && !isEnd);
      if (step === undefined) return;
      const line = data.items.find(({ item }) => item === step.key);
      this.explain({
        title: step.label, text: step.text, sentence: t("overview.explainStep", { item: step.label }),
        rows: step.detail === "" ? [] : [[t("explore.quantity"), step.detail]],
        action: line === undefined ? undefined : { text: t("overview.openLine"), run: () => this.openInvoice(line.lineId) },
      });
    };
    return html`<section class="card">
      <div class="card-head"><h2 class="card-title">${t("overview.why")}</h2><span class="hint">${t("overview.whyHint")}</span></div>
      <meterline-waterfall name=${t("overview.why")} .steps=${steps} @step-open=${open}></meterline-waterfall>
    </section>`;
  }

  private readonly openReasons = async ({ currentTarget }: Event): Promise<void> => {
    const details = currentTarget as HTMLDetailsElement;
    try {
      this.reasons = details.open ? (await script<{ renderReasons: typeof renderReasons }>("reasons")).renderReasons : null;
      this.requestUpdate();
    } catch {
      details.open = false;
      this.notice = this.context?.t("problem.unavailable") ?? "";
    }
  };

  private renderItems(context: Context, data: Overview): TemplateResult {
    const { t, format } = context;
    const top = largest(data.items.map(({ amount }) => amount));
    return html`<section class="card">
      <div class="card-head"><h2 class="card-title">${t("overview.madeOf")}</h2><span class="spacer"></span>
        <button class="button controls" type="button" @click=${() => this.openInvoice("")}>
          ${t(data.billSoFar.final ? "overview.openInvoice" : "overview.openLive")}</button>
      </div>
      <ul class="items">
        ${data.items.map((item) => this.renderItem(context, item, top, data.billSoFar.currency))}
        ${isZero(data.adjustments) ? nothing : html`<li>
          <span class="item-name">${t("invoices.adjusted")}</span><span></span>
          <span class="right">${figure(format.money(data.adjustments, data.billSoFar.currency), data.adjustments, t("invoices.adjusted"), () => this.openInvoice(""))}</span>
        </li>`}
      </ul>
    </section>`;
  }

  private renderItem(context: Context, item: OverviewItem, top: string, currency: string): TemplateResult {
    const { t, format, words } = context;
    const text = format.money(item.amount, currency);
    const quantity = item.unit === "" ? "" : words.quantity(item.quantity, item.unit);
    const explain = (): void => this.explain({
      title: item.label, text, sentence: t("overview.explainAmount", { item: item.label }),
      rows: quantity === "" ? [] : [[t("explore.quantity"), quantity]],
      action: { text: t("overview.openLine"), run: () => this.openInvoice(item.lineId) },
    });
    return html`<li data-item=${item.item}>
      <span class="item-name">${item.label}<span class="small"> ${quantity}</span></span>
      <span class="track" aria-hidden="true"><span class="bar" ${place({ width: `${(part(item.amount, top) * 100).toFixed(2)}%` })}></span></span>
      <span class="right">${figure(text, item.amount, item.label, explain)}</span>
    </li>`;
  }

  private renderIncluded(context: Context, data: Overview): TemplateResult {
    const { t, format, words } = context;
    return html`<section class="card">
      <div class="card-head"><h2 class="card-title">${t("overview.included")}</h2></div>
      <ul class="items">${data.included.map((each) => html`<li>
        <span class="item-name">${each.label}</span>
        <span class="track" aria-hidden="true"><span class="bar ${isZero(each.left) ? "is-spent" : ""}" ${place({ width: `${(part(each.used, each.included) * 100).toFixed(2)}%` })}></span></span>
        <span class="right">${t("overview.left", { left: format.decimal(each.left), included: words.quantity(each.included, each.unit) })}</span>
      </li>`)}</ul>
    </section>`;
  }

  private explain(explained: Omit<Explained, "fresh">): void {
    this.explained = { ...explained, fresh: this.overview.data };
  }

  private openInvoice(line: string): void {
    const period = this.period;
    const name = period?.invoice ?? "draft";
    const billingPeriod = period?.invoice === null ? period.billingPeriod : null;
    this.navigate(`/invoices/${name}`, this.state.after({ line: line || null, ...(billingPeriod === null ? {} : { billingPeriod }) }));
  }
}

define("meterline-overview", MeterlineOverview);
