/**
 * Why a bill is another one than that of the period before, by what changed: a picture whose steps add up, and each item.
 *
 * A script of its own, loaded when a reader opens it; so it brings no Lit, and is given that of the kit.
 */

import type { html as Html, TemplateResult } from "lit";
import type { FallStep } from "../charts/waterfall.ts";
import type { Context } from "../context.ts";
import type { Explained } from "../parts/explained.ts";
import { periodName } from "../parts/period_name.ts";
import type { Reasons, Variance, VarianceEffect, VarianceItem } from "../types.ts";

export function renderReasons(
  html: typeof Html, context: Context, { variance }: Reasons, explain: (explained: Omit<Explained, "fresh">) => void,
): TemplateResult {
  const { t, format } = context;
  if (variance === null) return html`<p class="hint">${t("reasons.none")}</p>`;
  const print = (amount: string): string => format.moneyChange(amount, variance.currency);
  const open = ({ detail: { key } }: CustomEvent<{ key: string }>): void => {
    const step = variance.effects.find(({ effect }) => effect === key);
    if (step === undefined) return;
    explain({
      title: t(`effect.${step.effect}`), text: print(step.amount), sentence: t(`effect.${step.effect}Text`),
      rows: variance.items.flatMap(({ label, effects }) => effects.filter(({ effect }) => effect === key).map(({ amount }): [string, string] => [label, print(amount)])),
    });
  };
  return html`<p class="hint">${t(variance.isOpen ? "reasons.open" : "reasons.hint")}</p>
    <meterline-waterfall name=${t("overview.reasons")} .steps=${stepsOf(context, variance, print)} @step-open=${open}></meterline-waterfall>
    <ul class="items" aria-label=${t("reasons.items")}>${variance.items.map((item) => html`<li data-reasons-of=${item.item}>
      <span class="item-name">${item.label}<span class="small"> ${quantities(context, item)}</span></span>
      <span class="reasons">${item.effects.map(({ effect, amount }) => html`<span data-effect=${effect}>${t(`effect.${effect}`)} ${print(amount)}</span> `)}</span>
      <span class="right">${print(item.change)}</span></li>`)}</ul>`;
}

function stepsOf(context: Context, { from, to, effects, currency }: Variance, print: (amount: string) => string): FallStep[] {
  const end = (key: string, { billingPeriod, amount }: Variance["from"]): FallStep => {
    const period = context.periods.find((each) => each.billingPeriod === billingPeriod);
    const label = period === undefined ? billingPeriod : periodName(context.format, period, true);
    return { key, label, detail: "", bare: "", value: amount, text: context.format.money(amount, currency), isEnd: true };
  };
  const step = ({ effect, amount }: VarianceEffect): FallStep => {
    const label = context.t(`effect.${effect}`);
    return { key: effect, label, detail: "", bare: "", value: amount, text: print(amount), isEnd: false };
  };
  return [end("from", from), ...effects.map(step), end("to", to)];
}

function quantities({ format, words }: Context, { quantityBefore, quantity, unit }: VarianceItem): string {
  if (quantityBefore !== null && quantity !== null) return `${format.decimal(quantityBefore)} → ${words.quantity(quantity, unit)}`;
  const only = quantity ?? quantityBefore;
  return only === null ? "" : words.quantity(only, unit);
}
