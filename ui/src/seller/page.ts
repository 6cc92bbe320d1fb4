/** What the seller's pages have in common: their words, their figures, and how they say what went wrong. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { MeterlineElement } from "../base.ts";
import type { Problem } from "../client.ts";
import { textsWithoutSession } from "../context.ts";
import { Format } from "../format.ts";
import { Words } from "../i18n.ts";
import { Pages, type Page } from "../pages.ts";
import { emptyState, problemState, refusal, skeleton } from "../parts/states.ts";
import { Resource, type Wanted } from "../resource.ts";
import seller from "../styles/operator.css";
import type { StoredProfile } from "./types.ts";
import { s, sellerLocale, type SellerKey } from "./words.ts";

/** What stands before the name of a column tells its look: figures to the right, or left out where there is little room. */
const LOOKS: Record<string, string> = { ">": "right", "~": "narrow-hidden" };
type Column = "" | SellerKey | `>${SellerKey}` | `~${SellerKey}`;

export abstract class SellerPage extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(seller);
  static override properties: PropertyDeclarations = { notice: { state: true } };

  /** What the reader should know of the last action. */
  declare notice: string;
  protected readonly t = textsWithoutSession();
  protected readonly format = new Format(sellerLocale(), Intl.DateTimeFormat().resolvedOptions().timeZone);

  private readonly profile = new Resource<StoredProfile>(
    this, () => (this.hasWords ? { path: "operator/profile" } : null), { isWatched: false, onProblem: (problem) => this.onProblem(problem) },
  );

  constructor() {
    super();
    this.notice = "";
  }

  /** Whether the page says things in the words of the profile. */
  protected get hasWords(): boolean {
    return false;
  }

  /** The seller's own words, as customers read them; names as they are until those are known. */
  protected get words(): Words {
    const { items = {}, meters = {}, units = {} } = this.profile.data?.spec.labels ?? {};
    return new Words({ items, meters, units, properties: {}, values: {} }, this.format);
  }

  /** "2013-11" as "November 2013"; a period that is named otherwise keeps its name. */
  protected monthName(billingPeriod: string): string {
    return /^\d{4}-\d{2}$/.test(billingPeriod) ? this.format.month(`${billingPeriod}-15T12:00:00Z`) : billingPeriod;
  }

  protected readonly onProblem = (problem: Problem): void => {
    this.notice = refusal(this.t, problem);
    this.report(problem);
  };

  /** Where a row is a card, on a phone, each cell says what its column is. */
  protected override updated(): void {
    for (const table of this.renderRoot.querySelectorAll("table")) {
      const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent?.trim() ?? "");
      for (const row of table.querySelectorAll("tbody tr, tfoot tr")) {
        [...row.children].forEach((cell, place) => cell.setAttribute("data-head", heads[place] ?? ""));
      }
    }
  }

  protected override render(): TemplateResult {
    return html`<div class="reset"><div class="page">${this.renderPage()}
      ${this.notice === "" ? nothing : html`<p class="note" role="alert">${this.notice}</p>`}</div></div>`;
  }

  protected abstract renderPage(): TemplateResult;

  protected pages<T extends Page>(wanted: () => Wanted | null): Pages<T> {
    // Changes are told to sessions of customers only, and all that a seller has is too much to ask for again and again.
    return new Pages<T>(this, wanted, { isWatched: false, onProblem: this.onProblem });
  }

  protected renderData<T>(resource: Resource<T>, render: (data: T) => TemplateResult): TemplateResult {
    if (resource.data !== null) return html`<div class="page ${resource.isWaiting ? "is-waiting" : ""}" aria-busy=${resource.isWaiting}>${render(resource.data)}</div>`;
    if (resource.problem !== null) return problemState(this.t, resource.problem, null, () => resource.refresh());
    return skeleton(this.t, [28, 24, 24, 24]);
  }

  protected renderTable<T extends Page, Row>(
    label: string, pages: Pages<T>, columns: readonly Column[], rowsOf: (page: T) => readonly Row[], render: (row: Row) => TemplateResult,
    empty: { title: string; text: string },
  ): TemplateResult {
    return this.renderData(pages.first, () => {
      const rows = pages.all.flatMap(rowsOf);
      if (rows.length === 0 && pages.next === null) return emptyState(empty.title, empty.text);
      return html`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${label}><table class="stacks">
        <thead><tr>${columns.map((column) => html`<th scope="col" class=${LOOKS[column[0] ?? ""] ?? ""}>${column === "" ? "" : s(column.replace(/^[>~]/, "") as SellerKey)}</th>`)}</tr></thead>
        <tbody>${rows.map(render)}</tbody></table></div>${this.renderMore(pages)}</section>`;
    });
  }

  protected renderMore<T extends Page>(pages: Pages<T>): TemplateResult | typeof nothing {
    if (pages.next === null) return nothing;
    return html`<p class="more"><button class="button" type="button" ?disabled=${pages.isLoading} @click=${() => pages.more()}>${s("Show more")}</button></p>`;
  }
}
