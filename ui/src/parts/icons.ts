/** The icons of the kit: lines on a grid of 16, in the colour of the text beside them. */

import { svg, html, type TemplateResult } from "lit";

const PATHS = {
  previous: "M10 3 5 8l5 5",
  next: "m6 3 5 5-5 5",
  close: "m4 4 8 8M12 4l-8 8",
  check: "m3 8.5 3.2 3L13 4.5",
  warning: "M8 2 1.5 13.5h13zM8 6.5v3.2M8 11.7v.1",
  bars: "M3 13V8M8 13V3M13 13V6",
  line: "m2 11 4-4 3 2 5-6",
  heat: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z",
  table: "M2 3h12v10H2zM2 7h12M6 7v6",
  filter: "M2 3h12L9.5 8.5V13l-3-1.5v-3z",
  sliders: "M2 5h6M12 5h2M2 11h2M8 11h6M10 3v4M6 9v4",
  bookmark: "M4 2h8v12l-4-3-4 3z",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
  link: "M6.5 9.5 9.5 6.5M7 4.5 9 2.6a3 3 0 0 1 4.3 4.3L11.5 9M9 11.5 7 13.4A3 3 0 0 1 2.7 9.1L4.5 7",
  terminal: "m3 4 4 4-4 4M8.5 12.5H13",
  print: "M4 6V2h8v4M4 12H2V6h12v6h-2M4 9.5h8V14H4z",
  compare: "M2 3h5v10H2zM9 3h5v10H9zM4 6h1M4 9h1M11 6h1M11 9h1",
  open: "M6 3H3v10h10v-3M9 3h4v4M13 3 7 9",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon; what it means must also be said in words beside it. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${svg`<path d=${PATHS[name]} />`}</svg>`;
}

/** The colour of a series as a drawing, since backgrounds vanish in print and where colours are overruled. */
export function swatch(seriesClass: string): TemplateResult {
  return html`<svg class="swatch ${seriesClass}" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" rx="2.5" /></svg>`;
}
