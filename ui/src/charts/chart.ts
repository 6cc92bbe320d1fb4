/** `<meterline-chart>`: values over buckets of time, with a tooltip, for the keyboard, and said aloud. */

import { html, nothing, svg, type PropertyDeclarations, type PropertyValues, type SVGTemplateResult, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { place } from "../parts/directives.ts";
import { swatch } from "../parts/icons.ts";
import chart from "../styles/chart.css";
import { drawBars, stackEnds } from "./bars.ts";
import { drawHeat, layOut, type HeatLayout } from "./heat.ts";
import { drawLines, drawPrevious, lineEnds } from "./lines.ts";
import { plotOf, type ChartKind, type ChartModel, type Plot } from "./model.ts";
import { position, scaleOf } from "./scale.ts";

const TIP_PX = 220;
const LABEL_PX = 68;

/** Which bucket somebody opened, and in it which series if they hit one. */
export interface Opened {
  index: number;
  series: string | null;
}

export class MeterlineChart extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(chart);
  static override properties: PropertyDeclarations = {
    model: { attribute: false },
    kind: {},
    height: { type: Number },
    active: { state: true },
    width: { state: true },
  };

  declare model: ChartModel | null;
  declare kind: ChartKind;
  declare height: number;
  declare active: number | null;
  declare width: number;
  private plot: Plot | null = null;
  private heat: HeatLayout | null = null;
  private said = "";
  private readonly observer = new ResizeObserver(([entry]) => {
    this.width = Math.floor(entry?.contentRect.width ?? 0);
  });

  constructor() {
    super();
    this.model = null;
    this.kind = "bars";
    this.height = 260;
    this.active = null;
    this.width = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.observer.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  protected override willUpdate(changes: PropertyValues<this>): void {
    if (changes.has("model") && this.active !== null && this.active >= (this.model?.buckets.length ?? 0)) this.active = null;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { model } = this;
    if (model === null || this.width === 0) return html`<div ${place({ height: `${this.height}px` })}></div>`;
    this.heat = this.kind === "heat" ? layOut(model, this.width) : null;
    this.plot = this.heat === null ? this.measure(model) : null;
    const height = this.heat?.height ?? this.height;
    return html`<div class="reset stage">
      <svg class="surface" role="application" tabindex="0" aria-label="${model.name}. ${model.keysHint}" height=${height}
        viewBox="0 0 ${this.width} ${height}" @pointermove=${this.onMove} @pointerleave=${this.leave} @click=${this.onClick}
        @keydown=${this.onKey} @blur=${this.leave}>
        ${this.heat !== null ? drawHeat(model, this.heat, this.active) : this.plot !== null ? this.drawPlot(model, this.plot) : nothing}
      </svg>
      ${this.renderTip(model)}
      <p class="unseen" aria-live="polite">${this.said}</p>
    </div>`;
  }

  private measure(model: ChartModel): Plot {
    const ends = this.kind === "bars" ? [...stackEnds(model), ...(model.previous ?? []).flatMap((value) => position(value) ?? [])] : lineEnds(model);
    const scale = scaleOf(ends, this.height < 200 ? 3 : 4);
    const longest = Math.max(...scale.ticks.map((tick) => model.tick(tick).length));
    return plotOf(model.buckets.length, this.width, this.height, longest * 7 + 12, scale);
  }

  private drawPlot(model: ChartModel, plot: Plot): SVGTemplateResult {
    return svg`
      ${plot.scale.ticks.map((tick) => svg`
        <line class=${tick === 0 ? "axis" : "grid"} x1=${plot.left} x2=${plot.right} y1=${plot.y(tick)} y2=${plot.y(tick)} />
        <text class="tick" text-anchor="end" x=${plot.left - 8} y=${plot.y(tick) + 4}>${model.tick(tick)}</text>`)}
      ${this.active === null ? nothing : svg`<rect class="column" x=${plot.x(this.active)} y=${plot.top} width=${plot.step} height=${plot.bottom - plot.top} />`}
      ${this.kind === "bars" ? drawBars(model, plot, this.active) : drawLines(model, plot, this.active)}
      ${drawPrevious(model, plot)}
      ${this.drawLabels(model, plot)}`;
  }

  private drawLabels(model: ChartModel, plot: Plot): SVGTemplateResult[] {
    const named = model.buckets.flatMap((bucket, index) => (bucket.label === "" ? [] : [{ bucket, index }]));
    const every = Math.max(1, Math.ceil((LABEL_PX * named.length) / (plot.right - plot.left)));
    return named.flatMap(({ bucket, index }, nth) => {
      if (nth % every !== 0) return [];
      const x = Math.min(Math.max(plot.x(index) + plot.step / 2, 20), this.width - 22);
      return [svg`<text class="tick" text-anchor="middle" x=${x} y=${this.height - 6}>${bucket.label}</text>`];
    });
  }

  private renderTip(model: ChartModel): TemplateResult | typeof nothing {
    const bucket = this.active === null ? undefined : model.buckets[this.active];
    if (this.active === null || bucket === undefined) return nothing;
    const index = this.active;
    const [x, y] = this.tipPlace(index);
    const rows = model.series.filter((series) => (series.values[index] ?? null) !== null);
    const total = model.totals?.[index] ?? null;
    const previous = model.previous?.[index] ?? null;
    return html`<div class="tip" ${place({ transform: `translate(${x}px, ${y}px)` })}>
      <h3>${bucket.full}</h3>
      <dl>
        ${rows.map((series) => html`<dt>${swatch(series.look)}${series.label}</dt><dd>${model.print(series.values[index] ?? "")}</dd>`)}
        ${total === null || rows.length < 2 ? nothing : html`<dt class="is-total">${model.totalText}</dt><dd class="is-total">${model.print(total)}</dd>`}
        ${previous === null ? nothing : html`<dt class="is-previous">${model.previousText}</dt><dd class="is-previous">${model.print(previous)}</dd>`}
      </dl>
    </div>`;
  }

  /** Beside the bucket, on the side that has room. */
  private tipPlace(index: number): [number, number] {
    const cell = this.heat?.cells.find((each) => each.bucket === index);
    const left = cell?.x ?? this.plot?.x(index) ?? 0;
    const width = cell?.width ?? this.plot?.step ?? 0;
    const x = left + width + 8 + TIP_PX > this.width ? Math.max(0, left - TIP_PX - 8 + 60) : left + width + 8;
    return [Math.round(x), Math.round(cell === undefined ? 4 : Math.max(0, cell.y - 20))];
  }

  private indexAt(event: MouseEvent): number | null {
    const surface = event.currentTarget as SVGSVGElement;
    const box = surface.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (this.heat !== null) {
      return this.heat.cells.find((cell) => x >= cell.x && x < cell.x + cell.width + 2 && y >= cell.y && y < cell.y + cell.height + 2)?.bucket ?? null;
    }
    if (this.plot === null || x < this.plot.left || x > this.plot.right) return null;
    return Math.min((this.model?.buckets.length ?? 1) - 1, Math.floor((x - this.plot.left) / this.plot.step));
  }

  private readonly onMove = (event: PointerEvent): void => {
    this.active = this.indexAt(event);
  };

  private readonly leave = (): void => {
    this.active = null;
    this.said = "";
  };

  private readonly onClick = (event: MouseEvent): void => {
    const index = this.indexAt(event);
    const hit = event.target instanceof Element ? event.target.getAttribute("data-series") : null;
    if (index !== null) this.notify<Opened>("bucket-open", { index, series: hit });
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    const last = (this.model?.buckets.length ?? 0) - 1;
    if (last < 0) return;
    const now = this.active ?? (event.key === "ArrowLeft" ? last + 1 : -1);
    const moves: Record<string, number> = {
      ArrowRight: Math.min(last, now + 1), ArrowLeft: Math.max(0, now - 1), Home: 0, End: last,
      PageDown: Math.min(last, now + 7), PageUp: Math.max(0, now - 7),
    };
    const next = moves[event.key];
    if (next !== undefined) this.say(next);
    else if (event.key === "Enter" && this.active !== null) this.notify<Opened>("bucket-open", { index: this.active, series: null });
    else if (event.key === "Escape" && this.active !== null) this.leave();
    else return;
    event.preventDefault();
  };

  private say(index: number): void {
    this.active = index;
    const { model } = this;
    if (model === null) return;
    const values = model.series.flatMap((series) => {
      const value = series.values[index] ?? null;
      return value === null ? [] : [`${series.label} ${model.print(value)}`];
    });
    const total = model.totals?.[index] ?? null;
    if (total !== null && values.length !== 1) values.push(`${model.totalText} ${model.print(total)}`);
    this.said = [model.buckets[index]?.full ?? "", ...values].join(", ");
  }
}

define("meterline-chart", MeterlineChart);
