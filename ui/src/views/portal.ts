/** `<meterline-portal>`: all pages with a rail to choose among them. In the hosted portal it follows the address bar. */

import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { define, MeterlineElement, type Navigation } from "../base.ts";
import { applyBrand } from "../brand.ts";
import { client, Problem } from "../client.ts";
import { changeLanguage, openContext, textsWithoutSession, type Context } from "../context.ts";
import { LANGUAGES, languageOf } from "../languages.ts";
import { problemState, skeleton } from "../parts/states.ts";
import { pathOf, routeOf, type Route } from "../router.ts";
import { AddressPlace, State } from "../state.ts";
import { choose } from "./choices.ts";
import portal from "../styles/portal.css";
import type { ViewName } from "../types.ts";

/** What was open on a page is not on another. */
const LEFT_BEHIND = { line: null, with: null, priced: null, quantity: null, bucket: null, series: null, behind: null };

export class MeterlinePortal extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(portal);
  static override properties: PropertyDeclarations = {
    context: { state: true },
    failure: { state: true },
    path: { state: true },
  };

  declare context: Context | null;
  declare failure: Problem | null;
  declare path: string;
  private state = new State();
  private isFollowing = false;

  constructor() {
    super();
    this.context = null;
    this.failure = null;
    this.path = "/";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("meterline-navigate", this.onNavigate);
    client.addEventListener("configured", this.begin);
    addEventListener("popstate", this.onPopState);
    this.begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener("meterline-navigate", this.onNavigate);
    client.removeEventListener("configured", this.begin);
    removeEventListener("popstate", this.onPopState);
  }

  protected override render(): TemplateResult {
    const { context } = this;
    if (this.failure !== null) {
      const t = context?.t ?? textsWithoutSession();
      return html`<div class="reset alone"><main>${problemState(t, this.failure, context, this.begin)}</main></div>`;
    }
    if (context === null) return html`<div class="reset alone">${skeleton(textsWithoutSession(), [28, 40, 16, 200])}</div>`;
    const route = routeOf(this.path);
    return html`<div class="reset frame">
      ${this.renderRail(context, route)}
      <main id="page" tabindex="-1">
        ${this.renderBanner(context)}
        ${route === null ? problemState(context.t, new Problem(404, "missing"), context, this.begin) : this.renderRoute(context, route)}
      </main>
    </div>`;
  }

  protected override updated(changes: PropertyValues<this>): void {
    if (!this.isFollowing || this.context === null || !(changes.has("path") || changes.has("context"))) return;
    this.renderRoot.querySelector("nav [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
    const view = routeOf(this.path)?.view;
    const name = this.context.session.seller || this.context.session.customer.name;
    document.title = view === undefined ? name : `${this.context.t(`view.${view}`)} · ${name}`;
  }

  private renderRail(context: Context, route: Route | null): TemplateResult {
    const { t, session, words } = context;
    // The logo is for who has a session; on a host's page the browser would ask for it without one.
    const { logoUrl } = session.branding;
    const logo = this.isFollowing || logoUrl?.startsWith("data:") === true ? logoUrl : null;
    return html`<header class="rail controls"><div>
      <button class="skip" type="button" @click=${this.onSkip}>${t("menu.skip")}</button>
      <div class="brand">${logo === null
        ? html`<span class="mark" aria-hidden="true"></span><span>${session.seller || session.customer.name}</span>`
        : html`<img src=${logo} alt=${session.seller} />`}</div>
      <nav aria-label=${t("menu.pages")}><ul>
        ${session.views.map((view) => html`<li><a href=${this.address(view)} aria-current=${route?.view === view ? "page" : "false"}
          @click=${(event: MouseEvent) => this.onLink(event, view)}>${t(`view.${view}`)}</a></li>`)}
      </ul></nav>
      <div class="foot small">
        ${session.seller === "" ? nothing : html`<p>${t("menu.help", { seller: session.seller })}</p>`}
        <p>${t("menu.zone", { zone: words.zone(session.timeZone) })}</p>
      </div>
      ${this.isFollowing ? html`<div class="language">${choose(t("menu.language"), Object.entries(LANGUAGES), context.language, this.onLanguage)}</div>` : nothing}
    </div></header>`;
  }

  private renderBanner({ session, t }: Context): TemplateResult | typeof nothing {
    if (session.actingFor === null) return nothing;
    const { operator, reason } = session.actingFor;
    const customer = session.customer.name || session.customer.key;
    return html`<p class="banner" role="status" data-banner="acting-for">${t("banner.actingFor", { customer, operator, reason })}</p>`;
  }

  private renderRoute(context: Context, { view, invoice }: Route): TemplateResult {
    if (!context.session.views.includes(view)) return problemState(context.t, new Problem(403, "forbidden"), context, this.begin);
    if (invoice !== "") return html`<meterline-invoice .state=${this.state} .number=${invoice}></meterline-invoice>`;
    const pages: Record<ViewName, () => TemplateResult> = {
      overview: () => html`<meterline-overview .state=${this.state}></meterline-overview>`,
      usage: () => html`<meterline-usage .state=${this.state}></meterline-usage>`,
      cost: () => html`<meterline-cost .state=${this.state}></meterline-cost>`,
      invoices: () => html`<meterline-invoices .state=${this.state}></meterline-invoices>`,
      plan: () => html`<meterline-plan .state=${this.state}></meterline-plan>`,
    };
    return pages[view]();
  }

  private readonly begin = (): void => {
    this.failure = null;
    openContext().then(
      (context) => this.open(context),
      (error: unknown) => {
        if (!(error instanceof Problem)) throw error;
        this.failure = error;
        this.report(error);
      },
    );
  };

  /** Only the portal's own page gives its address bar, title and scheme of colours; on other pages they belong to the host. */
  private open(context: Context): void {
    this.isFollowing = client.isHosted;
    if (this.isFollowing) {
      this.state = new State(new AddressPlace());
      this.path = location.pathname;
      document.documentElement.lang = context.language;
      document.documentElement.style.colorScheme = context.session.mode === "auto" ? "" : context.session.mode;
    }
    applyBrand(this, context.session.branding);
    const [first] = context.session.views;
    const isHome = this.path === "/" && first !== undefined && !context.session.views.includes("overview");
    if (isHome) this.go(pathOf(first), this.state.toString(), true);
    this.context = context;
  }

  /** A page keeps all that was chosen on the one before, but for what was open on it. */
  private address(view: ViewName): string {
    const query = this.state.after(LEFT_BEHIND);
    return pathOf(view) + (query && `?${query}`);
  }

  private readonly onLink = (event: MouseEvent, view: ViewName): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.go(pathOf(view), this.state.after(LEFT_BEHIND), false);
  };

  private readonly onLanguage = (language: string): void => {
    this.state.change({ lang: null }, true);
    changeLanguage(languageOf(language));
  };

  private readonly onSkip = (): void => {
    this.renderRoot.querySelector<HTMLElement>("#page")?.focus();
  };

  private readonly onNavigate = (event: Event): void => {
    const { path, query } = (event as CustomEvent<Navigation>).detail;
    event.preventDefault();
    this.go(path, query, false);
  };

  private readonly onPopState = (): void => {
    if (!this.isFollowing) return;
    this.path = location.pathname;
    this.state.reread();
    this.requestUpdate();
  };

  private go(path: string, query: string, isReplaced: boolean): void {
    if (this.isFollowing) {
      const address = path + (query && `?${query}`);
      if (isReplaced) history.replaceState(null, "", address);
      else history.pushState(null, "", address);
      this.state.reread();
      scrollTo(0, 0);
    } else {
      this.state.become(query);
    }
    this.path = path;
    this.requestUpdate();
  }
}

define("meterline-portal", MeterlinePortal);
