/** Stacked bars: values above zero grow up, those below grow down. */

import { svg, type SVGTemplateResult } from "lit";
import { BUCKETS_DRAWN_ONE_BY_ONE_MAX } from "./limits.ts";
import type { ChartModel, Plot } from "./model.ts";
import { pixel, positionOrZero } from "./scale.ts";

interface Bar {
  x: number;
  y: number;
  width: number;
  height: number;
  bucket: number;
  value: string;
}

/** The ends of all stacks, for the scale. */
export function stackEnds(model: ChartModel): number[] {
  return model.buckets.flatMap((_, bucket) => {
    const values = model.series.map((series) => positionOrZero(series.values[bucket] ?? null));
    return [sum(values.filter((value) => value > 0)), sum(values.filter((value) => value < 0))];
  });
}

export function drawBars(model: ChartModel, plot: Plot, active: number | null): SVGTemplateResult {
  const bars = stack(model, plot);
  const isOneByOne = model.buckets.length <= BUCKETS_DRAWN_ONE_BY_ONE_MAX;
  return svg`${model.series.map((series, index) => {
    const own = bars[index] ?? [];
    if (!isOneByOne) return svg`<path class="bar ${series.look}" data-series=${series.key} d=${own.map(outline).join("")} />`;
    return svg`<g class=${series.look}>${own.map((bar) => drawBar(model, series.key, bar, active))}</g>`;
  })}`;
}

function drawBar(model: ChartModel, series: string, bar: Bar, active: number | null): SVGTemplateResult {
  const look = active === null || active === bar.bucket ? "bar" : "bar is-dim";
  return svg`<rect class=${look} x=${bar.x} y=${bar.y} width=${bar.width} height=${bar.height}
    data-bucket=${model.buckets[bar.bucket]?.key ?? ""} data-series=${series} data-value=${bar.value} />`;
}

function stack(model: ChartModel, plot: Plot): Bar[][] {
  const gap = plot.step > 5 ? Math.max(1.5, plot.step * 0.22) : plot.step > 2 ? 0.5 : 0;
  const width = Math.max(0.5, pixel(Math.min(plot.step - gap, 64)));
  const ups = model.buckets.map(() => 0);
  const downs = model.buckets.map(() => 0);
  return model.series.map((series) =>
    model.buckets.flatMap((_, bucket) => {
      const value = series.values[bucket] ?? null;
      if (value === null) return [];
      const amount = positionOrZero(value);
      const ends = amount < 0 ? downs : ups;
      const from = ends[bucket] ?? 0;
      ends[bucket] = from + amount;
      const [low, high] = amount < 0 ? [from + amount, from] : [from, from + amount];
      const top = pixel(plot.y(high));
      const bottom = pixel(plot.y(low));
      // One pixel of the surface stays between segments; a sliver keeps what it has.
      const height = bottom - top > 3 ? bottom - top - 1 : Math.max(bottom - top, amount === 0 ? 0 : 0.5);
      const x = pixel(plot.x(bucket) + (plot.step - width) / 2);
      return [{ x, y: top, width, height, bucket, value }];
    }),
  );
}

function outline(bar: Bar): string {
  return `M${bar.x} ${bar.y}h${bar.width}v${bar.height}h${-bar.width}z`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
