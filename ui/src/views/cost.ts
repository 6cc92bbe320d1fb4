/** `<meterline-cost>`: the same as usage in money; everything on it adds up to the lines of the invoice. */

import { html, nothing, type TemplateResult } from "lit";
import { define } from "../base.ts";
import { spark } from "../charts/spark.ts";
import type { Context } from "../context.ts";
import type { Changes } from "../state.ts";
import { figure } from "../parts/figure.ts";
import { icon } from "../parts/icons.ts";
import type { Cost, Series } from "../types.ts";
import { choose } from "./choices.ts";
import { MeterlineExplorer, type Behind } from "./explorer.ts";

export class MeterlineCost extends MeterlineExplorer<Cost> {
  protected readonly view = "cost";
  protected readonly path = "cost";

  protected override get usualGroup(): string {
    return "item";
  }

  protected ownQuery(): Changes {
    return { item: this.state.all("item") };
  }

  protected groups({ t, words }: Context): (readonly [string, string])[] {
    return [
      ["item", t("explore.groupItem")],
      ...this.properties().map((name) => [name, t("explore.groupBy", { property: words.property(name) })] as const),
    ];
  }

  protected print({ format }: Context, data: Cost, value: string): string {
    return format.money(value, data.currency);
  }

  protected tick({ format }: Context, data: Cost, value: number): string {
    return format.tick(value, data.currency);
  }

  protected renderOwnChoices(context: Context): TemplateResult | typeof nothing {
    const items = this.state.all("item");
    const { t, words } = context;
    return html`${items.map((item) => html`<span class="chip is-removable">${words.item(item)}<button type="button"
      aria-label=${t("explore.filterRemove", { filter: words.item(item) })}
      @click=${() => this.change({ item: items.filter((each) => each !== item) })}>${icon("close")}</button></span>`)}`;
  }

  /** What one unit cost on average, window by window: where a tier begins it falls or rises. */
  protected renderExtra(context: Context, data: Cost): TemplateResult | typeof nothing {
    const { t, format } = context;
    const prices = data.unitPrices.filter((price) => price !== null);
    const last = prices.at(-1);
    if (prices.length < 2 || last === undefined) return nothing;
    const text = format.money(last, data.currency);
    const explain = (): void => this.explain({
      title: t("explore.unitPrice"), text, sentence: t("explore.unitPriceHint"),
      rows: data.buckets.flatMap(({ start, end }, index) => {
        const price = data.unitPrices[index] ?? null;
        return price === null ? [] : [[format.bucketInFull(start, end, data.window), format.money(price, data.currency)] as const];
      }),
    });
    return html`<section class="card card-head">
      <h2 class="card-title">${t("explore.unitPrice")}</h2><span class="hint">${t("explore.unitPriceHint")}</span>
      <span class="spacer"></span>${spark(data.unitPrices, "s1")}${figure(text, last, t("explore.unitPrice"), explain)}
    </section>`;
  }

  protected only(data: Cost, series: Series): Changes | null {
    if (series.isOther || series.key === "" || data.series.length < 2) return null;
    if (data.groupBy === "item") return { item: [series.key] };
    return data.groupBy === null ? null : { filter: [...this.state.all("filter"), `${data.groupBy}:${series.key}`] };
  }

  /** Items are counted by meters of their own: of several, the reader chooses one. */
  protected behind({ t }: Context, data: Cost, series: Series | undefined): Behind | null {
    const isItem = data.groupBy === "item" && series !== undefined;
    const names = [...new Set(isItem ? [data.meters[series.key] ?? ""] : Object.values(data.meters))].filter((name) => name !== "").sort();
    const meters = (this.meters.data ?? []).filter(({ name }) => names.includes(name));
    const meter = meters.find(({ name }) => name === this.state.get("behind")) ?? meters[0];
    if (meter === undefined || (!isItem && series?.key === "")) return null;
    const isGroup = !isItem && data.groupBy !== null && series !== undefined && !series.isOther;
    const filters = [...this.state.all("filter"), ...(isGroup ? [`${data.groupBy}:${series.key}`] : [])];
    const filter = filters.filter((each) => meter.groupBy.includes(each.slice(0, each.indexOf(":"))));
    if (meters.length < 2) return { meter: meter.name, filter };
    const { bucket, series: key } = { bucket: this.state.get("bucket"), series: this.state.get("series") };
    const options = meters.map(({ name, label }) => [name, label] as const);
    const change = (behind: string): void => this.change({ behind, bucket, series: key });
    return { meter: meter.name, filter, choice: html`<label class="behind">${t("bucket.meter")} ${choose(t("bucket.meter"), options, meter.name, change)}</label>` };
  }

  protected properties(): string[] {
    return [...new Set((this.meters.data ?? []).flatMap(({ groupBy }) => groupBy))].sort();
  }
}

define("meterline-cost", MeterlineCost);
