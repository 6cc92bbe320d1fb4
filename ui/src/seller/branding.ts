/** `<meterline-seller-branding>`: how the portal looks and what it shows; beside the form, a customer's pages by what is not saved yet. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define } from "../base.ts";
import { client, Problem } from "../client.ts";
import { copy } from "../parts/files.ts";
import { heading } from "../parts/heading.ts";
import { problemState, skeleton } from "../parts/states.ts";
import type { ViewName } from "../types.ts";
import { entriesOf, linesOf, linesOfPresets, linesOfTexts, linesOfUnits, linesOfValues, listOf, presetsOf, rowsOf, textsOf, unitsOf, valuesOf } from "./lines.ts";
import { SellerPage } from "./page.ts";
import { READY, type Shown } from "./preview.ts";
import type { CustomerList, MadeSession, Preview, ProfileSpec, StoredProfile, Verdict } from "./types.ts";
import { s, sellerLanguage, type SellerKey } from "./words.ts";

const VIEWS: readonly ViewName[] = ["overview", "usage", "cost", "invoices", "plan"];
const MODES: readonly [string, SellerKey][] = [["COLOR_MODE_AUTO", "As the browser is set"], ["COLOR_MODE_LIGHT", "Always light"], ["COLOR_MODE_DARK", "Always dark"]];
const FLOORS: readonly [string, SellerKey][] = [["WINDOW_FLOOR_HOUR", "Hours"], ["WINDOW_FLOOR_DAY", "Days"], ["WINDOW_FLOOR_MONTH", "Months"]];
const VERDICTS = {
  lighttrue: "{ratio}:1 on the light surface: it can be read.", lightfalse: "{ratio}:1 on the light surface: 4.5:1 is needed.",
  darktrue: "{ratio}:1 on the dark surface: it can be read.", darkfalse: "{ratio}:1 on the dark surface: 4.5:1 is needed.",
} as const;
const PREVIEW_AFTER_MS = 350;
/** A token of the preview is good for ten minutes. */
const TOKEN_MS = 8 * 60_000;
const DESKTOP_PX = 1200;
const PHONE_PX = 390;
const NARROW_PX = 600;

export class MeterlineSellerBranding extends SellerPage {
  static override properties: PropertyDeclarations = {
    ...SellerPage.properties, stored: { state: true }, failure: { state: true }, spec: { state: true }, tried: { state: true },
    customers: { state: true }, customer: { state: true }, device: { state: true }, mode: { state: true }, isSaving: { state: true },
  };

  declare stored: StoredProfile | null;
  declare failure: Problem | null;
  declare spec: ProfileSpec;
  declare tried: Preview | null;
  declare customers: CustomerList["customers"];
  declare customer: string;
  declare device: "desktop" | "phone";
  declare mode: "light" | "dark";
  declare isSaving: boolean;
  private session: { customer: string; made: MadeSession | null; until: number } = { customer: "", made: null, until: 0 };
  private timer = 0;
  private turn = 0;
  private readonly observer = new ResizeObserver(() => this.fit());

  constructor() {
    super();
    this.stored = null;
    this.failure = null;
    this.spec = {};
    this.tried = null;
    this.customers = [];
    this.customer = "";
    this.device = innerWidth < NARROW_PX ? "phone" : "desktop";
    this.mode = "light";
    this.isSaving = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("message", this.onMessage);
    void this.begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("message", this.onMessage);
    clearTimeout(this.timer);
    this.observer.disconnect();
  }

  protected override updated(): void {
    super.updated();
    const stage = this.stage;
    if (stage !== null) this.observer.observe(stage);
    this.fit();
  }

  protected override renderPage(): TemplateResult {
    if (this.failure !== null) return problemState(this.t, this.failure, null, () => void this.begin());
    if (this.stored === null) return skeleton(this.t, [28, 40, 200]);
    return html`${heading({ title: s("Branding"), actions: this.renderActions(this.stored) })}
      <div class="split"><form class="stack" @submit=${(event: Event) => event.preventDefault()}>${this.renderForm(this.stored)}</form>${this.renderPreview()}</div>`;
  }

