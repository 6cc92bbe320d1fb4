/** A line without axes, beside the number that it leads to. */

import { html, svg, nothing, type TemplateResult } from "lit";
import { pixel, positionOrZero } from "./scale.ts";

const WIDTH = 96;
const HEIGHT = 22;

/** Draw a spark; the table or the text beside it says the same in words. */
export function spark(values: readonly (string | null)[], look = ""): TemplateResult | typeof nothing {
  // What has not happened yet is no fall to zero.
  const places = values.slice(0, values.findLastIndex((value) => value !== null) + 1).map(positionOrZero);
  if (places.length < 2) return nothing;
  const low = Math.min(0, ...places);
  const span = Math.max(...places) - low || 1;
  const points = places.map((place, index) => {
    const x = pixel(1 + (index * (WIDTH - 2)) / (places.length - 1));
    return `${index === 0 ? "M" : "L"}${x} ${pixel(HEIGHT - 2 - ((place - low) / span) * (HEIGHT - 4))}`;
  });
  return html`<svg class="spark ${look}" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">${svg`<path d=${points.join("")} />`}</svg>`;
}
