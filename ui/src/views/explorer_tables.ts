/** The tables below and in the place of a chart: what it shows, in figures. */

import { html, nothing, type TemplateResult } from "lit";
import { lookOf, type ChartModel } from "../charts/model.ts";
import { spark } from "../charts/spark.ts";
import type { Context } from "../context.ts";
import { figure } from "../parts/figure.ts";
import { icon, swatch } from "../parts/icons.ts";
import type { Changes } from "../state.ts";
import type { Explored, Series } from "../types.ts";

export interface SeriesTable {
  print: (value: string) => string;
  /** What the table says once, in its head: the cells are then figures alone. Empty where each has it. */
  unit: string;
  heading: string;
  valueHeading: string;
  /** Whether everything that is billed is in it, and not one line of it. */
  isWhole: boolean;
  only: (series: Series) => Changes | null;
  change: (changes: Changes) => void;
  explain: (series: Series) => void;
  explainTotal: () => void;
  openLine: (href: string) => void;
}

/** One row a series, and the total that equals the line of the invoice. */
export function seriesTable(context: Context, data: Explored, table: SeriesTable): TemplateResult {
  const { t, format } = context;
  const cellOf = (value: string): string => (table.unit === "" ? table.print(value) : format.decimal(value));
  return html`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${table.heading}>
    <table>
      <thead><tr>
        <th scope="col">${table.heading}</th><th scope="col" class="right narrow-hidden">${t("explore.trend")}</th>
        <th scope="col" class="right">${table.valueHeading}${unitOf(table.unit)}</th><th scope="col" class="right">${t("explore.share")}</th>
      </tr></thead>
      <tbody>${data.series.map((series, index) => html`<tr data-series=${series.key}>
        <th scope="row">${swatch(lookOf(index, series.isOther))}${series.label}${renderOnly(context, table, series)}</th>
        <td class="right narrow-hidden">${spark(series.values, lookOf(index, series.isOther))}</td>
        <td class="right">${figure(cellOf(series.total), series.total, series.label, () => table.explain(series))}</td>
        <td class="right">${series.share === null ? "–" : format.percent(series.share)}</td>
      </tr>`)}</tbody>
      <tfoot><tr>
        <th scope="row">${t("explore.total")}</th><td class="narrow-hidden"></td>
        <td class="right" data-figure="table-total" data-value=${data.total}>${figure(cellOf(data.total), data.total, t("explore.total"), table.explainTotal)}</td>
        <td></td>
      </tr>${data.line === null ? nothing : html`<tr class="proven"><td colspan="4">${renderLine(context, data.line, table)}</td></tr>`}</tfoot>
    </table></div>
    ${data.series.length > 1 && data.series.every(({ share }) => share === null) ? html`<p class="note">${t("explore.notAdded")}</p>` : nothing}
  </section>`;
}

function renderOnly(context: Context, table: SeriesTable, series: Series): TemplateResult | typeof nothing {
  const changes = table.only(series);
  if (changes === null) return nothing;
  const text = context.t("explore.only", { value: series.label });
  return html` <button class="button is-bare is-icon only controls" type="button" title=${text} aria-label=${text}
    @click=${() => table.change(changes)}>${icon("filter")}</button>`;
}

function renderLine({ t }: Context, line: NonNullable<Explored["line"]>, table: SeriesTable): TemplateResult {
  const text = line.equals ? t(table.isWhole ? "explore.equalsInvoice" : "explore.equalsLine")
    : t(table.isWhole ? "explore.differsInvoice" : "explore.differsLine", { value: table.print(line.quantity) });
  return html`<button class="figure ${line.equals ? "is-equal" : "is-unequal"}" type="button" data-equals=${line.equals}
    @click=${() => table.openLine(line.href)}>${line.equals ? icon("check") : icon("warning")} ${text}</button>`;
}

function unitOf(unit: string): TemplateResult | typeof nothing {
  return unit === "" ? nothing : html`<span class="unit"> · ${unit}</span>`;
}

/** One row a bucket, one column a series: the chart for those who would rather read it. */
export function bucketTable(
  context: Context, data: Explored, model: ChartModel, unit: string, explain: (index: number, series: string | null) => void,
): TemplateResult {
  const { t, format } = context;
  const hasTotal = data.series.length > 1;
  const cell = (value: string | null, index: number, key: string | null, name: string): TemplateResult => html`<td class="right">
    ${value === null ? "–" : figure(unit === "" ? model.print(value) : format.decimal(value), value, `${name}, ${model.buckets[index]?.full ?? ""}`, () => explain(index, key))}</td>`;
  return html`<div class="scroll" role="region" tabindex="0" aria-label=${model.name}><table class="buckets">
    <thead><tr>
      <th scope="col">${t("explore.start")}${unitOf(unit)}</th>
      ${model.series.map((series) => html`<th scope="col" class="right">${swatch(series.look)}${series.label}</th>`)}
      ${hasTotal ? html`<th scope="col" class="right">${t("explore.total")}</th>` : nothing}
      ${data.compare === null ? nothing : html`<th scope="col" class="right">${t("explore.previous")}</th>`}
    </tr></thead>
    <tbody>${model.buckets.map((bucket, index) => html`<tr data-bucket=${bucket.key}>
      <th scope="row">${bucket.full}</th>
      ${model.series.map((series) => cell(series.values[index] ?? null, index, series.key, series.label))}
      ${hasTotal ? cell(data.totals[index] ?? null, index, null, t("explore.total")) : nothing}
      ${data.compare === null ? nothing : cell(model.previous?.[index] ?? null, index, null, t("explore.previous"))}
    </tr>`)}</tbody>
  </table></div>`;
}
