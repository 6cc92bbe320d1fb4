/** What every page of the portal has in common, whether it stands in the portal or alone on somebody's own page. */

import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { MeterlineElement } from "./base.ts";
import { applyBrand } from "./brand.ts";
import { client, Problem } from "./client.ts";
import { chosenPeriod, openContext, textsWithoutSession, type Context } from "./context.ts";
import { curlButton } from "./parts/curl.ts";
import "./parts/freshness.ts";
import { problemState, refusal, skeleton } from "./parts/states.ts";
import type { Resource } from "./resource.ts";
import { State, type Changes } from "./state.ts";
import type { Fresh, Period, ViewName } from "./types.ts";

export abstract class MeterlineView extends MeterlineElement {
  static override properties: PropertyDeclarations = {
    state: { attribute: false },
    context: { state: true },
    failure: { state: true },
    notice: { state: true },
  };

  declare state: State;
  protected declare context: Context | null;
  protected declare failure: Problem | null;
  /** What the reader should know of the last action, for example that it was refused. */
  protected declare notice: string;
  protected abstract readonly view: ViewName;
  private listened: State | null = null;
  private followed = "";
  /** A host may change what its attributes choose at any time; frameworks do. */
  private readonly attributesObserver = new MutationObserver(() => this.requestUpdate());

  constructor() {
    super();
    this.state = new State();
    this.context = null;
    this.failure = null;
    this.notice = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    client.addEventListener("configured", this.begin);
    this.attributesObserver.observe(this, { attributes: true });
    this.begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    client.removeEventListener("configured", this.begin);
    this.attributesObserver.disconnect();
    this.listenTo(null);
  }

  protected override willUpdate(_changes: PropertyValues<this>): void {
    if (this.isConnected) this.listenTo(this.state);
    const billingPeriod = this.isOpen ? (this.period?.billingPeriod ?? "") : "";
    if (billingPeriod === this.followed) return;
    this.followed = billingPeriod;
    client.follow(billingPeriod);
  }

  protected override render(): TemplateResult {
    const { context } = this;
    if (this.failure !== null) {
      const t = context?.t ?? textsWithoutSession();
      return html`<div class="reset">${problemState(t, this.failure, context, this.begin)}</div>`;
    }
    if (context === null) return html`<div class="reset"><div class="page">${skeleton(textsWithoutSession(), [28, 40, 16, 200])}</div></div>`;
    if (!context.session.views.includes(this.view)) {
      return html`<div class="reset">${problemState(context.t, new Problem(403, "forbidden"), context, this.begin)}</div>`;
    }
    return html`<div class="reset"><div class="page">${this.renderPage(context)}</div></div>`;
  }

  protected abstract renderPage(context: Context): TemplateResult;

  /** What the reader chose, else what the attribute of that name says, else nothing. */
  protected choice(name: string): string {
    return this.state.get(name) || (this.getAttribute(name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)) ?? "");
  }

  protected change(changes: Changes): void {
    this.state.change(changes);
  }

  /** The chosen period, or the newest. */
  protected get period(): Period | undefined {
    return this.context === null ? undefined : chosenPeriod(this.context, this.choice("billingPeriod"));
  }

  /** Whether requests can be made: the session is known and shows this page. */
  protected get isOpen(): boolean {
    return this.context !== null && this.context.session.views.includes(this.view);
  }

  /** The data of a page, or a skeleton, or what went wrong. Old figures stay in sight when they can't be refreshed. */
  protected renderResource<T>(
    context: Context, resource: Resource<T>, bones: readonly number[], render: (data: T) => TemplateResult,
  ): TemplateResult {
    if (resource.data !== null) return html`<div class="page ${resource.isWaiting ? "is-waiting" : ""}" aria-busy=${resource.isWaiting}>${render(resource.data)}</div>`;
    if (resource.problem !== null) return problemState(context.t, resource.problem, context, () => resource.refresh());
    return skeleton(context.t, bones);
  }

  protected renderFreshness(resource: Resource<Fresh & { filled?: boolean }>, isFinal: boolean): TemplateResult | typeof nothing {
    const { data, problem } = resource;
    if (data === null) return nothing;
    const freshness = { fresh: data, problem, isFinal, isFilled: data.filled ?? true };
    return html`<meterline-freshness .context=${this.context} .freshness=${freshness}></meterline-freshness>`;
  }

  /** The request behind the page as a command line, and what came of the last action. */
  protected renderCurl(context: Context, path: string, query: Changes): TemplateResult {
    return html`<span class="note" role="status">${this.notice}</span>
      <span class="controls">${curlButton(context, path, query, (text) => (this.notice = text))}</span>`;
  }

  protected readonly onProblem = (problem: Problem): void => this.report(problem);

  /** An action of the reader failed: say so where they are looking, and to the page around. */
  protected readonly onRefused = (problem: Problem): void => {
    if (this.context !== null) this.notice = refusal(this.context.t, problem);
    this.report(problem);
  };

  private readonly begin = (): void => {
    this.failure = null;
    openContext().then(
      (context) => {
        this.context = context;
        applyBrand(this, context.session.branding);
      },
      (error: unknown) => {
        if (!(error instanceof Problem)) throw error;
        this.failure = error;
        this.report(error);
      },
    );
  };

  private readonly onState = (): void => {
    this.notice = "";
    this.notify("meterline-state-changed", { query: this.state.toString() });
    this.requestUpdate();
  };

  private listenTo(state: State | null): void {
    if (this.listened === state) return;
    this.listened?.removeEventListener("change", this.onState);
    state?.addEventListener("change", this.onState);
    this.listened = state;
  }
}
