/** What a chart over time draws, and where. */

import type { Scale } from "./scale.ts";

export interface ChartBucket {
  key: string;
  /** For the axis. */
  label: string;
  /** For tooltips and the live region. */
  full: string;
  /** Row and column of a heat map. */
  row: string;
  column: string;
}

export interface ChartSeries {
  key: string;
  label: string;
  /** Its class of colour: "s1" to "s7" or "s-other". */
  look: string;
  values: readonly (string | null)[];
}

export interface ChartModel {
  /** What the chart shows, in words. */
  name: string;
  keysHint: string;
  totalText: string;
  previousText: string;
  buckets: readonly ChartBucket[];
  /** The rows of a heat map from top to bottom; those that are not named follow in the order of their buckets. */
  rows: readonly string[];
  series: readonly ChartSeries[];
  totals: readonly (string | null)[] | null;
  previous: readonly (string | null)[] | null;
  band?: { low: readonly (string | null)[]; high: readonly (string | null)[] };
  /** A value as its reader sees it. */
  print: (text: string) => string;
  tick: (value: number) => string;
}

/** The drawing surface, in pixels. */
export interface Plot {
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Width of one bucket. */
  step: number;
  x: (index: number) => number;
  y: (value: number) => number;
  scale: Scale;
}

export const CHART_KINDS = ["bars", "line", "heat"] as const;
export type ChartKind = (typeof CHART_KINDS)[number];

/** The colours of series in their order; the last is for all others. */
export function lookOf(index: number, isOther: boolean): string {
  return isOther || index > 6 ? "s-other" : `s${index + 1}`;
}

export function plotOf(count: number, width: number, height: number, left: number, scale: Scale): Plot {
  const [top, right, bottom] = [10, width - 4, height - 26];
  const step = (right - left) / Math.max(1, count);
  const perUnit = (bottom - top) / (scale.max - scale.min);
  return {
    left, right, top, bottom, step, scale,
    x: (index) => left + index * step,
    y: (value) => bottom - (value - scale.min) * perUnit,
  };
}
