/** `<meterline-seller-customers>`: customers with what they owe, and a way to see what one of them sees. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define } from "../base.ts";
import { spark } from "../charts/spark.ts";
import { client, Problem } from "../client.ts";
import { heading, periodName } from "../parts/heading.ts";
import { SellerPage } from "./page.ts";
import type { CustomerList, CustomerRow, Flag, MadeSession } from "./types.ts";
import { s, type SellerKey } from "./words.ts";

const FLAGS: Record<Flag, SellerKey> = { noContract: "No contract now", adjusted: "Adjusted", credit: "Credit" };
const LATE_AFTER_MS = 30_000;

export class MeterlineSellerCustomers extends SellerPage {
  static override properties: PropertyDeclarations = {
    ...SellerPage.properties, search: { state: true }, opening: { state: true }, link: { state: true },
  };

  declare search: string;
  /** The customer whose pages are about to be opened; empty = none. */
  declare opening: string;
  /** The link to them, once it is made. */
  declare link: string;
  private readonly customers = this.pages<CustomerList>(() => ({ path: "operator/customers", query: { search: this.search } }));

  constructor() {
    super();
    this.search = "";
    this.opening = "";
    this.link = "";
  }

  protected override renderPage(): TemplateResult {
    const search = html`<form class="search controls" role="search" @submit=${this.onSearch}>
      <input class="input" name="search" type="search" maxlength="128" aria-label=${s("Search by key or name")} placeholder=${s("Search by key or name")} />
      <button class="button">${s("Search")}</button></form>`;
    return html`${heading({ title: s("Customers"), actions: search })}
      ${this.renderTable(s("Customers"), this.customers, ["Customer", ">Live bill", "~Last invoices", ">Last invoice", "~Complete to", "Look at", ""],
        ({ customers }) => customers, (row: CustomerRow) => this.renderRow(row),
        this.search === ""
          ? { title: s("No customers yet"), text: s("A customer appears here once it is applied to the catalog: meterline apply -f catalog.yaml") }
          : { title: s("Nobody is named so"), text: s("Search for the beginning of the key, or of a word of the name.") })}
      ${this.renderDialog()}`;
  }

  private renderRow({ key, name, live, lastInvoice, trend, completeUntil, flags }: CustomerRow): TemplateResult {
    const { format } = this;
    const isLate = completeUntil !== null && Date.now() - Date.parse(completeUntil) > LATE_AFTER_MS;
    return html`<tr data-customer=${key}>
      <th scope="row">${name}${name === key ? nothing : html` <span class="small mono">${key}</span>`}</th>
      <td class="right">${live === null ? "–" : html`<span data-value=${live.total}>${format.money(live.total, live.currency)}</span>
        <span class="small below">${periodName(format, live.period)}</span>`}</td>
      <td class="narrow-hidden">${trend.length < 2 ? nothing : html`<span data-trend=${trend.join(" ")}>${spark(trend)}<span class="unseen">${s("{count} invoices", { count: trend.length })}</span></span>`}</td>
      <td class="right">${lastInvoice === null ? "–" : html`<span data-value=${lastInvoice.total}>${format.money(lastInvoice.total, lastInvoice.currency)}</span>
        <span class="small below mono">${lastInvoice.number}</span>`}</td>
      <td class="narrow-hidden">${live === null ? "–" : completeUntil === null ? html`<span class="small">${s("not known")}</span>`
        : html`<span class=${isLate ? "late" : ""}>${format.moment(completeUntil)}</span>`}</td>
      <td>${flags.map((flag) => html`<span class="badge ${flag === "noContract" ? "is-draft" : ""}">${s(FLAGS[flag])}</span> `)}</td>
      <td class="right"><button class="button" type="button" @click=${() => this.onOpen(key)}
        aria-label=${s("Open as {name}", { name })}>${s("Open as customer")}</button></td>
    </tr>`;
  }

  private renderDialog(): TemplateResult {
    return html`<dialog class="card" aria-labelledby="opening" @close=${this.onClosed}>
      <form class="stack" method="dialog" @submit=${this.onConfirm}>
        <h2 id="opening" class="card-title">${s("See what {customer} sees", { customer: this.opening })}</h2>
        <p class="hint">${s("A session is made and recorded with your name and this reason. You can look at everything and change nothing.")}</p>
        <label>${s("Reason")}<input class="input" name="reason" maxlength="200" required autocomplete="off" placeholder="ticket 4711" /></label>
        ${this.link === "" ? nothing : html`<p class="note" role="status">${s("The browser kept the new tab closed; open the pages here, once:")} <a href=${this.link} target="_blank" rel="noopener">${s("the customer's pages")}</a></p>`}
        <div class="buttons"><button class="button" type="button" @click=${this.onCancel}>${s("Cancel")}</button>
          <button class="button is-primary">${s("Open in a new tab")}</button></div>
      </form></dialog>`;
  }

  private get dialog(): HTMLDialogElement {
    return this.renderRoot.querySelector("dialog") as HTMLDialogElement;
  }

  private readonly onSearch = (event: SubmitEvent): void => {
    event.preventDefault();
    this.search = String(new FormData(event.currentTarget as HTMLFormElement).get("search")).trim();
  };

  private onOpen(key: string): void {
    this.notice = "";
    this.link = "";
    this.opening = key;
    void this.updateComplete.then(() => this.dialog.showModal());
  }

  private readonly onCancel = (): void => this.dialog.close();

  private readonly onClosed = (): void => {
    this.dialog.querySelector("form")?.reset();
  };

  private readonly onConfirm = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget as HTMLFormElement).get("reason")).trim();
    // Opened now, since browsers keep a tab closed that no click asks for; it goes to the link once that is made.
    const tab = open("", "_blank");
    try {
      const made = await client.post<MadeSession>("operator/sessions", { customer: this.opening, kind: "operator", reason });
      if (made.url === null) return;
      if (tab === null) {
        this.link = made.url;
        return;
      }
      tab.opener = null;
      tab.location.href = made.url;
      this.dialog.close();
    } catch (error) {
      tab?.close();
      if (!(error instanceof Problem)) throw error;
      this.dialog.close();
      this.onProblem(error);
    }
  };
}

define("meterline-seller-customers", MeterlineSellerCustomers);