  private renderActions(stored: StoredProfile): TemplateResult {
    const isOld = stored.version !== (stored.versions[0] ?? 0);
    return html`<label class="inline">${s("Version")}<select class="select" @change=${this.onVersion} aria-label=${s("Version")}>
        ${stored.versions.length === 0 ? html`<option>${s("default")}</option>` : stored.versions.map((version) => html`<option value=${version} ?selected=${version === stored.version}>${version === stored.versions[0] ? s("{version} (in force)", { version }) : version}</option>`)}
      </select></label>
      <button class="button is-primary" type="button" ?disabled=${this.isSaving || (this.tried?.problems.length ?? 0) > 0} @click=${this.onSave}>${isOld ? s("Restore version {version}", { version: stored.version }) : s("Save")}</button>`;
  }

  private renderForm(stored: StoredProfile): TemplateResult {
    const { spec } = this;
    const { labels = {} } = spec;
    const text = (name: keyof ProfileSpec, label: string, hint: string, placeholder = ""): TemplateResult => html`<label>${label}
      <input class="input" .value=${String(spec[name] ?? "")} placeholder=${placeholder} aria-describedby=${`hint-${name}`} @input=${(event: Event) => this.change({ [name]: valueOf(event) })} />
      <span id=${`hint-${name}`} class="small">${hint}${this.renderProblem(name)}</span></label>`;
    const area = (label: string, hint: string, value: string, change: (text: string) => Partial<ProfileSpec>, placeholder = ""): TemplateResult => html`<label>${label}
      <textarea class="input" rows="3" spellcheck="false" .value=${value} placeholder=${placeholder} @change=${(event: Event) => this.change(change(valueOf(event)))}></textarea>
      <span class="small">${hint}</span></label>`;
    const select = (name: "mode" | "windowFloor", label: string, options: readonly [string, SellerKey][]): TemplateResult => html`<label>${label}
      <select class="select" @change=${(event: Event) => this.change({ [name]: valueOf(event) })}>${options.map(([value, word]) => html`<option value=${value} ?selected=${value === spec[name]}>${s(word)}</option>`)}</select></label>`;
    const toggle = (name: "anyProperty" | "showsCorrectionReasons", label: string): TemplateResult => html`<label class="toggle is-long"><input type="checkbox"
      .checked=${spec[name] ?? false} @change=${() => this.change({ [name]: !(this.spec[name] ?? false) })} />${label}</label>`;
    const labelled = (part: Partial<typeof labels>): Partial<ProfileSpec> => ({ labels: { ...this.spec.labels, ...part } });
    return html`
      <fieldset class="card stack"><legend>${s("Looks")}</legend>
        ${text("sellerName", s("Your name"), s("As customers read it. Empty: as invoices name it."))}
        ${this.renderColour("accent", s("Accent on light"))}${this.renderColour("accentDark", s("Accent on dark"))}
        <label>${s("Logo")}<input class="input" type="file" accept="image/png" @change=${this.onLogo} /><span class="small">${s("PNG, at most 128 KiB.")}
          ${spec.logoPng ? html`<button class="button is-bare" type="button" @click=${() => this.change({ logoPng: "" })}>${s("Remove the logo")}</button>` : nothing}${this.renderProblem("logo_png")}</span></label>
        <label>${s("Corners")}<span class="inline"><input type="range" min="0" max="24" .value=${String(spec.radiusPx ?? 10)} @input=${(event: Event) => this.change({ radiusPx: Number.parseInt(valueOf(event), 10) })} /><output>${spec.radiusPx ?? 10} px</output></span></label>
        ${text("font", s("Font"), s("One font that your customers' machines have. Empty: that of the portal."), "Inter")}
        ${select("mode", s("Light or dark"), MODES)}
        <label>${s("Colours of charts")}<input class="input" .value=${(spec.series ?? []).join(", ")} placeholder="#2a5bd7, #b7702e" @change=${(event: Event) => this.change({ series: listOf(valueOf(event)) })} />
          <span class="small">${s("At most eight, in order. Empty: those of the portal.")}${this.renderProblem("series")}</span></label>
      </fieldset>
      <fieldset class="card stack"><legend>${s("What customers see")}</legend>
        <div class="checks" role="group" aria-label=${s("Pages")}>${VIEWS.map((view) => html`<label class="toggle"><input type="checkbox" .checked=${this.shows(view)} @change=${() => this.toggle(view)} />${this.t(`view.${view}`)}</label>`)}</div>
        ${select("windowFloor", s("Smallest window of usage and cost"), FLOORS)}
        ${area(s("Hidden properties"), s("One a line: customers neither see them nor group by them."), (spec.hiddenProperties ?? []).join("\n"), (value) => ({ hiddenProperties: listOf(value) }), "cost_center")}
        ${toggle("anyProperty", s("Customers may ask by any property that is not hidden, also by those that no meter groups by."))}
        ${toggle("showsCorrectionReasons", s("Customers read why an event of theirs was voided or replaced."))}
        ${area(s("Hidden items"), s("One a line: part of Other in the cost explorer and on the first page, left out of the prices; lines of invoices are never hidden."), (spec.hiddenItems ?? []).join("\n"), (value) => ({ hiddenItems: rowsOf(value) }), "Support discount")}
        ${area(s("Views for everybody"), s("One a line: name = path and query of a page. Every customer finds them among the saved views."), linesOfPresets(spec.presets), (value) => ({ presets: presetsOf(value) }), "Flights by airport = /usage?meter=flights&groupBy=origin")}
        ${area(s("Hidden meters"), s("One a line: their usage is not shown by itself; what it costs stays on the invoice."), (spec.hiddenMeters ?? []).join("\n"), (value) => ({ hiddenMeters: listOf(value) }), "internal_retries")}
      </fieldset>
      <fieldset class="card stack"><legend>${s("Words")}</legend>
        ${area(s("Meters"), s("name = word for customers"), linesOf(labels.meters), (value) => labelled({ meters: entriesOf(value) }), "flights = Flights")}
        ${area(s("Items"), s("item of a plan = word for customers"), linesOf(labels.items), (value) => labelled({ items: entriesOf(value) }))}
        ${area(s("Properties"), s("name = word for customers"), linesOf(labels.properties), (value) => labelled({ properties: entriesOf(value) }), "origin = Airport")}
        ${area(s("Values"), s("property: value = word for customers"), linesOfValues(labels.values), (value) => labelled({ values: valuesOf(value) }), "origin: EWR = Newark")}
        ${area(s("Units"), s("unit = word for one, word for several"), linesOfUnits(labels.units), (value) => labelled({ units: unitsOf(value) }), "flight = flight, flights")}
        ${area(s("Texts"), s("language key = text. They are chosen by the reader's language."), linesOfTexts(spec.texts), (value) => ({ texts: textsOf(value) }), "de view.usage = Verbrauch")}
        <p class="small">${this.renderProblem("labels")}${this.renderProblem("texts")}</p>
      </fieldset>
      <fieldset class="card stack"><legend>${s("Links and embedding")}</legend>
        ${text("traceLink", s("Address of a trace"), s("With {traceId} in it once. Empty: traces are not linked."), "https://traces.example.com/trace/{traceId}")}
        ${area(s("Origins that may embed"), s("One a line, exactly as browsers name them."), (spec.allowedOrigins ?? []).join("\n"), (value) => ({ allowedOrigins: listOf(value) }), "https://app.example.com")}
        <p class="small">${this.renderProblem("allowed_origins")}</p>
        ${this.renderSnippet(stored)}
      </fieldset>`;
  }

