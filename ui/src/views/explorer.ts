/** What the usage explorer and the cost explorer share: choices, key figures, chart, table, and what explains a figure. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { MeterlineElement } from "../base.ts";
import { BUCKETS_COMPARED_MAX } from "../charts/limits.ts";
import { CHART_KINDS, lookOf, type ChartKind, type ChartModel } from "../charts/model.ts";
import type { Opened } from "../charts/chart.ts";
import type { Context } from "../context.ts";
import type { Window } from "../format.ts";
import { changeOf } from "../parts/change.ts";
import { explainedDrawer, type Explained } from "../parts/explained.ts";
import { figure } from "../parts/figure.ts";
import { heading, periodName, periodSwitch } from "../parts/heading.ts";
import { icon, swatch } from "../parts/icons.ts";
import { emptyState } from "../parts/states.ts";
import { Resource, type Wanted } from "../resource.ts";
import type { Changes } from "../state.ts";
import explorer from "../styles/explorer.css";
import type { Explored, Meter, Period, Series, Span } from "../types.ts";
import { MeterlineView } from "../view.ts";
import "./bucket.ts";
import { renderActions, renderChoices, renderFilters, type Choices } from "./choices.ts";
import { SPANS } from "./spans.ts";
import { bucketTable, seriesTable } from "./explorer_tables.ts";

/** Stands in the address for the series without a key. */
const UNNAMED = "~";
const WINDOWS: readonly Window[] = ["hour", "day", "week", "month"];

export interface Behind {
  meter: string;
  filter: string[];
  /** Where one of several meters must be chosen. */
  choice?: TemplateResult;
}

export abstract class MeterlineExplorer<T extends Explored> extends MeterlineView {
  static override styles = MeterlineElement.stylesWith(explorer);
  static override properties: PropertyDeclarations = {
    explained: { state: true },
    isSheetOpen: { state: true },
  };

  declare explained: Explained | null;
  declare isSheetOpen: boolean;
  protected readonly meters = new Resource<Meter[]>(this, () => (this.isOpen ? { path: "meters" } : null), { onProblem: this.onProblem });
  protected readonly explored = new Resource<T>(this, () => this.wanted(), { onProblem: this.onProblem });

  constructor() {
    super();
    this.explained = null;
    this.isSheetOpen = false;
  }

  /** The name of the resource of the portal: "usage" or "cost". */
  protected abstract readonly path: string;
  /** The choices of this explorer alone, or null where it can't ask yet. */
  protected abstract ownQuery(): Changes | null;
  /** By what can be grouped, as value and text. */
  protected abstract groups(context: Context): (readonly [value: string, text: string])[];
  /** A value as its reader sees it, with its unit or currency. */
  protected abstract print(context: Context, data: T, value: string): string;

  /** The unit of all values, as tables head it; empty where each value has its own. */
  protected unit(_context: Context, _data: T): string {
    return "";
  }
  protected abstract tick(context: Context, data: T, value: number): string;
  protected abstract renderOwnChoices(context: Context): TemplateResult | typeof nothing;
  protected abstract renderExtra(context: Context, data: T): TemplateResult | typeof nothing;
  /** The change of choices that leaves only one series, or null where that can't be. */
  protected abstract only(data: T, series: Series): Changes | null;
  protected abstract properties(): string[];
  /** Whether any other property can be asked by as well. */
  protected get hasAnyProperty(): boolean {
    return false;
  }

  /** The meter and the filters of the events behind a bucket, or behind one series in it; null where there are none. */
  protected abstract behind(context: Context, data: T, series: Series | undefined): Behind | null;

