/** `<meterline-saved-views>`: pictures to come back to; a view keeps every choice of its page. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import { client, type Problem } from "../client.ts";
import type { Context } from "../context.ts";
import { attempted } from "../parts/attempt.ts";
import { closeByKey, closeLeft } from "../parts/popover.ts";
import { icon } from "../parts/icons.ts";
import { Resource } from "../resource.ts";
import explorer from "../styles/explorer.css";
import type { SavedView } from "../types.ts";

export class MeterlineSavedViews extends MeterlineElement {
  static override styles = MeterlineElement.stylesWith(explorer);
  static override properties: PropertyDeclarations = {
    context: { attribute: false },
    page: { attribute: false },
    problem: { state: true },
    isOpen: { state: true },
  };

  declare context: Context | null;
  /** Path and query of the page that would be saved. */
  declare page: string;
  declare problem: Problem | null;
  declare isOpen: boolean;
  private readonly views = new Resource<SavedView[]>(this, () => (this.isOpen ? { path: "views" } : null));

  constructor() {
    super();
    this.context = null;
    this.page = "";
    this.problem = null;
    this.isOpen = false;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { context } = this;
    if (context === null) return nothing;
    const { t } = context;
    const own = this.page.split("?", 1)[0] ?? "";
    const views = (this.views.data ?? []).filter(({ query }) => query.split("?", 1)[0] === own);
    const problem = this.problem ?? this.views.problem;
    return html`<div class="reset"><details class="popover" @toggle=${this.onToggle} @focusout=${closeLeft} @keydown=${closeByKey}>
      <summary class="button" aria-label=${t("explore.views")}>${icon("bookmark")}<span class="label">${t("explore.views")}</span></summary>
      <div class="panel">
        ${views.length === 0 ? html`<p class="note">${t("explore.viewsNone")}</p>` : html`<ul class="saved">${views.map((view) => html`<li>
          <button class="button is-bare" type="button" @click=${() => this.show(view)}>${view.name}</button>
          ${view.isPreset ? nothing : html`<button class="button is-bare is-icon" type="button" aria-label=${t("explore.viewDelete", { name: view.name })}
            @click=${() => this.forget(view)}>${icon("close")}</button>`}</li>`)}</ul>`}
        <form @submit=${this.onSave}>
          <label>${t("explore.viewName")}<input class="input" name="name" required maxlength="80" autocomplete="off" /></label>
          <button class="button is-primary">${t("explore.viewSave")}</button>
        </form>
        ${problem === null ? nothing : html`<p class="note" role="alert">${problem.detail || problem.title} ${problem.remedy}</p>`}
      </div>
    </details></div>`;
  }

  private readonly onToggle = (event: Event): void => {
    this.isOpen = (event.currentTarget as HTMLDetailsElement).open;
  };

  private readonly onSave = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get("name")).trim();
    void this.attempt(async () => {
      await client.post<SavedView>("views", { name, query: this.page });
      form.reset();
    });
  };

  private show(view: SavedView): void {
    this.renderRoot.querySelector("details")?.removeAttribute("open");
    this.notify("view-chosen", { query: view.query.split("?", 2)[1] ?? "" });
  }

  private forget(view: SavedView): void {
    void this.attempt(() => client.remove(`views/${encodeURIComponent(view.id)}`));
  }

  private async attempt(action: () => Promise<void>): Promise<void> {
    this.problem = null;
    await attempted(action, (problem) => (this.problem = problem));
    this.views.refresh();
  }
}

define("meterline-saved-views", MeterlineSavedViews);