  private renderColour(name: "accent" | "accentDark", label: string): TemplateResult {
    const value = this.spec[name] ?? "";
    const verdict = (this.tried ?? this.stored)?.verdicts.find(({ field }) => field === name);
    const change = (event: Event): void => this.change({ [name]: valueOf(event).toLowerCase() });
    return html`<div class="colour" role="group" aria-label=${label}><label>${label}<input class="input" .value=${value} maxlength="7" spellcheck="false" @input=${change} /></label>
      <input type="color" aria-label=${s("{label}, by eye", { label })} .value=${/^#[0-9a-f]{6}$/.test(value) ? value : "#000000"} @input=${change} />
      ${verdict === undefined ? nothing : this.renderVerdict(verdict)}</div>`;
  }

  private renderVerdict({ field, surface, ratio, isReadable, better }: Verdict): TemplateResult {
    if (ratio === null) return html`<p class="verdict-line late" data-verdict=${field}>${s("Write a colour as # and six hexadecimal digits.")}</p>`;
    return html`<p class="verdict-line ${isReadable ? "" : "late"}" data-verdict=${field}>${s(VERDICTS[`${surface === "dark" ? "dark" : "light"}${isReadable}`], { ratio })}
      ${better === null ? nothing : html`<button class="button is-bare" type="button" @click=${() => this.change({ [field]: better })}>${s("Take {colour}", { colour: better })}</button>`}</p>`;
  }

