/** What a customer may use: each feature with its limit, what is left of it, and until when that lasts. */

import { html, nothing, type TemplateResult } from "lit";
import { part } from "../charts/scale.ts";
import type { Context } from "../context.ts";
import { isZero } from "../format.ts";
import type { Entitlement } from "../types.ts";
import { place } from "./directives.ts";

/** The card of all features; nothing where the plan has none. */
export function allowances(context: Context, entitlements: readonly Entitlement[]): TemplateResult | typeof nothing {
  if (entitlements.length === 0) return nothing;
  return html`<section class="card allowances">
    <div class="card-head"><h2 class="card-title">${context.t("allowance.title")}</h2></div>
    <ul class="items">${entitlements.map((one) => allowance(context, one))}</ul>
  </section>`;
}

function allowance(context: Context, one: Entitlement): TemplateResult {
  const { limit, used } = one;
  return html`<li data-feature=${one.feature}>
    <span class="item-name">${one.feature}${one.label === "" || one.label === one.feature ? nothing : html`<span class="small">${one.label}</span>`}</span>
    ${limit === null || used === null ? nothing : html`<span class="track" aria-hidden="true"><span class="bar ${isSpent(one) ? "is-spent" : ""}"
      ${place({ width: `${(isZero(limit) ? 100 : Math.min(1, part(used, limit)) * 100).toFixed(2)}%` })}></span></span>`}
    <span class="right" data-value=${one.remaining ?? used ?? nothing}>${standing(context, one)}</span>
    ${limit === null ? nothing : html`<div class="allowance-detail small"><p>${sentences(context, one).join(" ")}</p>${sources(context, one)}</div>`}
  </li>`;
}

function isSpent({ remaining }: Entitlement): boolean {
  return remaining !== null && isZero(remaining);
}

/** How it stands, in a few words. */
function standing({ t, format, words }: Context, one: Entitlement): string {
  if (one.used === null) return one.value === "" ? t("allowance.has") : one.value;
  const used = words.quantity(one.used, one.unit);
  if (one.limit === null) return t("allowance.noLimit", { used });
  const limit = words.quantity(one.limit, one.unit);
  if (one.beyond !== null && !isZero(one.beyond)) return t("allowance.beyond", { beyond: format.decimal(one.beyond), limit });
  return isSpent(one) ? t("allowance.spent", { limit }) : t("allowance.limit", { remaining: format.decimal(one.remaining ?? "0"), limit });
}

function sentences({ t, format, words }: Context, one: Entitlement): string[] {
  const said = [`${t("allowance.used", { used: words.quantity(one.used ?? "0", one.unit) })}.`];
  if (one.held !== null && !isZero(one.held)) said.push(`${t("allowance.held", { held: words.quantity(one.held, one.unit) })}.`);
  said.push(t("allowance.resets", { date: format.civilDate(one.resetsOn) }));
  if (isSpent(one)) said.push(t(one.isSoft ? "allowance.soft" : "allowance.hard"));
  else if (one.runsOutOn !== null) said.push(t("allowance.runsOut", { date: format.civilDate(one.runsOutOn) }));
  else if (!isZero(one.used ?? "0")) said.push(t("allowance.lasts"));
  return said;
}

/** From what is drawn, where it is more than the plan's limit. */
function sources({ t, format, words }: Context, one: Entitlement): TemplateResult | typeof nothing {
  if (one.sources.every(({ kind }) => kind === "plan")) return nothing;
  return html`<ul class="allowance-sources">${one.sources.map((source) => html`<li data-source=${source.kind}>
    ${t(`allowance.${source.kind}`, { name: source.name, remaining: words.quantity(source.remaining ?? "0", one.unit) })}${
      source.lastDay === null ? nothing : `, ${t("allowance.until", { date: format.civilDate(source.lastDay) })}`}</li>`)}</ul>`;
}
