/** `<meterline-line>`: where the amount of one line comes from: its price in words, steps, tiers, proof, days and events. */

import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import type { ChartModel } from "../charts/model.ts";
import { client, type Problem } from "../client.ts";
import type { Context } from "../context.ts";
import { Pages } from "../pages.ts";
import { attempted } from "../parts/attempt.ts";
import { eventTable } from "../parts/events.ts";
import { priceInWords, stepsInWords } from "../parts/prices.ts";
import { problemState, refusal, skeleton } from "../parts/states.ts";
import { proofBadge } from "../parts/proof.ts";
import { stair } from "../parts/stair.ts";
import { Resource } from "../resource.ts";
import type { Changes } from "../state.ts";
import invoice from "../styles/invoice.css";
import line from "../styles/line.css";
import type { Events, Explanation, InvoiceLine, Verification } from "../types.ts";

const EVENTS_A_PAGE = "10";

export class MeterlineLine extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(invoice, line);
  static override properties: PropertyDeclarations = {
    context: { attribute: false },
    invoice: { attribute: false },
    query: { attribute: false },
    line: { attribute: false },
    currency: { attribute: false },
    verification: { state: true },
    isVerifying: { state: true },
    notice: { state: true },
  };

  declare context: Context | null;
  /** Path of the invoice, for example "invoices/INV-000017". */
  declare invoice: string;
  declare query: Changes;
  declare line: InvoiceLine | null;
  declare currency: string;
  declare verification: Verification | null;
  declare isVerifying: boolean;
  /** Why the last action of the reader was refused. */
  declare notice: string;
  private readonly onProblem = (problem: Problem): void => this.report(problem);
  private readonly onRefused = (problem: Problem): void => {
    if (this.context !== null) this.notice = refusal(this.context.t, problem);
    this.report(problem);
  };
  private readonly explanation = new Resource<Explanation>(
    this,
    () => (this.line === null ? null : { path: `${this.path}/explain`, query: this.query }),
    { isKept: false, onProblem: this.onProblem },
  );
  private readonly events = new Pages<Events>(
    this,
    () => (this.line === null || this.line.meter === "" ? null : { path: `${this.path}/events`, query: { ...this.query, limit: EVENTS_A_PAGE } }),
    { isKept: false, onProblem: this.onRefused },
  );

  constructor() {
    super();
    this.context = null;
    this.invoice = "";
    this.query = {};
    this.line = null;
    this.currency = "";
    this.verification = null;
    this.isVerifying = false;
    this.notice = "";
  }

  protected override willUpdate(changes: PropertyValues<this>): void {
    const before = changes.get("line");
    if (changes.has("line") && before?.id !== this.line?.id) {
      this.verification = null;
      this.notice = "";
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { context, explanation } = this;
    if (context === null || this.line === null) return nothing;
    const found = explanation.data;
    const body = found !== null ? this.renderExplanation(context, found)
      : explanation.problem !== null ? problemState(context.t, explanation.problem, context, () => explanation.refresh())
      : skeleton(context.t, [48, 24, 24, 24]);
    return html`<div class="reset explanation">${body}</div>`;
  }

  private get path(): string {
    return `${this.invoice}/lines/${encodeURIComponent(this.line?.id ?? "")}`;
  }

  private renderExplanation(context: Context, found: Explanation): TemplateResult {
    const { t, format } = context;
    const { unit, billedBefore } = found.line;
    return html`
      ${found.price === null ? nothing : html`<p class="explained-sentence">${priceInWords(context, found.price, this.currency)}</p>`}
      <section>
        <h3 class="section-title">${t("explain.steps")}</h3>
        <dl class="rows steps">
          ${stepsInWords(context, found.steps, found.tiers, found.price, unit, this.currency).map((step) => html`<div data-step=${step.name}><dt>${step.text}</dt>
            <dd data-value=${step.value}>${step.shown}</dd></div>`)}
          ${billedBefore === null ? nothing : html`<div><dt>${t("step.billedBefore")}</dt><dd data-value=${billedBefore}>−${format.money(billedBefore, this.currency)}</dd></div>`}
          <div class="result"><dt>${t("invoice.amount")}<span class="small">${t("step.rounded")}</span></dt><dd data-value=${found.line.amount}>${format.money(found.line.amount, this.currency)}</dd></div>
        </dl>
      </section>
      ${found.tiers.length < 2 ? nothing : html`<section><h3 class="section-title">${t("explain.tiers")}</h3>${stair(context, found.tiers, unit, this.currency)}</section>`}
      ${this.renderProof(context, found)}
      ${this.notice === "" ? nothing : html`<p class="note" role="status">${this.notice}</p>`}
      ${found.days.length < 2 ? nothing : html`<section><h3 class="section-title">${t("explain.days")}</h3>
        <meterline-chart kind="bars" height="120" .model=${daysModel(context, found)}></meterline-chart></section>`}
      ${found.line.meter === "" ? nothing : this.renderEvents(context, found)}
      ${found.asOf === "" ? nothing : html`<p class="small mono">${t("explain.asOf", { asOf: found.asOf })}</p>`}`;
  }

  private renderProof(context: Context, found: Explanation): TemplateResult | typeof nothing {
    const { t, format } = context;
    if (found.line.meter === "") return html`<p class="hint">${t("explain.noEvents")}</p>`;
    // A draft has nothing frozen yet that a second count could be compared with.
    if (found.evidence === null) return nothing;
    const count = String(this.verification?.counted ?? found.eventCount);
    const events = t(format.plural(count) === "one" ? "invoice.events.one" : "invoice.events.other", { count: format.decimal(count) });
    return html`<section><h3 class="section-title">${t("explain.proof")}</h3>${proofBadge({
      verification: this.verification, isChecking: this.isVerifying, t,
      ask: t("explain.check"), hint: t("explain.notChecked"), proven: t("explain.provenText", { events }), check: () => this.verify(),
    })}</section>`;
  }

  private renderEvents(context: Context, found: Explanation): TemplateResult {
    const { t, format } = context;
    const { first, all } = this.events;
    const events = all.flatMap((page) => page.events);
    const total = all[0]?.total ?? found.eventCount;
    return html`<section>
      <div class="section-head"><h3 class="section-title">${t("explain.events")}</h3>
        <span class="small">${t("explain.eventsOf", { shown: format.decimal(String(events.length)), total: format.decimal(String(total)) })}</span></div>
      ${first.problem !== null && first.data === null ? problemState(t, first.problem, context, () => first.refresh()) : html`
        ${eventTable(context, events, found.line.unit)}`}
      ${this.events.next === null ? nothing : html`<p class="more"><button class="button" type="button" ?disabled=${this.events.isLoading}
        @click=${() => this.events.more()}>${t("explain.eventsMore")}</button></p>`}
    </section>`;
  }

  private async verify(): Promise<void> {
    this.isVerifying = true;
    await attempted(async () => {
      this.verification = await client.get<Verification>(`${this.path}/verify`, this.query);
    }, this.onRefused);
    this.isVerifying = false;
  }
}

function daysModel(context: Context, found: Explanation): ChartModel {
  const { t, format, words } = context;
  return {
    name: t("explain.days"), keysHint: t("explore.chartKeys"), totalText: t("explore.total"), previousText: "",
    buckets: found.days.map(({ window: { start, end } }) => ({
      key: format.bucketKey(start, "day"), label: format.bucket(start, "day"), full: format.bucketInFull(start, end, "day"), row: "", column: "",
    })),
    rows: [],
    series: [{ key: found.line.item, label: found.line.label, look: "s1", values: found.days.map(({ quantity }) => quantity) }],
    totals: null, previous: null,
    print: (value) => words.quantity(value, found.line.unit),
    tick: (value) => format.tick(value),
  };
}

define("meterline-line", MeterlineLine);