  private renderProblem(name: string): TemplateResult | typeof nothing {
    const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const found = this.tried?.problems.filter(({ field }) => field === snake || field.startsWith(`${snake}[`) || field.startsWith(`${snake}.`)) ?? [];
    return found.length === 0 ? nothing : html` <b class="late" role="alert">${found.map(({ message }) => message).join(" ")}</b>`;
  }

  private renderSnippet({ publicUrl }: StoredProfile): TemplateResult {
    const snippet = `<script type="module">
  import { configure } from "${publicUrl}/ui/v1/kit.js";
  configure({
    baseUrl: "${publicUrl}",
    fetchToken: () => fetch("/my/portal-token").then((response) => response.text()),
  });
</script>
<meterline-portal></meterline-portal>`;
    return html`<div class="snippet"><p class="small">${s("Put this into your page. Your server answers /my/portal-token with the token of a session that it makes.")}</p>
      <pre class="mono" tabindex="0" aria-label=${s("Embed snippet")}>${snippet}</pre><button class="button" type="button" @click=${() => this.onCopy(snippet)}>${s("Copy")}</button></div>`;
  }

  private renderPreview(): TemplateResult {
    const segments = <T extends string>(label: string, options: readonly [T, string][], chosen: T, choose: (value: T) => void): TemplateResult => html`<div class="segments" role="group" aria-label=${label}>
      ${options.map(([value, text]) => html`<button type="button" aria-pressed=${value === chosen} @click=${() => choose(value)}>${text}</button>`)}</div>`;
    return html`<aside class="stack preview" aria-label=${s("Preview")}>
      <div class="choices">
        <label class="inline">${s("Customer")}<input class="input" list="customers" .value=${this.customer} @change=${this.onCustomer} /></label>
        <datalist id="customers">${this.customers.map(({ key, name }) => html`<option value=${key}>${name}</option>`)}</datalist>
        ${segments(s("Size"), [["desktop", s("Desktop")], ["phone", s("Phone")]], this.device, (device) => (this.device = device))}
        ${segments(s("Colours"), [["light", s("Light")], ["dark", s("Dark")]], this.mode, (mode) => this.onMode(mode))}
      </div>
      <div class="stage ${this.device}"><iframe src="/seller/preview" title=${s("The portal as this customer would see it")}></iframe></div>
      <p class="small">${s("The pages are real, with this customer's figures. They follow the form, and nobody else sees them before it is saved.")}</p>
    </aside>`;
  }

  private get stage(): HTMLElement | null {
    return this.renderRoot.querySelector(".stage");
  }

  /** The desktop is shown at its own width, made smaller to fit. */
  private fit(): void {
    const stage = this.stage;
    const frame = stage?.querySelector("iframe");
    if (stage === null || frame === null || frame === undefined) return;
    const width = this.device === "phone" ? PHONE_PX : DESKTOP_PX;
    const scale = Math.min(1, stage.clientWidth / width);
    frame.style.width = `${width}px`;
    frame.style.height = `${Math.round(stage.clientHeight / scale)}px`;
    frame.style.transform = `scale(${scale})`;
  }

  private async begin(): Promise<void> {
    this.failure = null;
    try {
      const [stored, { customers }] = await Promise.all([
        client.get<StoredProfile>("operator/profile"), client.get<CustomerList>("operator/customers"),
      ]);
      this.customers = customers;
      this.customer = customers[0]?.key ?? "";
      this.open(stored);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.failure = error;
      this.report(error);
    }
  }

