/** `<meterline-usage>`: how much of a meter was used, over time and by its properties. */

import { nothing, type TemplateResult } from "lit";
import { define } from "../base.ts";
import type { Context } from "../context.ts";
import type { Changes } from "../state.ts";
import { Resource, type Wanted } from "../resource.ts";
import type { HeatMap, Meter, Series, Usage, UsageFigures } from "../types.ts";
import { choose } from "./choices.ts";
import { MeterlineExplorer, type Behind } from "./explorer.ts";
import { renderFigures } from "./usage_figures.ts";

export class MeterlineUsage extends MeterlineExplorer<Usage> {
  protected readonly view = "usage";
  protected readonly path = "usage";
  private readonly figures = new Resource<UsageFigures>(this, () => this.besides("figures"));
  private readonly heat = new Resource<HeatMap>(this, () => (this.choices().windows.includes("hour") ? this.besides("heat") : null));

  protected ownQuery(): Changes | null {
    const meter = this.chosenMeter;
    return meter === undefined ? null : { meter: meter.name };
  }

  protected groups(context: Context): (readonly [string, string])[] {
    const { t, words } = context;
    const properties = this.chosenMeter?.groupBy ?? [];
    return [
      ["", t("explore.groupNone")],
      ...properties.map((name) => [name, t("explore.groupBy", { property: words.property(name) })] as const),
    ];
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

  protected renderExtra(context: Context, data: Usage): TemplateResult | typeof nothing {
    return renderFigures(context, data, this.figures.data, this.heat.data);
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

  protected behind(_context: Context, data: Usage, series: Series | undefined): Behind {
    const filter = this.state.all("filter");
    const isOne = data.groupBy !== null && series !== undefined && !series.isOther;
    return { meter: data.meter, filter: isOne ? [...filter, `${data.groupBy}:${series.key}`] : filter };
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
    const has = (property: string): boolean => meter?.groupBy.includes(property) ?? false;
    const filter = this.state.all("filter").filter((each) => has(each.slice(0, each.indexOf(":"))));
    return { filter, ...(has(this.choice("groupBy")) ? {} : { groupBy: null }) };
  }
}

define("meterline-usage", MeterlineUsage);
