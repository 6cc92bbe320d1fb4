/** Tiers as a staircase: each step with its price, and where the quantity stands. */

import { html, nothing, type TemplateResult } from "lit";
import { largest, part } from "../charts/scale.ts";
import type { Context } from "../context.ts";
import { isDecimal, isZero } from "../format.ts";
import type { Tier } from "../types.ts";
import { place } from "./directives.ts";

export function stair(context: Context, tiers: readonly Tier[], unit: string, currency: string): TemplateResult {
  const { t, format, words } = context;
  // A part of a quantity may be a fraction, which has no length here.
  const top = largest(tiers.map(({ quantity }) => quantity).filter(isDecimal));
  return html`<ol class="stair">${tiers.map((tier) => {
    const bound = tier.upTo === null ? t("explain.tierAbove") : t("explain.tierUpTo", { upTo: words.quantity(tier.upTo, unit) });
    const flat = tier.flat === null || isZero(tier.flat) ? nothing : html` ${t("plan.tierFlat", { flat: format.money(tier.flat, currency) })}`;
    return html`<li class=${tier.here ? "is-here" : ""} data-tier=${tier.upTo ?? ""}>
      <span class="bound">${tier.row === "" ? "" : `${tier.row}: `}${bound}${tier.here ? html` <span class="badge">${t("explain.tierHere")}</span>` : nothing}</span>
      <span class="right" data-value=${tier.amount}>${format.money(tier.amount, currency)}</span>
      <span class="small">${format.decimal(tier.quantity)} × ${format.money(tier.unitPrice, currency)}${flat}</span>
      <span class="fill" aria-hidden="true"><span ${place({ width: isDecimal(tier.quantity) ? `${(part(tier.quantity, top) * 100).toFixed(2)}%` : "0%" })}></span></span>
    </li>`;
  })}</ol>`;
}
