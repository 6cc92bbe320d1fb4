/**
 * Below the picture of usage: its largest bucket, the 95th percentile over buckets, and the hours of the week.
 *
 * A script of its own, loaded once the picture is there; so it brings no Lit, and is given that of the kit.
 */

import type { html as Html, TemplateResult } from "lit";
import type { Opened } from "../charts/chart.ts";
import type { ChartModel } from "../charts/model.ts";
import type { Context } from "../context.ts";
import type { HeatMap, Usage, UsageFigures } from "../types.ts";

export type HeatCell = HeatMap["cells"][number];

export function renderFigures(
  html: typeof Html, context: Context, { unit, window, billedTotal, eventsRead }: Usage, figures: UsageFigures | null, heat: HeatMap | null,
  open: (cell: HeatCell) => void,
): TemplateResult {
  const { t, format, words } = context;
  const largest = figures?.largest ?? null;
  if (figures === null || largest === null) return html``;
  const print = (value: string): string => words.quantity(value, unit);
  const { bucket, quantity } = largest;
  const onOpen = ({ detail: { index } }: CustomEvent<Opened>): void => {
    const cell = heat?.cells[index];
    if (cell !== undefined) open(cell);
  };
  return html`<section class="card kpis">
      <dl class="kpi"><dt>${t("explore.peak")}</dt><dd class="big" data-peak=${quantity}>${print(quantity)}</dd>
        <dd class="small">${format.bucketInFull(bucket.start, bucket.end, window)}</dd></dl>
      <dl class="kpi"><dt>${t("explore.p95")}</dt><dd class="big">${print(figures.percentile ?? "0")}</dd></dl>
      ${billedTotal === null ? "" : html`<dl class="kpi"><dt>${t("explore.billedTitle")}</dt><dd class="big" data-billed=${billedTotal}>${print(billedTotal)}</dd></dl>`}
    </section>
    ${eventsRead === 0 ? "" : html`<p class="note" data-read=${eventsRead}>${t("explore.eventsRead", { count: format.decimal(String(eventsRead)) })}</p>`}
    ${heat === null ? "" : html`<section class="card"><h2 class="card-title">${t("explore.week")}</h2>
      <meterline-chart kind="heat" .model=${weekModel(context, heat, print)} @bucket-open=${onOpen}></meterline-chart></section>`}`;
}

function weekModel({ t, format }: Context, { cells }: HeatMap, print: (value: string) => string): ChartModel {
  const rows = format.weekdays();
  return {
    name: t("explore.week"), keysHint: t("explore.chartKeys"), totalText: t("explore.total"), previousText: "",
    buckets: cells.map(({ weekday, hour }) => {
      const [row, column] = [rows[weekday - 1] ?? "", String(hour).padStart(2, "0")];
      return { key: `w${weekday}-${column}`, label: column, full: `${row} ${column}:00`, row, column };
    }),
    rows, series: [], totals: cells.map(({ quantity }) => quantity), previous: null, print, tick: format.tick,
  };
}
