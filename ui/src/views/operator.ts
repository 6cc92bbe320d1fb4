/** `<meterline-operator>`: the seller's own pages. They use the token of whoever looks, which stays in memory. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { client, kindOf, type Problem } from "../client.ts";
import { textsWithoutSession } from "../context.ts";
import { Format } from "../format.ts";
import { Pages } from "../pages.ts";
import { heading, periodName } from "../parts/heading.ts";
import { emptyState, problemState, refusal, skeleton } from "../parts/states.ts";
import operator from "../styles/operator.css";
import type { CustomerList, CustomerRow, SessionList, SessionRow } from "../types.ts";

type Tab = "customers" | "sessions";
const TABS: readonly Tab[] = ["customers", "sessions"];

export class MeterlineOperator extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(operator);
  static override properties: PropertyDeclarations = {
    isSignedIn: { state: true },
    tab: { state: true },
    notice: { state: true },
  };

  declare isSignedIn: boolean;
  declare tab: Tab;
  declare notice: string;
  private readonly t = textsWithoutSession();
  private readonly format = new Format(navigator.language, Intl.DateTimeFormat().resolvedOptions().timeZone);
  private readonly onProblem = (problem: Problem): void => {
    this.notice = refusal(this.t, problem);
    if (kindOf(problem) === "expired") this.isSignedIn = false;
  };
  private readonly customers = this.pagesOf<CustomerList>("customers");
  private readonly sessions = this.pagesOf<SessionList>("sessions");

  constructor() {
    super();
    this.isSignedIn = false;
    this.tab = "customers";
    this.notice = "";
  }

  protected override render(): TemplateResult {
    return html`<div class="reset frame"><main class="page">
      ${this.isSignedIn ? this.renderPages() : this.renderSignIn()}
      ${this.notice === "" ? nothing : html`<p class="note" role="alert">${this.notice}</p>`}
    </main></div>`;
  }

  private pagesOf<T extends CustomerList | SessionList>(tab: Tab): Pages<T> {
    // Changes are told to sessions of customers only, and the bills of all customers are too much to ask for again and again.
    const options = { onProblem: this.onProblem, isWatched: false };
    return new Pages<T>(this, () => (this.isSignedIn && this.tab === tab ? { path: `operator/${tab}` } : null), options);
  }

  private renderSignIn(): TemplateResult {
    const { t } = this;
    return html`<form class="card sign-in" @submit=${this.onSignIn}>
      <h1 class="page-title">${t("operator.title")}</h1>
      <p class="hint">${t("operator.signInText")}</p>
      <label>${t("operator.token")}<input class="input" name="token" type="password" required autocomplete="off" spellcheck="false" /></label>
      <button class="button is-primary">${t("operator.signIn")}</button>
    </form>`;
  }

  private renderPages(): TemplateResult {
    const { t } = this;
    return html`
      ${heading({
        title: t("operator.title"),
        actions: html`<button class="button" type="button" @click=${this.onSignOut}>${t("operator.signOut")}</button>`,
      })}
      <div class="segments" role="group" aria-label=${t("menu.pages")}>${TABS.map((tab) => html`<button type="button"
        aria-pressed=${tab === this.tab} @click=${() => (this.tab = tab)}>${t(`operator.${tab}`)}</button>`)}</div>
      ${this.tab === "customers"
        ? this.renderList(this.customers, ({ customers }) => customers, ["customer", "live", "last"], (row) => this.renderCustomer(row))
        : this.renderList(this.sessions, ({ sessions }) => sessions, ["customer", "kind", "made", "ends", "used"], (row) => this.renderSession(row))}`;
  }

  private renderList<T extends CustomerList | SessionList, Row>(
    pages: Pages<T>, rowsOf: (page: T) => Row[], columns: readonly Column[], render: (row: Row) => TemplateResult,
  ): TemplateResult {
    const { t } = this;
    const { data, problem } = pages.first;
    if (data === null && problem !== null) return problemState(t, problem, null, () => pages.first.refresh());
    if (data === null) return skeleton(t, [24, 24, 24, 24]);
    const rows = pages.all.flatMap(rowsOf);
    if (rows.length === 0) return emptyState(t("operator.empty"), t("operator.emptyText"));
    return html`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${t(`operator.${this.tab}`)}><table>
      <thead><tr>${columns.map((column) => html`<th scope="col" class=${column === "live" || column === "last" ? "right" : ""}>${t(`operator.column.${column}`)}</th>`)}</tr></thead>
      <tbody>${rows.map(render)}</tbody></table></div>
      ${pages.next === null ? nothing : html`<p class="more"><button class="button" type="button" ?disabled=${pages.isLoading}
        @click=${() => pages.more()}>${t("operator.more")}</button></p>`}
    </section>`;
  }

  private renderCustomer({ key, name, live, lastInvoice }: CustomerRow): TemplateResult {
    const { format } = this;
    return html`<tr data-customer=${key}>
      <th scope="row">${name || key}<span class="small mono"> ${key}</span></th>
      <td class="right">${live === null ? "–" : html`<span data-value=${live.total}>${format.money(live.total, live.currency)}</span>
        <span class="small below">${periodName(format, live.period)}</span>`}</td>
      <td class="right">${lastInvoice === null ? "–" : html`<span data-value=${lastInvoice.total}>${format.money(lastInvoice.total, lastInvoice.currency)}</span>
        <span class="small below mono">${lastInvoice.number}</span>`}</td>
    </tr>`;
  }

  private renderSession({ id, customer, kind, createdBy, createdAt, endsAt, lastUsedAt, reason }: SessionRow): TemplateResult {
    const { format, t } = this;
    return html`<tr data-session=${id}>
      <th scope="row">${customer}<span class="small mono below">${id}</span></th>
      <td>${t(`operator.kind.${kind}`)}<span class="small below">${reason}</span></td>
      <td>${createdBy}<span class="small below">${format.moment(createdAt)}</span></td>
      <td>${format.moment(endsAt)}</td><td>${lastUsedAt === null ? "–" : format.moment(lastUsedAt)}</td>
    </tr>`;
  }

  private readonly onSignIn = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const token = String(new FormData(form).get("token")).trim();
    if (token === "") return;
    form.reset();
    client.configure({ baseUrl: location.origin, fetchToken: () => Promise.resolve(token) });
    this.notice = "";
    this.isSignedIn = true;
  };

  private readonly onSignOut = (): void => {
    client.reset();
    this.isSignedIn = false;
  };
}

type Column = "customer" | "live" | "last" | "kind" | "made" | "ends" | "used";

define("meterline-operator", MeterlineOperator);
