/** `<meterline-waterfall>`: from one amount to another in steps that add up; each step can be opened. */

import { html, nothing, svg, type PropertyDeclarations, type SVGTemplateResult, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import chart from "../styles/chart.css";
import { pixel, positionOrZero, scaleOf } from "./scale.ts";

const HEIGHT = 216;
const TOP = 26;
const FLOOR = 168;
const COLUMN_PX_MIN = 108;
const LETTER_PX = 6.2;

export interface FallStep {
  key: string;
  label: string;
  /** A second line below the label, for example "614,034 → 646,135 min". */
  detail: string;
  /** The same without its unit, for a column that is too narrow for it. */
  bare: string;
  /** Decimal text; for an end the whole amount. */
  value: string;
  /** As its reader sees it. */
  text: string;
  isEnd: boolean;
}

interface Fall {
  step: FallStep;
  from: number;
  to: number;
}

export class MeterlineWaterfall extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(chart);
  static override properties: PropertyDeclarations = {
    name: {},
    steps: { attribute: false },
    width: { state: true },
  };

  declare name: string;
  declare steps: readonly FallStep[];
  declare width: number;
  private readonly observer = new ResizeObserver(([entry]) => {
    this.width = Math.floor(entry?.contentRect.width ?? 0);
  });

  constructor() {
    super();
    this.name = "";
    this.steps = [];
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

  protected override render(): TemplateResult | typeof nothing {
    if (this.width === 0) return nothing;
    const falls = fallsOf(this.steps);
    const isWide = this.width / falls.length >= COLUMN_PX_MIN;
    return html`<div class="reset">${isWide ? this.renderColumns(falls) : this.renderRows(falls)}</div>`;
  }

  private renderColumns(falls: Fall[]): TemplateResult {
    const scale = spanOf(falls);
    const column = this.width / falls.length;
    const y = (value: number): number => pixel(FLOOR - ((value - scale.min) / (scale.max - scale.min)) * (FLOOR - TOP));
    return html`<svg class="surface" role="group" aria-label=${this.name} height=${HEIGHT} viewBox="0 0 ${this.width} ${HEIGHT}">
      <line class="axis" x1="0" x2=${this.width} y1=${FLOOR} y2=${FLOOR} />
      ${falls.map((fall, index) => drawFall(fall, index, column, y, scale.min, index < falls.length - 1, this.open))}
    </svg>`;
  }

  private renderRows(falls: Fall[]): TemplateResult {
    const scale = spanOf(falls);
    const x = (value: number): number => ((value - scale.min) / (scale.max - scale.min)) * this.width;
    return html`<ol class="falls">${falls.map(({ step, from, to }) => {
      const left = step.isEnd ? 0 : x(Math.min(from, to));
      const width = Math.max(1, x(Math.max(from, to)) - left);
      return html`<li>
        <span class="line"><span>${step.label}</span>${step.isEnd
          ? html`<b data-value=${step.value}>${step.text}</b>`
          : html`<button class="figure" type="button" data-value=${step.value} @click=${() => this.open(step.key)}>${step.text}</button>`}</span>
        <svg viewBox="0 0 ${this.width} 8" preserveAspectRatio="none" aria-hidden="true">${svg`
          <rect class="fall ${lookOf(step)}" x=${pixel(left)} y="0" width=${pixel(width)} height="8" rx="2" />`}</svg>
        ${step.detail === "" ? nothing : html`<span class="small">${step.detail}</span>`}
      </li>`;
    })}</ol>`;
  }

  private readonly open = (key: string): void => this.notify("step-open", { key });
}

function drawFall(
  fall: Fall, index: number, column: number, y: (value: number) => number, floor: number, hasNext: boolean, open: (key: string) => void,
): SVGTemplateResult {
  const { step, from, to } = fall;
  const width = pixel(Math.min(column * 0.58, 120));
  const middle = (index + 0.5) * column;
  const left = pixel(middle - width / 2);
  const [low, high] = [Math.max(floor, Math.min(from, to)), Math.max(from, to)];
  const top = y(high);
  const height = Math.max(1.5, y(low) - top);
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open(step.key);
  };
  const drawing = svg`
    <rect class="fall ${lookOf(step)}" x=${left} y=${top} width=${width} height=${height} rx="2" />
    ${step.isEnd && floor > 0 ? svg`<path class="tear" d=${tear(left, width)} />` : nothing}
    ${hasNext ? svg`<line class="joint" x1=${left + width} x2=${left + column} y1=${y(to)} y2=${y(to)} />` : nothing}
    <text class="amount" x=${middle} y=${top - 8}>${step.text}</text>
    <text class="what" x=${middle} y=${FLOOR + 20}>${shortened(step.label, column)}</text>
    <text class="what is-small" x=${middle} y=${FLOOR + 37}>${fits(step.detail, column) ? step.detail : shortened(step.bare, column)}</text>`;
  return step.isEnd
    ? svg`<g data-step=${step.key} data-value=${step.value}>${drawing}</g>`
    : svg`<g class="step" role="button" tabindex="0" data-step=${step.key} data-value=${step.value}
        @click=${() => open(step.key)} @keydown=${onKey}>${drawing}</g>`;
}

/** Where each step begins and ends; only for the drawing, the amounts themselves come from the portal. */
function fallsOf(steps: readonly FallStep[]): Fall[] {
  let level = 0;
  return steps.map((step) => {
    const from = step.isEnd ? 0 : level;
    level = step.isEnd ? positionOrZero(step.value) : level + positionOrZero(step.value);
    return { step, from, to: level };
  });
}

/** The part of the scale in which something happens: whole columns are torn off below it. */
function spanOf(falls: readonly Fall[]): { min: number; max: number } {
  const levels = falls.flatMap(({ step, from, to }) => (step.isEnd ? [to] : [from, to]));
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const spread = high - low;
  if (low <= 0 || spread === 0 || spread > high * 0.5) return scaleOf(levels, 3);
  return { min: low - spread * 0.6, max: high };
}

function tear(left: number, width: number): string {
  const wave = Array.from({ length: 5 }, (_, index) => `L${pixel(left + ((index + 0.5) * width) / 4.5)} ${FLOOR - 10 + (index % 2 === 0 ? 4 : -2)}`);
  return `M${left - 1} ${FLOOR - 12}${wave.join("")}L${left + width + 1} ${FLOOR - 12}`;
}

function lookOf(step: FallStep): string {
  if (step.isEnd) return "is-end";
  return step.value.startsWith("-") ? "is-less" : "is-more";
}

function fits(text: string, column: number): boolean {
  return text.length <= column / LETTER_PX;
}

function shortened(text: string, column: number): string {
  return fits(text, column) ? text : `${text.slice(0, Math.floor(column / LETTER_PX) - 1)}…`;
}

define("meterline-waterfall", MeterlineWaterfall);
