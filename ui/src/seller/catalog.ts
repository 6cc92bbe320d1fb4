/** `<meterline-seller-catalog>`: what is odd about prices; plans, their versions and prices in words, and who is on them. */

import { html, nothing, type TemplateResult } from "lit";
import { define } from "../base.ts";
import { heading } from "../parts/heading.ts";
import { priceInWords } from "../parts/prices.ts";
import { emptyState } from "../parts/states.ts";
import { Resource } from "../resource.ts";
import { findingsCard } from "./findings.ts";
import { SellerPage } from "./page.ts";
import type { Catalog, CatalogPlan, PlanContract, PlanVersion, PriceFindings } from "./types.ts";
import { s } from "./words.ts";

export class MeterlineSellerCatalog extends SellerPage {
  private readonly catalog = this.pages<Catalog>(() => ({ path: "operator/catalog" }));
  private readonly findings = new Resource<PriceFindings>(
    this, () => ({ path: "operator/catalog/findings" }), { isWatched: false, onProblem: (problem) => this.onProblem(problem) },
  );

  protected override get hasWords(): boolean {
    return true;
  }

  protected override renderPage(): TemplateResult {
    return html`${heading({ title: s("Catalog") })}
      ${this.findings.data === null ? nothing : findingsCard(this.findings.data, this.words)}
      ${this.renderData(this.catalog.first, ({ allContracts }) => {
        const plans = this.catalog.all.flatMap((page) => page.plans);
        if (plans.length === 0) return emptyState(s("No plans yet"), s("A plan appears here once it is applied: meterline apply -f catalog.yaml"));
        return html`${plans.map((plan) => this.renderPlan(plan))}
          ${allContracts ? nothing : html`<p class="note">${s("There are more contracts than are shown here; meterline get contracts lists all.")}</p>`}
          ${this.renderMore(this.catalog)}`;
      })}`;
  }

  private renderPlan(plan: CatalogPlan): TemplateResult {
    const inForce = plan.versions.find((version) => !version.isComing);
    return html`<section class="card stack" data-plan=${plan.name} aria-label=${plan.name}>
      <div class="card-head"><h2 class="card-title">${plan.name}</h2><span class="small">${s("Versions: {versions} · Contracts: {contracts}", { versions: plan.versionCount, contracts: plan.contractCount })}</span></div>
      ${plan.versions.map((version) => this.renderVersion(version, version === inForce))}
      ${plan.contracts.length === 0 ? html`<p class="hint">${s("Nobody is on this plan.")}</p>` : this.renderContracts(plan)}
    </section>`;
  }

  private renderVersion(version: PlanVersion, isInForce: boolean): TemplateResult {
    const since = version.effectiveFrom ?? version.createdAt;
    const { words } = this;
    return html`<details ?open=${isInForce || version.isComing} data-version=${version.version}><summary><b>${s("Version {version}", { version: version.version })}</b>
      ${version.isComing ? html`<span class="badge is-draft">${s("Coming")}</span>` : isInForce ? html`<span class="badge is-final">${s("In force")}</span>` : nothing}
      <span class="small">${version.effectiveFrom === null && version.version === 1 ? s("from the beginning") : s("periods that start from {moment}", { moment: this.format.moment(since) })},
        ${version.currency}${version.description === "" ? nothing : html` · ${version.description}`}</span></summary>
      <dl class="rows prices">${version.items.map((item) => html`<div><dt>${words.item(item.item)}</dt><dd>${priceInWords({ t: this.t, format: this.format, words }, item, version.currency)}</dd></div>`)}</dl></details>`;
  }

  private renderContracts(plan: CatalogPlan): TemplateResult {
    const row = (contract: PlanContract): TemplateResult => html`<tr data-contract=${contract.contract}>
      <th scope="row">${contract.customer}</th><td class="mono">${contract.contract}</td>
      <td>${contract.end === null ? s("from {start} on", { start: contract.start }) : s("{start} until {end}", { start: contract.start, end: contract.end })}</td>
      <td>${contract.pinnedVersion === null ? s("the one in force") : s("always {version}", { version: contract.pinnedVersion })}</td>
      <td>${contract.isComing ? html`<span class="badge is-draft">${s("Coming")}</span> ` : nothing}${contract.effectiveFrom === null ? nothing : html`<span class="small">${s("on it from {start}", { start: contract.effectiveFrom })}</span>`}</td></tr>`;
    return html`<details><summary>${s("Who is on it")}</summary><div class="scroll" role="region" tabindex="0" aria-label=${s("Contracts on {plan}", { plan: plan.name })}><table class="stacks">
      <thead><tr><th scope="col">${s("Customer")}</th><th scope="col">${s("Contract")}</th><th scope="col">${s("Days")}</th><th scope="col">${s("Version")}</th><th></th></tr></thead>
      <tbody>${plan.contracts.map(row)}</tbody></table></div>
      ${plan.contracts.length < plan.contractCount ? html`<p class="note">${s("The first {count} of {all}.", { count: plan.contracts.length, all: plan.contractCount })}</p>` : nothing}</details>`;
  }
}

define("meterline-seller-catalog", MeterlineSellerCatalog);