  private open(stored: StoredProfile): void {
    this.stored = stored;
    this.spec = stored.spec;
    this.tried = null;
    this.show();
  }

  private change(changes: Partial<ProfileSpec>): void {
    this.spec = { ...this.spec, ...changes };
    this.notice = "";
    this.show();
  }

  private shows(view: ViewName): boolean {
    const { pages = [] } = this.spec;
    return pages.length === 0 || pages.includes(pageOf(view));
  }

  /** At least one page stays: none would mean all. */
  private toggle(view: ViewName): void {
    const shown = VIEWS.filter((each) => (each === view ? !this.shows(each) : this.shows(each)));
    if (shown.length > 0) this.change({ pages: shown.length === VIEWS.length ? [] : shown.map(pageOf) });
    else this.requestUpdate();
  }

  private show(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.preview(), PREVIEW_AFTER_MS) as unknown as number;
  }

  private async preview(): Promise<void> {
    const turn = ++this.turn;
    const frame = this.stage?.querySelector("iframe")?.contentWindow;
    if (this.customer === "" || frame === null || frame === undefined) return;
    try {
      const made = await this.previewSession();
      const body = { spec: this.spec, customer: this.customer, locale: sellerLanguage(), session: made?.id ?? "" };
      const tried = await client.post<Preview>("operator/profile/preview", body);
      if (turn !== this.turn) return;
      this.tried = tried;
      if (tried.session === null || made === null) return;
      const logoUrl = tried.logo === null ? null : `data:image/png;base64,${tried.logo}`;
      const session = { ...tried.session, mode: this.mode, branding: { ...tried.session.branding, logoUrl } };
      const message: Shown = { type: "meterline-preview", token: made.token ?? "", session };
      frame.postMessage(message, location.origin);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.onProblem(error);
    }
  }

  /** The session whose pages follow the form; null for who may not make one: the form still judges colours then. */
  private async previewSession(): Promise<MadeSession | null> {
    const { customer, made, until } = this.session;
    if (customer === this.customer && made !== null && Date.now() < until) return made;
    try {
      const fresh = await client.post<MadeSession>("operator/sessions", { customer: this.customer, kind: "embed", reason: "preview of the portal's looks" });
      this.session = { customer: this.customer, made: fresh, until: Date.now() + TOKEN_MS };
      return fresh;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.onProblem(error);
      return null;
    }
  }

  private readonly onMessage = (event: MessageEvent<{ type?: unknown } | null>): void => {
    const frame = this.stage?.querySelector("iframe")?.contentWindow;
    if (event.source === frame && event.origin === location.origin && event.data?.type === READY) this.show();
  };

  private onMode(mode: "light" | "dark"): void {
    this.mode = mode;
    this.show();
  }

  private readonly onCustomer = (event: Event): void => {
    this.customer = valueOf(event).trim();
    this.show();
  };

  private readonly onLogo = async (event: Event): Promise<void> => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file === undefined) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    this.change({ logoPng: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) });
  };

  private readonly onVersion = async (event: Event): Promise<void> => {
    const version = valueOf(event);
    try {
      this.open(await client.get<StoredProfile>("operator/profile", { version }));
      this.notice = "";
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.onProblem(error);
    }
  };

  private readonly onSave = async (): Promise<void> => {
    this.isSaving = true;
    try {
      this.open(await client.post<StoredProfile>("operator/profile", { spec: this.spec }));
      this.notice = s("Saved as version {version}. Customers see it when they open their next page.", { version: this.stored?.version ?? 0 });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.onProblem(error);
    } finally {
      this.isSaving = false;
    }
  };

  private async onCopy(snippet: string): Promise<void> {
    this.notice = (await copy(snippet)) ? s("The snippet is copied.") : s("The browser does not allow copying; select the snippet instead.");
  }
}

function pageOf(view: ViewName): string {
  return `PORTAL_PAGE_${view.toUpperCase()}`;
}

function valueOf(event: Event): string {
  return (event.currentTarget as HTMLInputElement).value;
}

define("meterline-seller-branding", MeterlineSellerBranding);
