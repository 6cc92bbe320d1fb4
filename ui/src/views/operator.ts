/** `<meterline-operator>`: the seller's own pages. They use the token of whoever looks, which stays in memory. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { define, MeterlineElement } from "../base.ts";
import { client, Problem } from "../client.ts";
import { keepLanguage, LANGUAGES, type Language } from "../languages.ts";
import "../seller/branding.ts";
import "../seller/catalog.ts";
import "../seller/customers.ts";
import "../seller/revenue.ts";
import "../seller/sessions.ts";
import "../seller/unbilled.ts";
import { s, sellerLanguage, speakTo } from "../seller/words.ts";
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
  static override properties: PropertyDeclarations = { isSignedIn: { state: true }, language: { state: true }, tab: { state: true }, notice: { state: true } };

  declare isSignedIn: boolean;
  /** What the pages speak; null until its texts are there. */
  declare language: Language | null;
  declare tab: Tab;
  declare notice: string;

  constructor() {
    super();
    this.isSignedIn = false;
    this.language = null;
    this.tab = tabOf(location.pathname);
    this.notice = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("popstate", this.onPopState);
    addEventListener("hashchange", this.onHash);
    this.addEventListener("meterline-error", this.onError);
    this.onHash();
    void this.speak(sellerLanguage());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("popstate", this.onPopState);
    removeEventListener("hashchange", this.onHash);
    this.removeEventListener("meterline-error", this.onError);
  }

  protected override render(): TemplateResult {
    if (this.language === null) return html`<div class="reset frame"></div>`;
    return html`<div class="reset frame">
      ${this.isSignedIn ? this.renderPages() : this.renderSignIn()}
    </div>`;
  }

  protected override updated(): void {
    this.renderRoot.querySelector("nav [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
    document.title = `${s(TABS[this.tab].name)} · Meterline`;
  }

  private renderSignIn(): TemplateResult {
    return html`<main class="page"><form class="card sign-in" @submit=${this.onSignIn}>
      <h1 class="page-title">${s("The seller's pages")}</h1>
      <p class="hint">${s("They show all customers. Give a token of the suite with the scope read, or open the link that this command prints:")} <code class="mono">meterline portal seller</code>. ${s("The token is kept until this page is closed or loaded again.")}</p>
      <label>${s("Token")}<input class="input" name="token" type="password" required autocomplete="off" spellcheck="false" /></label>
      <button class="button is-primary">${s("Sign in")}</button>
      ${this.notice === "" ? nothing : html`<p class="note" role="alert">${this.notice}</p>`}
    </form></main>`;
  }

  private renderPages(): TemplateResult {
    return html`<header class="bar controls"><nav aria-label=${s("Pages")}><ul>${(Object.keys(TABS) as Tab[]).map((tab) => html`<li><a href=${`/seller/${tab}`}
        aria-current=${tab === this.tab ? "page" : "false"} @click=${(event: MouseEvent) => this.onLink(event, tab)}>${s(TABS[tab].name)}</a></li>`)}</ul></nav>
      <select class="select" aria-label=${s("Language")} @change=${this.onLanguage}>${Object.entries(LANGUAGES).map(([language, name]) => html`<option
        value=${language} lang=${language} ?selected=${language === this.language}>${name}</option>`)}</select>
      <button class="button" type="button" @click=${this.onSignOut}>${s("Sign out")}</button></header>
      <main class="wide-page">${keyed(this.language, TABS[this.tab].page())}</main>`;
  }

  /** Speak a language from now on: the pages are made anew, with all that they say. */
  private async speak(language: Language): Promise<void> {
    try {
      await speakTo(language);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.notice = error.message;
      if (this.language === null) await speakTo("en");
    }
    this.language = language;
    document.documentElement.lang = language;
  }

  private readonly onLanguage = (event: Event): void => {
    const language = (event.currentTarget as HTMLSelectElement).value as Language;
    keepLanguage(language);
    void this.speak(language);
  };

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
    this.notice = (event as CustomEvent<{ detail: string }>).detail.detail || s("The token is not good any more; give another one.");
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