  protected renderPage(context: Context): TemplateResult {
    const { t } = context;
    const period = this.period;
    if (period === undefined) return emptyState(t("explore.empty"), t("explore.emptyText"));
    const choices = this.choices();
    return html`
      ${heading({
        title: t(`view.${this.view}`),
        freshness: this.renderFreshness(this.explored, this.chosenPeriods(context, choices.span).every(({ state }) => state === "final")),
        period: periodSwitch(context, period, (billingPeriod) => this.change({ billingPeriod })),
      })}
      <div class="bar controls">
        <div class="choices">${this.renderChoices(context, choices)}</div>
        <button class="button sheet-opener" type="button" @click=${() => (this.isSheetOpen = true)}>
          ${icon("sliders")}${t("explore.choices")}</button>
        <span class="break"></span>
        ${this.renderFilters(context)}
        <span class="spacer"></span>
        <span class="note" role="status">${this.notice}</span>
        ${renderActions(context, this.actions())}
      </div>
      ${this.renderResource(context, this.explored, [20, 36, 220, 24, 24, 24], (data) => this.renderExplored(context, data, choices))}
      ${this.renderExplained(context)}
      <meterline-drawer heading=${t("explore.choices")} close-text=${t("explore.close")} .isOpen=${this.isSheetOpen}
        @drawer-close=${() => (this.isSheetOpen = false)}>
        ${this.isSheetOpen ? html`<div class="reset sheet">${this.renderChoices(context, choices)}
          ${this.renderFilters(context)}</div>` : nothing}
      </meterline-drawer>`;
  }

  /** Another picture has other buckets: the one that is open closes. */
  protected override change(changes: Changes): void {
    super.change({ bucket: null, series: null, behind: null, ...changes });
  }

  /** What is shown, with what it is where nothing was chosen. */
  protected choices(): Choices {
    const floor = WINDOWS.indexOf(this.context?.session.windowMin ?? "hour");
    const span = SPANS.find((each) => each === this.choice("span")) ?? "1";
    const windows = WINDOWS.filter((window, index) => index >= floor && !(window === "hour" && span !== "1"));
    const wished = this.choice("window");
    const usual = span === "1" ? "day" : span === "3" ? "week" : "month";
    return {
      windows, span,
      window: windows.find((window) => window === wished) ?? windows.find((window) => window === usual) ?? "month",
      chart: CHART_KINDS.find((kind) => kind === this.choice("chart")) ?? (this.choice("chart") === "table" ? "table" : "bars"),
      groupBy: this.choice("groupBy") || this.usualGroup,
      isCompared: this.choice("compare") !== "none",
    };
  }

  protected get usualGroup(): string {
    return "";
  }

  /** The choices as the portal is asked for them; the same for the picture, its CSV and its command line. */
  protected query(): Changes | null {
    const own = this.ownQuery();
    const period = this.period;
    if (!this.isOpen || own === null || period === undefined) return null;
    const { window, span, groupBy, isCompared } = this.choices();
    return {
      ...own, ...this.range(span), window,
      groupBy: groupBy || null,
      filter: this.state.all("filter"),
      compare: isCompared ? "previous" : null,
    };
  }

  protected explain(explained: Omit<Explained, "fresh">): void {
    this.explained = { ...explained, fresh: this.explored.data };
  }

  private wanted(): Wanted | null {
    const query = this.query();
    return query === null ? null : { path: this.path, query };
  }

  /** The chosen period, or the chosen number of periods up to its end. */
  private range(span: string): Changes {
    const { context, period } = this;
    if (context === null || period === undefined) return {};
    const first = this.chosenPeriods(context, span).at(-1);
    return span === "1" || first === undefined
      ? { billingPeriod: period.billingPeriod }
      : { from: context.format.localDate(first.start), until: context.format.localDate(period.end) };
  }

  /** The newest first. */
  private chosenPeriods({ periods }: Context, span: string): readonly Period[] {
    const index = this.period === undefined ? -1 : periods.indexOf(this.period);
    return index < 0 ? [] : periods.slice(index, index + Number(span));
  }

  private renderChoices(context: Context, choices: Choices): TemplateResult {
    return renderChoices(context, choices, this.groups(context), this.renderOwnChoices(context), (changes) => this.change(changes));
  }

  private renderFilters(context: Context): TemplateResult | typeof nothing {
    return renderFilters(context, this.state.all("filter"), this.properties(), this.hasAnyProperty, (changes) => this.change(changes));
  }

  private actions(): Parameters<typeof renderActions>[1] {
    return {
      path: this.path,
      query: this.query(),
      page: `/${this.path}?${this.state.toString()}`,
      say: (text) => (this.notice = text),
      onProblem: this.onRefused,
      show: (query) => this.change(replacing(this.state.toString(), query)),
    };
  }

