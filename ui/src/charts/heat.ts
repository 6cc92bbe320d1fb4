/** A heat map of totals: hours across and days down, or weeks across and weekdays down. */

import { svg, type SVGTemplateResult } from "lit";
import type { ChartModel } from "./model.ts";
import { largest, part, pixel } from "./scale.ts";

const LABEL_PX = 56;
const HEAD_PX = 20;
const CELL_PX_MAX = 44;

export interface HeatCell {
  x: number;
  y: number;
  width: number;
  height: number;
  bucket: number;
}

export interface HeatLayout {
  rows: string[];
  columns: string[];
  cells: HeatCell[];
  cellWidth: number;
  cellHeight: number;
  height: number;
}

/** Where each cell is. Two buckets of one cell (the hour that autumn repeats) share it side by side. */
export function layOut(model: ChartModel, width: number): HeatLayout {
  const rows = [...new Set([...model.rows, ...model.buckets.map((bucket) => bucket.row)])];
  const columns = [...new Set(model.buckets.map((bucket) => bucket.column))];
  if (columns.every((column) => /^\d\d$/.test(column))) columns.sort();
  // The weeks of a month fill the card; a few cells that stand for themselves need not.
  const cellWidth = Math.min((width - LABEL_PX) / columns.length, model.rows.length > 0 ? Infinity : 96);
  const cellHeight = Math.min(CELL_PX_MAX, Math.max(14, 260 / rows.length));
  const shared = Map.groupBy(model.buckets.keys(), (index) => `${model.buckets[index]?.row}\n${model.buckets[index]?.column}`);
  const cells = [...shared.values()].flatMap((indexes) =>
    indexes.map((bucket, nth) => {
      const { row = "", column = "" } = model.buckets[bucket] ?? {};
      const own = cellWidth / indexes.length;
      return {
        bucket,
        x: pixel(LABEL_PX + columns.indexOf(column) * cellWidth + nth * own),
        y: pixel(HEAD_PX + rows.indexOf(row) * cellHeight),
        width: Math.max(1, pixel(own - 2)),
        height: pixel(cellHeight - 2),
      };
    }),
  );
  return { rows, columns, cells, cellWidth, cellHeight, height: HEAD_PX + rows.length * cellHeight + 4 };
}

export function drawHeat(model: ChartModel, layout: HeatLayout, active: number | null): SVGTemplateResult {
  const totals = model.totals ?? model.series[0]?.values ?? [];
  const top = largest(totals);
  const every = Math.ceil(44 / layout.cellWidth);
  return svg`
    ${layout.columns.map((column, index) => index % every === 0
      ? svg`<text class="tick" x=${LABEL_PX + index * layout.cellWidth} y="12">${column}</text>` : svg``)}
    ${layout.rows.map((row, index) => svg`<text class="tick" x="0" y=${HEAD_PX + (index + 0.5) * layout.cellHeight + 3}>${row}</text>`)}
    ${layout.cells.map((cell) => {
      const value = totals[cell.bucket] ?? null;
      const shade = value === null ? 0.04 : 0.12 + 0.88 * part(value, top);
      return svg`<rect class=${active === cell.bucket ? "cell is-active" : "cell"} x=${cell.x} y=${cell.y} width=${cell.width} height=${cell.height}
        rx="2" fill-opacity=${shade.toFixed(3)} data-bucket=${model.buckets[cell.bucket]?.key ?? ""} data-value=${value ?? ""} />`;
    })}`;
}
