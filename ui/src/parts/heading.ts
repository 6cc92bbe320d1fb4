/** The head of a page: its title, the period that it shows, and how fresh it is. */

import { html, nothing, type TemplateResult } from "lit";
import type { Context } from "../context.ts";
import type { Period } from "../types.ts";
import { icon } from "./icons.ts";
import { periodName } from "./period_name.ts";

export { periodName };

/** The contract of a period, where another one of the same days stands beside it. */
function ofContract(period: Period): string {
  return period.billingPeriod.includes("~") ? ` · ${period.contract}` : "";
}

/** ‹ November 2013 ›; without a choice where there is only one period. */
export function periodSwitch(
  context: Context, chosen: Period | undefined, choose: (billingPeriod: string) => void,
): TemplateResult | typeof nothing {
  const { periods, t, format } = context;
  if (chosen === undefined) return nothing;
  const index = periods.indexOf(chosen);
  const step = (to: number, name: "previous" | "next"): TemplateResult => {
    const target = periods[to];
    return html`<button class="button is-icon" type="button" aria-label=${t(`period.${name}`)} ?disabled=${target === undefined}
      @click=${() => target !== undefined && choose(target.billingPeriod)}>${icon(name)}</button>`;
  };
  const onChange = (event: Event): void => choose((event.currentTarget as HTMLSelectElement).value);
  return html`<span class="period-switch controls">
    ${step(index + 1, "previous")}
    <select class="select" aria-label=${t("period.choose")} @change=${onChange}>
      ${periods.map((period) => html`<option value=${period.billingPeriod} ?selected=${period === chosen} .selected=${period === chosen}>
        ${periodName(format, period)}${ofContract(period)}</option>`)}
    </select>
    ${step(index - 1, "next")}
  </span>`;
}

export interface Heading {
  title: string;
  sub?: string | TemplateResult;
  badge?: TemplateResult | typeof nothing;
  period?: TemplateResult | typeof nothing;
  freshness?: TemplateResult | typeof nothing;
  actions?: TemplateResult | typeof nothing;
}

export function heading(parts: Heading): TemplateResult {
  return html`<header class="page-head">
    <div>
      <h1 class="page-title">${parts.title} ${parts.badge ?? nothing}</h1>
      ${parts.sub === undefined ? nothing : html`<p class="page-sub">${parts.sub}</p>`}
    </div>
    <span class="spacer"></span>
    ${parts.freshness ?? nothing}
    ${parts.period ?? nothing}
    ${parts.actions ?? nothing}
  </header>`;
}
