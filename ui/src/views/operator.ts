/** `<meterline-operator>`: the seller's own pages. They use the token of whoever looks, which stays in memory. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { client } from "../client.ts";
import "../seller/branding.ts";
import "../seller/catalog.ts";
import "../seller/customers.ts";
import "../seller/revenue.ts";
import "../seller/sessions.ts";
import "../seller/unbilled.ts";
import operator from "../styles/operator.css";

type Tab = keyof typeof TABS;
const TABS = {
  customers: { name: "Customers", page: () => html`<meterline-seller-customers></meterline-seller-customers>` },
  revenue: { name: "Revenue", page: () => html`<meterline-seller-revenue></meterline-seller-revenue>` },
  catalog: { name: "Catalog", page: () => html`<meterline-seller-catalog></meterline-seller-catalog>` },
  unbilled: { name: "Unbilled", page: () => html`<meterline-seller-unbilled></meterline-seller-unbilled>` },
  sessions: { name: "Sessions", page: () => html`<meterline-seller-sessions></meterline-seller-sessions>` },
  branding: { name: "Branding", page: () => html`<meterline-seller-branding></meterline-seller-branding>` },
} as const;

export class MeterlineOperator extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(operator);
  static override properties: PropertyDeclarations = { isSignedIn: { state: true }, tab: { state: true }, notice: { state: true } };

  declare isSignedIn: boolean;
  declare tab: Tab;
  declare notice: string;

  constructor() {
    super();
    this.isSignedIn = false;
    this.tab = tabOf(location.pathname);
    this.notice = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("popstate", this.onPopState);
    addEventListener("hashchange", this.onHash);
    this.addEventListener("meterline-error", this.onError);
    this.onHash();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("popstate", this.onPopState);
    removeEventListener("hashchange", this.onHash);
    this.removeEventListener("meterline-error", this.onError);
  }

  protected override render(): TemplateResult {
    return html`<div class="reset frame">
      ${this.isSignedIn ? this.renderPages() : this.renderSignIn()}
    </div>`;
  }

  protected override updated(): void {
    this.renderRoot.querySelector("nav [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
    document.title = `${TABS[this.tab].name} · Meterline`;
  }

  private renderSignIn(): TemplateResult {
    return html`<main class="page"><form class="card sign-in" @submit=${this.onSignIn}>
      <h1 class="page-title">The seller's pages</h1>
      <p class="hint">They show all customers. <code class="mono">meterline portal seller</code> prints a link that opens them; or give a token of the suite with the scope read. It is kept until this page is closed or loaded again.</p>
      <label>Token<input class="input" name="token" type="password" required autocomplete="off" spellcheck="false" /></label>
      <button class="button is-primary">Sign in</button>
      ${this.notice === "" ? nothing : html`<p class="note" role="alert">${this.notice}</p>`}
    </form></main>`;
  }

  private renderPages(): TemplateResult {
    return html`<header class="bar controls"><nav aria-label="Pages"><ul>${(Object.keys(TABS) as Tab[]).map((tab) => html`<li><a href=${`/seller/${tab}`}
        aria-current=${tab === this.tab ? "page" : "false"} @click=${(event: MouseEvent) => this.onLink(event, tab)}>${TABS[tab].name}</a></li>`)}</ul></nav>
      <button class="button" type="button" @click=${this.onSignOut}>Sign out</button></header>
      <main class="wide-page">${TABS[this.tab].page()}</main>`;
  }

  private signIn(token: string): void {
    client.configure({ baseUrl: location.origin, fetchToken: () => Promise.resolve(token) });
    this.notice = "";
    this.isSignedIn = true;
  }

  private readonly onSignIn = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const token = String(new FormData(form).get("token")).trim();
    if (token === "") return;
    form.reset();
    this.signIn(token);
  };

  private readonly onSignOut = (): void => {
    client.reset();
    this.isSignedIn = false;
  };

  /** A link has the token behind the #; it is taken out of the address before anything else. */
  private readonly onHash = (): void => {
    const token = decodeURIComponent(location.hash.slice(1));
    if (token === "") return;
    history.replaceState(null, "", location.pathname + location.search);
    this.signIn(token);
  };

  private readonly onError = (event: Event): void => {
    if ((event as CustomEvent<{ kind: string; detail: string }>).detail.kind !== "expired") return;
    this.notice = (event as CustomEvent<{ detail: string }>).detail.detail || "The token is not good any more; give another one.";
    this.isSignedIn = false;
  };

  private readonly onPopState = (): void => {
    this.tab = tabOf(location.pathname);
  };

  private readonly onLink = (event: MouseEvent, tab: Tab): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    history.pushState(null, "", `/seller/${tab}`);
    this.tab = tab;
  };
}

/** The page that an address names; anything else is the first. */
function tabOf(path: string): Tab {
  const name = path.split("/")[2] ?? "";
  return name in TABS ? (name as Tab) : "customers";
}

define("meterline-operator", MeterlineOperator);
