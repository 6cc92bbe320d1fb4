/** What is odd about prices, as the price linter of rating finds it: a card above the plans of the catalog. */

import { html, nothing, type TemplateResult } from "lit";
import type { Words } from "../i18n.ts";
import type { PriceFinding, PriceFindings } from "./types.ts";
import { s, type SellerKey } from "./words.ts";

const LEVELS: Record<PriceFinding["level"], { name: SellerKey; look: string }> = {
  error: { name: "Error", look: "is-bad" },
  warning: { name: "Warning", look: "is-draft" },
  info: { name: "Note", look: "" },
};

/** The findings, the worst first, or that there are none. What they say comes from rating, in English. */
export function findingsCard({ findings, findingCount }: PriceFindings, words: Words): TemplateResult {
  const title = s("What is odd about the prices");
  const hint = html`<p class="hint">${s("Found by trying the newest version of each plan; meterline price lint tells the same.")}</p>`;
  if (findings.length === 0) {
    return html`<section class="card" data-findings="0" aria-label=${title}><h2 class="card-title">${s("Nothing is odd about the prices")}</h2>${hint}</section>`;
  }
  // What is only worth knowing is folded, as the plans are what people come for.
  const isOpen = findings.some(({ level }) => level !== "info");
  return html`<section class="card group" data-findings=${findingCount}><details ?open=${isOpen}>
    <summary><h2 class="card-title">${title}</h2><span class="small">${s("Findings: {count}", { count: findingCount })}</span></summary>
    <div class="scroll" role="region" tabindex="0" aria-label=${title}><table class="stacks">
      <thead><tr><th scope="col">${s("Item or meter")}</th><th scope="col">${s("Level")}</th><th scope="col">${s("Plan")}</th>
        <th scope="col" class="right">${s("Quantity")}</th><th scope="col">${s("Finding")}</th></tr></thead>
      <tbody>${findings.map((finding) => row(finding, words))}</tbody></table></div>
    ${findings.length < findingCount ? html`<p class="note">${s("The first {count} of {all}.", { count: findings.length, all: findingCount })}</p>` : nothing}
    ${hint}</details></section>`;
}

/** What a finding is about, in the seller's own words. */
export function subjectOf({ item, meter }: PriceFinding, words: Words): string {
  if (item !== null) return words.item(item);
  return meter === null ? "–" : words.meter(meter);
}

function row(finding: PriceFinding, words: Words): TemplateResult {
  const { level, code, plan, quantity, message } = finding;
  return html`<tr data-code=${code}>
    <th scope="row">${subjectOf(finding, words)}</th><td><span class="badge ${LEVELS[level].look}">${s(LEVELS[level].name)}</span></td>
    <td>${plan ?? "–"}</td><td class="right">${quantity === null ? "–" : html`<span data-value=${quantity}>${words.quantity(quantity, "")}</span>`}</td>
    <td class="wide" lang="en">${message}</td></tr>`;
}