  private renderExplored(context: Context, answer: T, choices: Choices): TemplateResult {
    const { t } = context;
    const data = this.named(context, answer);
    const hasFilters = this.state.all("filter").length > 0;
    if (data.buckets.length === 0 || (!data.eventCount && data.totals.every((total) => total === null))) {
      const clear = html`<button class="button controls" type="button" @click=${() => this.change({ filter: null, item: null })}>${t("explore.clear")}</button>`;
      return emptyState(t("explore.empty"), t(hasFilters ? "explore.emptyFiltered" : "explore.emptyText"), hasFilters ? clear : nothing);
    }
    const model = this.model(context, data);
    const open = (event: CustomEvent<Opened>): void => this.openBucket(context, data, event.detail);
    return html`
      ${this.renderKpis(context, data)}
      <section class="card">
        <div class="card-head"><h2 class="card-title">${model.name}</h2>
          <span class="hint">${t("period.days", { zone: context.words.zone(data.timeZone) })}</span><span class="spacer"></span>
          ${choices.chart === "bars" || choices.chart === "line" ? this.renderLegend(context, data) : nothing}</div>
        ${choices.chart === "table"
          ? bucketTable(context, data, model, this.unit(context, data), (index, series) => this.openBucket(context, data, { index, series }))
          : html`<meterline-chart kind=${choices.chart satisfies ChartKind} .model=${model} @bucket-open=${open}></meterline-chart>`}
      </section>
      ${this.renderExtra(context, data)}
      ${seriesTable(context, data, {
        print: (value) => this.print(context, data, value),
        unit: this.unit(context, data),
        heading: data.groupBy === null ? data.label : this.groupText(context, data.groupBy),
        valueHeading: t(this.view === "cost" ? "explore.amount" : "explore.quantity"),
        isWhole: this.view === "cost" && this.state.all("item").length === 0,
        only: (series) => this.only(data, series),
        change: (changes) => this.change(changes),
        explain: (series) => this.explainSeries(context, data, series),
        explainTotal: () => this.explainTotal(context, data),
        openLine: (href) => this.openPath(href),
      })}`;
  }

  /** What stands for no name of the seller is said in the words of the reader. */
  private named(context: Context, data: T): T {
    const { t } = context;
    const isCost = this.view === "cost";
    const label = isCost ? t("view.cost") : data.label;
    const series = data.series.map((each) => {
      if (each.isOther) return { ...each, label: t("explore.other") };
      if (!isCost || each.key !== "" || each.label === "–") return each;
      return { ...each, label: data.groupBy === null ? label : t("explore.notBy", { property: this.groupText(context, data.groupBy) }) };
    });
    return { ...data, label, series };
  }

  private groupText(context: Context, groupBy: string): string {
    return groupBy === "item" ? context.t("invoice.item") : context.words.property(groupBy);
  }

  private model(context: Context, data: T): ChartModel {
    const { t, format } = context;
    const { window } = data;
    return {
      name: t(`by.${window}`, { what: data.label }), keysHint: t("explore.chartKeys"),
      totalText: t("explore.total"), previousText: t("explore.previous"),
      buckets: data.buckets.map(({ start, end }) => ({
        key: format.bucketKey(start, window), label: axisLabel(context, start, window, data.buckets.length),
        full: bucketName(context, { start, end }, window), ...heatPlace(context, start, window),
      })),
      rows: window === "day" ? format.weekdays() : [],
      series: data.series.map((series, index) => ({
        key: series.key, label: series.label, look: lookOf(index, series.isOther), values: series.values,
      })),
      totals: data.totals,
      previous: data.compare === null ? null : data.buckets.map((_, index) => previousAt(data, index)?.value ?? null),
      print: (value) => this.print(context, data, value),
      tick: (value) => this.tick(context, data, value),
    };
  }

