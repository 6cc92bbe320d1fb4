/** `<meterline-seller-sessions>`: who is in, who looked as whom and why, and a button that ends a session. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define } from "../base.ts";
import { client, Problem } from "../client.ts";
import { heading } from "../parts/heading.ts";
import { SellerPage } from "./page.ts";
import type { SessionList, SessionRow } from "./types.ts";
import { s, type SellerKey } from "./words.ts";

const KINDS: Record<SessionRow["kind"], SellerKey> = { embed: "Embedded", link: "Link", operator: "Seen as customer" };

export class MeterlineSellerSessions extends SellerPage {
  static override properties: PropertyDeclarations = {
    ...SellerPage.properties, hasEnded: { state: true }, customer: { state: true }, revoking: { state: true },
  };

  declare hasEnded: boolean;
  declare customer: string;
  /** The session that is to be ended, once that is confirmed. */
  declare revoking: string;
  private readonly sessions = this.pages<SessionList>(() => ({
    path: "operator/sessions", query: { customer: this.customer, ended: this.hasEnded ? "true" : "" },
  }));

  constructor() {
    super();
    this.hasEnded = false;
    this.customer = "";
    this.revoking = "";
  }

  protected override renderPage(): TemplateResult {
    return html`${heading({ title: s("Portal sessions") })}
      <form class="choices controls" @submit=${this.onFilter}>
        <label>${s("Customer key")}<input class="input" name="customer" maxlength="128" .value=${this.customer} /></label>
        <button class="button">${s("Show")}</button>
        <label class="toggle"><input type="checkbox" .checked=${this.hasEnded} @change=${this.onEnded} />${s("Also those that ended in the last 30 days")}</label>
      </form>
      ${this.renderTable(s("Sessions"), this.sessions, ["Customer", "Kind and reason", "Made by", "Opened", "Last used", "Ends", ""],
        ({ sessions }) => sessions, (row: SessionRow) => this.renderRow(row),
        { title: s("Nobody is in"), text: s("A session appears here when your platform makes one, or with meterline portal link --customer KEY.") })}
      <p class="note">${s("Every session is in the audit trail as well, with who made it and why: meterline audit list.")}</p>`;
  }

  private renderRow(row: SessionRow): TemplateResult {
    const { format } = this;
    const moment = (time: string | null): string => (time === null ? "–" : format.moment(time));
    return html`<tr data-session=${row.id} class=${row.isOver ? "is-over" : ""}>
      <th scope="row">${row.customer}<span class="small mono below">${row.id.slice(0, 8)}</span></th>
      <td class="wide">${s(KINDS[row.kind])}${row.reason === "" ? nothing : html`<span class="small below">${row.reason}</span>`}</td>
      <td class="moments">${row.createdBy}<span class="small below">${moment(row.createdAt)}</span></td>
      <td class="moments">${row.kind === "embed" ? "–" : row.redeemedAt === null ? s("not yet") : moment(row.redeemedAt)}</td>
      <td class="moments">${moment(row.lastUsedAt)}</td>
      <td class="moments">${row.revokedAt === null ? moment(row.endsAt) : html`${s("revoked")} <span class="small below">${moment(row.revokedAt)}</span>`}</td>
      <td class="right">${row.isOver ? nothing : this.renderRevoke(row)}</td></tr>`;
  }

  private renderRevoke({ id, customer }: SessionRow): TemplateResult {
    if (this.revoking !== id) return html`<button class="button" type="button" aria-label=${s("Revoke the session of {customer}", { customer })} @click=${() => (this.revoking = id)}>${s("Revoke")}</button>`;
    return html`<span class="buttons"><button class="button is-danger" type="button" @click=${() => this.onRevoke(id)}>${s("End it now")}</button>
      <button class="button is-bare" type="button" @click=${() => (this.revoking = "")}>${s("Keep it")}</button></span>`;
  }

  private readonly onFilter = (event: SubmitEvent): void => {
    event.preventDefault();
    this.customer = String(new FormData(event.currentTarget as HTMLFormElement).get("customer")).trim();
  };

  private readonly onEnded = (event: Event): void => {
    this.hasEnded = (event.currentTarget as HTMLInputElement).checked;
  };

  private async onRevoke(id: string): Promise<void> {
    this.revoking = "";
    try {
      await client.remove(`operator/sessions/${encodeURIComponent(id)}`);
      this.notice = s("The session has ended.");
      this.sessions.first.refresh();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.onProblem(error);
    }
  }
}

define("meterline-seller-sessions", MeterlineSellerSessions);
