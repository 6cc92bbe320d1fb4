/** Lines, the dashed line of the period before, and the band of an expectation. */

import { nothing, svg, type SVGTemplateResult } from "lit";
import { BUCKETS_COMPARED_MAX } from "./limits.ts";
import type { ChartModel, Plot } from "./model.ts";
import { pixel, position } from "./scale.ts";

type Point = readonly [x: number, y: number];

/** All places on the scale that lines touch. */
export function lineEnds(model: ChartModel): number[] {
  const all = [...model.series.map((series) => series.values), model.previous ?? [], model.band?.low ?? [], model.band?.high ?? []];
  return all.flat().flatMap((value) => position(value) ?? []);
}

export function drawLines(model: ChartModel, plot: Plot, active: number | null): SVGTemplateResult {
  const isAlone = model.series.length === 1;
  return svg`${model.band === undefined ? nothing : drawBand(model.band, plot)}
    ${model.series.map((series) => {
      const runs = runsOf(series.values, plot);
      return svg`<g class=${series.look} data-series=${series.key}>
        ${isAlone ? svg`<path class="area" d=${runs.map((run) => areaOf(run, plot)).join("")} />` : nothing}
        <path class="stroke" d=${runs.map(pathOf).join("")} />
        ${runs.filter((run) => run.length === 1).map(([point]) => svg`<circle class="dot" cx=${point?.[0] ?? 0} cy=${point?.[1] ?? 0} r="2" />`)}
        ${series.values.map((value, bucket) => drawPoint(model, series.key, value, bucket, plot, active))}
      </g>`;
    })}`;
}

/** The period before, bucket by bucket under this one's. */
export function drawPrevious(model: ChartModel, plot: Plot): SVGTemplateResult | typeof nothing {
  if (model.previous === null || model.buckets.length > BUCKETS_COMPARED_MAX) return nothing;
  const line = runsOf(model.previous.slice(0, model.buckets.length), plot).map(pathOf).join("");
  return svg`<path class="previous-halo" d=${line} /><path class="previous" d=${line} />`;
}

/** An unseen point with the decimal text of each value, and a seen one where the reader is. */
function drawPoint(
  model: ChartModel, series: string, value: string | null, bucket: number, plot: Plot, active: number | null,
): SVGTemplateResult | typeof nothing {
  const place = position(value);
  if (place === null) return nothing;
  return svg`<circle class=${active === bucket ? "dot is-active" : "dot is-unseen"} cx=${middle(plot, bucket)} cy=${pixel(plot.y(place))} r="4"
    data-bucket=${model.buckets[bucket]?.key ?? ""} data-series=${series} data-value=${value} />`;
}

function drawBand(band: NonNullable<ChartModel["band"]>, plot: Plot): SVGTemplateResult {
  const high = runsOf(band.high, plot).flat();
  const low = runsOf(band.low, plot).flat().reverse();
  return svg`<path class="band" d=${high.length === 0 ? "" : `${pathOf([...high, ...low])}z`} />`;
}

/** Stretches of values without a gap. */
function runsOf(values: readonly (string | null)[], plot: Plot): Point[][] {
  const runs: Point[][] = [];
  let run: Point[] | null = null;
  values.forEach((value, bucket) => {
    const place = position(value);
    if (place === null) {
      run = null;
      return;
    }
    if (run === null) runs.push((run = []));
    run.push([middle(plot, bucket), pixel(plot.y(place))]);
  });
  return runs;
}

function middle(plot: Plot, bucket: number): number {
  return pixel(plot.x(bucket) + plot.step / 2);
}

function pathOf(points: readonly Point[]): string {
  return points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("");
}

function areaOf(points: readonly Point[], plot: Plot): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return "";
  const floor = pixel(plot.y(Math.max(0, plot.scale.min)));
  return `${pathOf(points)}L${last[0]} ${floor}L${first[0]} ${floor}z`;
}