  private renderKpis(context: Context, data: T): TemplateResult {
    const { t, format } = context;
    const { compare } = data;
    const isOpen = this.period?.state === "open";
    const before = compare?.samePoint ?? null;
    const first = data.series.find(({ isOther }) => !isOther);
    const title = t(isOpen ? "explore.soFar" : "explore.inAll", { what: data.label });
    return html`<dl class="card kpis">
      <div class="kpi"><dt>${title}</dt>
        <dd class="big" data-figure="total">${figure(this.print(context, data, data.total), data.total, title, () => this.explainTotal(context, data))}</dd>
        <dd class="small">${format.period(data.period.start, data.period.end)}</dd></div>
      ${compare === null ? nothing : html`<div class="kpi"><dt>${t(before === null ? "explore.changeWhole" : "explore.change")}</dt>
        <dd class="big">${compare.change === null ? "–" : changeOf(context, compare.change)}</dd>
        <dd class="small">${before === null
          ? t("explore.was", { total: this.print(context, data, compare.total) })
          : t("explore.wasDays", { total: this.print(context, data, before.total), days: before.days })}</dd></div>`}
      ${data.eventCount === null ? nothing : this.renderEvents(context, data, String(data.eventCount))}
      ${data.series.length < 2 || first === undefined ? nothing : html`<div class="kpi"><dt>${t("explore.largest", { name: first.label })}</dt>
        <dd class="big">${figure(this.print(context, data, first.total), first.total, first.label, () => this.explainSeries(context, data, first))}</dd>
        <dd class="small">${first.share === null ? "" : t("explore.shareOf", { share: format.percent(first.share) })}</dd></div>`}
    </dl>`;
  }

  private renderEvents(context: Context, data: T, count: string): TemplateResult {
    const { t, format } = context;
    const shown = figure(format.decimal(count), count, t("explore.events"), () => this.explainEvents(context, data, count));
    return html`<div class="kpi"><dt>${t("explore.events")}</dt>
      <dd class="big">${shown}</dd><dd class="small">${t("explore.eventsHint")}</dd></div>`;
  }

  private renderLegend(context: Context, data: T): TemplateResult {
    return html`<ul class="legend">
      ${data.series.length < 2 ? nothing : data.series.map((series, index) => html`<li>${swatch(lookOf(index, series.isOther))}${series.label}</li>`)}
      ${data.compare === null || data.buckets.length > BUCKETS_COMPARED_MAX ? nothing : html`<li><span class="dash"></span>${context.t("explore.previous")}</li>`}
    </ul>`;
  }

  private explainTotal(context: Context, data: T): void {
    const { t, format } = context;
    this.explain({
      title: data.label, text: this.print(context, data, data.total),
      sentence: t("explore.explainTotal", { period: format.period(data.period.start, data.period.end), zone: context.words.zone(data.timeZone) }),
      rows: [
        ...data.series.map((series) => [series.label, this.print(context, data, series.total)] as const),
        ...(data.eventCount === null ? [] : [[t("explore.events"), format.decimal(String(data.eventCount))] as const]),
      ],
      action: this.lineAction(context, data),
    });
  }

  private explainEvents(context: Context, data: T, count: string): void {
    const { t, format } = context;
    this.explain({
      title: t("explore.events"), text: format.decimal(count),
      sentence: t("explore.explainEvents", { period: format.period(data.period.start, data.period.end) }), rows: [],
      action: this.lineAction(context, data),
    });
  }

  private explainSeries(context: Context, data: T, series: Series): void {
    const period = periodName(context.format, data.period);
    this.explain({
      title: series.label, text: this.print(context, data, series.total),
      sentence: context.t("explore.explainSeries", { series: series.label, period }),
      rows: series.share === null ? [] : [[context.t("explore.share"), context.format.percent(series.share)]],
      action: this.lineAction(context, data),
    });
  }

  /** What is chosen is in the address: so is the bucket that is open, and the series in it. */
  private openBucket({ format }: Context, data: T, { index, series }: Opened): void {
    const bucket = data.buckets[index];
    if (bucket !== undefined) this.change({ bucket: format.bucketKey(bucket.start, data.window), series: series === "" ? UNNAMED : series });
  }

  private renderExplained(context: Context): TemplateResult {
    const close = (): void => {
      this.explained = null;
      this.change({ bucket: null, series: null });
    };
    return explainedDrawer(context, this.explained ?? this.openedBucket(context) ?? this.openedBesides(context), close);
  }

  /** What else of the page can be open. */
  protected openedBesides(_context: Context): Explained | null {
    return null;
  }

