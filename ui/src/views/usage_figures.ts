/** Below the picture of usage: its largest bucket, the 95th percentile over buckets, and the hours of the week. */

import { html, nothing, type TemplateResult } from "lit";
import type { ChartModel } from "../charts/model.ts";
import type { Context } from "../context.ts";
import type { HeatMap, Usage, UsageFigures } from "../types.ts";

export function renderFigures(context: Context, { unit, window }: Usage, figures: UsageFigures | null, heat: HeatMap | null): TemplateResult | typeof nothing {
  const { t, format, words } = context;
  const largest = figures?.largest ?? null;
  if (figures === null || largest === null) return nothing;
  const print = (value: string): string => words.quantity(value, unit);
  const { bucket, quantity } = largest;
  return html`<dl class="card kpis">
      <div class="kpi"><dt>${t("explore.peak")}</dt><dd class="big" data-peak=${quantity}>${print(quantity)}</dd>
        <dd class="small">${format.bucketInFull(bucket.start, bucket.end, window)}</dd></div>
      <div class="kpi"><dt>${t("explore.p95")}</dt><dd class="big">${print(figures.percentile ?? "0")}</dd></div>
    </dl>
    ${heat === null ? nothing : html`<section class="card"><h2 class="card-title">${t("explore.week")}</h2>
      <meterline-chart kind="heat" .model=${weekModel(context, heat, print)}></meterline-chart></section>`}`;
}

function weekModel({ t, format }: Context, { cells }: HeatMap, print: (value: string) => string): ChartModel {
  const rows = format.weekdays();
  return {
    name: t("explore.week"), keysHint: t("explore.chartKeys"), totalText: t("explore.total"), previousText: "",
    buckets: cells.map(({ weekday, hour }) => {
      const [row, column] = [rows[weekday - 1] ?? "", String(hour).padStart(2, "0")];
      return { key: row + column, label: column, full: `${row} ${column}:00`, row, column };
    }),
    rows, series: [], totals: cells.map(({ quantity }) => quantity), previous: null, print, tick: format.tick,
  };
}
