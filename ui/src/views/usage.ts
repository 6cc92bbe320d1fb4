/** `<meterline-usage>`: how much of a meter was used, over time and by its properties. */

import { html, nothing, type TemplateResult } from "lit";
import { define } from "../base.ts";
import type { Context } from "../context.ts";
import type { Changes } from "../state.ts";
import { script } from "../script.ts";
import { Resource, type Wanted } from "../resource.ts";
import type { HeatMap, Meter, Series, Usage, UsageFigures } from "../types.ts";
import type { Explained } from "../parts/explained.ts";
import { choose } from "./choices.ts";
import { MeterlineExplorer, type Behind } from "./explorer.ts";
import type { HeatCell, renderFigures } from "./usage_figures.ts";

export class MeterlineUsage extends MeterlineExplorer<Usage> {
  protected readonly view = "usage";
  protected readonly path = "usage";
  private readonly figures = new Resource<UsageFigures>(this, () => this.besides("figures"));
  private readonly heat = new Resource<HeatMap>(this, () => (this.choices().windows.includes("hour") ? this.besides("heat") : null));

  private below: typeof renderFigures = () => html``;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  protected ownQuery(): Changes | null {
    const meter = this.chosenMeter;
    return meter === undefined ? null : { meter: meter.name };
  }

  protected groups(context: Context): (readonly [string, string])[] {
    const { t, words } = context;
    const [declared, chosen] = [this.properties(), this.choice("groupBy")];
    const properties = this.hasAnyProperty && chosen !== "" && !declared.includes(chosen) ? [...declared, chosen] : declared;
    return [
      ["", t("explore.groupNone")],
      ...properties.map((name) => [name, t("explore.groupBy", { property: words.property(name) })] as const),
    ];
  }

  protected override unit({ words }: Context, data: Usage): string {
    return words.unit(data.unit, "2");
  }

  protected print({ words }: Context, data: Usage, value: string): string {
    return words.quantity(value, data.unit);
  }

  protected tick({ format }: Context, _data: Usage, value: number): string {
    return format.tick(value);
  }

  protected renderOwnChoices(context: Context): TemplateResult | typeof nothing {
    const meters = this.meters.data ?? [];
    if (meters.length < 2) return nothing;
    const options = meters.map(({ name, label }) => [name, label] as const);
    // A group or filter of one meter means nothing to another, unless that has the property too.
    const change = (name: string): void => this.change({ meter: name, ...this.unfit(meters.find((meter) => meter.name === name)) });
    return choose(context.t("explore.meter"), options, this.chosenMeter?.name ?? "", change);
  }

  protected renderExtra(context: Context, data: Usage): TemplateResult {
    return this.below(html, context, data, this.figures.data, this.heat.data, (cell) => this.change({ bucket: hourKey(cell) }));
  }

  protected only(data: Usage, series: Series): Changes | null {
    if (data.groupBy === null || series.isOther || series.key === "") return null;
    const filter = `${data.groupBy}:${series.key}`;
    const filters = this.state.all("filter");
    return filters.includes(filter) ? null : { filter: [...filters, filter] };
  }

  protected properties(): string[] {
    return this.chosenMeter?.groupBy ?? [];
  }

  protected override get hasAnyProperty(): boolean {
    return this.chosenMeter?.anyProperty ?? false;
  }

  /** The hour of the week whose cell was opened: "w1-09" is Monday at nine. */
  protected override openedBesides(context: Context): Explained | null {
    const [data, heat, query] = [this.explored.data, this.heat.data, this.query()];
    const cell = heat?.cells.find((each) => hourKey(each) === this.state.get("bucket"));
    if (data === null || cell === undefined || query === null) return null;
    const { t, format } = context;
    const asked = { ...query, groupBy: null, compare: null, weekday: String(cell.weekday), hour: String(cell.hour) };
    return {
      title: hourName(context, cell), text: this.print(context, data, cell.quantity), fresh: heat, rows: [],
      sentence: t("explore.explainHour", { period: format.period(data.period.start, data.period.end) }),
      more: html`<meterline-bucket .context=${context} .query=${asked}></meterline-bucket>`,
    };
  }

  protected behind(_context: Context, data: Usage, series: Series | undefined): Behind {
    const filter = this.state.all("filter");
    const isOne = data.groupBy !== null && series !== undefined && !series.isOther;
    return { meter: data.meter, filter: isOne ? [...filter, `${data.groupBy}:${series.key}`] : filter };
  }

  /** What is below the picture is no reason for the picture to wait, or to fail. */
  private async load(): Promise<void> {
    try {
      this.below = (await script<{ renderFigures: typeof renderFigures }>("usage_figures")).renderFigures;
      this.requestUpdate();
    } catch {
      // The picture says enough.
    }
  }

  /** What is asked for once the picture is there. */
  private besides(name: string): Wanted | null {
    const query = this.explored.data === null ? null : this.query();
    return query === null ? null : { path: `usage/${name}`, query: { ...query, groupBy: null, compare: null } };
  }

  private get chosenMeter(): Meter | undefined {
    const meters = this.meters.data ?? [];
    return meters.find(({ name }) => name === this.choice("meter")) ?? meters[0];
  }

  private unfit(meter: Meter | undefined): Changes {
    const has = (property: string): boolean => meter?.anyProperty || (meter?.groupBy.includes(property) ?? false);
    const filter = this.state.all("filter").filter((each) => has(each.slice(0, each.indexOf(":"))));
    return { filter, ...(has(this.choice("groupBy")) ? {} : { groupBy: null }) };
  }
}

function hourKey({ weekday, hour }: HeatCell): string {
  return `w${weekday}-${String(hour).padStart(2, "0")}`;
}

function hourName({ format }: Context, { weekday, hour }: HeatCell): string {
  return `${format.weekdays()[weekday - 1] ?? ""} ${String(hour).padStart(2, "0")}:00`;
}

define("meterline-usage", MeterlineUsage);