  private openedBucket(context: Context): Explained | null {
    const data = this.explored.data === null ? null : this.named(context, this.explored.data);
    const key = this.state.get("bucket");
    const index = data === null || key === "" ? -1 : data.buckets.findIndex(({ start }) => context.format.bucketKey(start, data.window) === key);
    const bucket = data?.buckets[index];
    if (data === null || bucket === undefined) return null;
    const opened = this.state.get("series");
    const series = data.series.length < 2 ? undefined : data.series.find(({ key: own }) => (own || UNNAMED) === opened);
    const value = (series === undefined ? data.totals[index] : series.values[index]) ?? "0";
    const name = bucketName(context, bucket, data.window);
    return {
      title: series === undefined ? name : `${series.label} · ${name}`,
      text: this.print(context, data, value),
      sentence: this.bucketSentence(context, bucket),
      rows: this.bucketRows(context, data, index),
      more: this.renderBehind(context, data, bucket, series),
      action: this.lineAction(context, data),
      fresh: data,
    };
  }

  /** The events behind a bucket, for whoever may see usage. */
  private renderBehind(context: Context, data: T, bucket: Span, series: Series | undefined): TemplateResult | undefined {
    const behind = context.session.views.includes("usage") ? this.behind(context, data, series) : null;
    const query = this.query();
    if (behind === null || query === null) return undefined;
    const asked = { ...query, item: null, groupBy: null, compare: null, meter: behind.meter, filter: behind.filter, bucket: bucket.start };
    return html`${behind.choice ?? nothing}<meterline-bucket .context=${context} .query=${asked}></meterline-bucket>`;
  }

  private bucketSentence(context: Context, { start, end }: Span): string {
    const { t, format } = context;
    return t(this.view === "cost" ? "explore.explainCost" : "explore.explainBucket", { start: format.moment(start), end: format.moment(end) });
  }

  private bucketRows(context: Context, data: T, index: number): Explained["rows"] {
    const rows = data.series.flatMap((series) => {
      const value = series.values[index] ?? null;
      return value === null ? [] : [[series.label, this.print(context, data, value)] as const];
    });
    const previous = previousAt(data, index);
    if (previous === null) return rows;
    const name = bucketName(context, previous.bucket, data.window);
    return [...rows, [context.t("explore.previousOf", { bucket: name }), this.print(context, data, previous.value)]];
  }

  private lineAction(context: Context, data: T): Explained["action"] {
    const href = data.line?.href;
    return href === undefined ? undefined : { text: context.t("explore.openLine"), run: () => this.openPath(href) };
  }

  private openPath(href: string): void {
    const [path = "", query = ""] = href.split("?", 2);
    this.navigate(path, query);
  }
}

/** What a bucket is compared with, and what that came to; null where there is none. */
function previousAt({ compare }: Explored, index: number): { bucket: Span; value: string } | null {
  const place = compare?.aligned[index] ?? null;
  if (compare === null || place === null) return null;
  const [bucket, value] = [compare.buckets[place], compare.totals[place] ?? null];
  return bucket === undefined || value === null ? null : { bucket, value };
}

/** A bucket in full; a billing period that is no month of the calendar by its days. */
function bucketName({ format }: Context, bucket: Span, window: Window): string {
  return window === "month" ? periodName(format, bucket) : format.bucketInFull(bucket.start, bucket.end, window);
}

/** Changes that replace one query string by another. */
export function replacing(old: string, next: string): Changes {
  const params = new URLSearchParams(next);
  const changes: Record<string, string[] | null> = {};
  for (const name of new URLSearchParams(old).keys()) changes[name] = null;
  for (const name of params.keys()) changes[name] = params.getAll(name);
  return changes;
}

/** Of many hours only the midnights are named, by their day. */
function axisLabel({ format }: Context, start: string, window: Window, count: number): string {
  if (window !== "hour" || count <= 48) return format.bucket(start, window);
  return format.hour(start) === "00" ? format.day(start) : "";
}

/** The row and column of a heat map: hours by days, or weekdays by weeks. */
function heatPlace(context: Context, start: string, window: Window): { row: string; column: string } {
  const { format } = context;
  if (window === "hour") return { row: format.day(start), column: format.hour(start) };
  if (window === "day") return format.weekPlace(start);
  return { row: "", column: format.bucket(start, window) };
}
