/** `<meterline-bucket>`: what is behind one bucket of usage: its largest values, property by property, and its events. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import type { Problem } from "../client.ts";
import type { Context } from "../context.ts";
import { Pages } from "../pages.ts";
import { eventTable } from "../parts/events.ts";
import { problemState, refusal, skeleton } from "../parts/states.ts";
import { Resource } from "../resource.ts";
import type { Changes } from "../state.ts";
import line from "../styles/line.css";
import type { BucketDetail, Events, TopValues } from "../types.ts";

const EVENTS_A_PAGE = "25";

export class MeterlineBucket extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(line);
  static override properties: PropertyDeclarations = {
    context: { attribute: false },
    query: { attribute: false },
    notice: { state: true },
  };

  declare context: Context | null;
  /** The choices of the picture, as `usage` is asked for them, and `bucket`. */
  declare query: Changes | null;
  /** Why the last action of the reader was refused. */
  declare notice: string;
  private readonly onProblem = (problem: Problem): void => this.report(problem);
  private readonly onRefused = (problem: Problem): void => {
    if (this.context !== null) this.notice = refusal(this.context.t, problem);
    this.report(problem);
  };
  private readonly detail = new Resource<BucketDetail>(
    this,
    () => (this.query === null ? null : { path: "usage/bucket", query: this.query }),
    { isKept: false, onProblem: this.onProblem },
  );
  private readonly events = new Pages<Events>(
    this,
    () => (this.query === null ? null : { path: "usage/events", query: { ...this.query, limit: EVENTS_A_PAGE } }),
    { isKept: false, onProblem: this.onRefused },
  );

  constructor() {
    super();
    this.context = null;
    this.query = null;
    this.notice = "";
  }

  protected override render(): TemplateResult | typeof nothing {
    const { context, detail } = this;
    if (context === null || this.query === null) return nothing;
    const body = detail.data !== null ? this.renderDetail(context, detail.data)
      : detail.problem !== null ? problemState(context.t, detail.problem, context, () => detail.refresh())
      : skeleton(context.t, [24, 24, 24, 120]);
    return html`<div class="reset explanation">${body}</div>`;
  }

  private renderDetail(context: Context, detail: BucketDetail): TemplateResult {
    return html`
      ${detail.properties.filter(({ values }) => values.length > 1).map((top) => renderTop(context, top, detail.unit))}
      ${this.renderEvents(context, detail)}
      ${this.notice === "" ? nothing : html`<p class="note" role="status">${this.notice}</p>`}`;
  }

  private renderEvents(context: Context, detail: BucketDetail): TemplateResult {
    const { t, format } = context;
    const { first, all } = this.events;
    const events = all.flatMap((page) => page.events);
    const total = String(all[0]?.total ?? detail.eventCount);
    const shown = first.data === null ? "" : t("explain.eventsOf", { shown: format.decimal(String(events.length)), total: format.decimal(total) });
    return html`<section>
      <div class="section-head"><h3 class="section-title">${t("explain.events")}</h3><span class="small" data-events=${total}>${shown}</span></div>
      ${first.problem !== null && first.data === null ? problemState(t, first.problem, context, () => first.refresh()) : eventTable(context, events, detail.unit)}
      ${this.events.next === null ? nothing : html`<p class="more"><button class="button" type="button" ?disabled=${this.events.isLoading}
        @click=${() => this.events.more()}>${t("explain.eventsMore")}</button></p>`}
    </section>`;
  }
}

function renderTop(context: Context, top: TopValues, unit: string): TemplateResult {
  const { t, format, words } = context;
  const left = top.count - top.values.length;
  return html`<section data-property=${top.property}>
    <h3 class="section-title">${t("explore.groupBy", { property: words.property(top.property) })}</h3>
    <dl class="rows">${top.values.map(({ key, label, quantity, share }) => html`<div data-key=${key}><dt>${label}</dt>
      <dd data-value=${quantity}>${words.quantity(quantity, unit)}${share === null ? nothing : html` <span class="small">${format.percent(share)}</span>`}</dd></div>`)}</dl>
    ${left === 0 ? nothing : html`<p class="small">${t("bucket.more", { count: left })}</p>`}
  </section>`;
}

define("meterline-bucket", MeterlineBucket);
