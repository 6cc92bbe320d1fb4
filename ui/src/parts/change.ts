/** A change in percent: its sign and a word for screen readers say what the colour says. */

import { html, nothing, type TemplateResult } from "lit";
import type { Context } from "../context.ts";
import { isNegative, isZero } from "../format.ts";

export function changeOf(context: Context, change: string | null): TemplateResult | typeof nothing {
  if (change === null) return nothing;
  const look = isZero(change) ? "" : isNegative(change) ? "down" : "up";
  return html`<span class=${look}>${context.format.percentChange(change)}</span>`;
}
