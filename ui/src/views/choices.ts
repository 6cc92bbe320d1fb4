/** The controls of an explorer. Each changes one choice and keeps all others. */

import { html, nothing, type TemplateResult } from "lit";
import { CHART_KINDS, type ChartKind } from "../charts/model.ts";
import type { Problem } from "../client.ts";
import type { Context } from "../context.ts";
import type { Window } from "../format.ts";
import { curlButton } from "../parts/curl.ts";
import { copy, save } from "../parts/files.ts";
import { icon } from "../parts/icons.ts";
import { attempted } from "../parts/attempt.ts";
import { closeByKey, closeLeft } from "../parts/popover.ts";
import "./saved_views.ts";
import type { Changes } from "../state.ts";
import { SPANS } from "./spans.ts";

export interface Choices {
  windows: readonly Window[];
  window: Window;
  span: string;
  chart: ChartKind | "table";
  groupBy: string;
  isCompared: boolean;
}

type Change = (changes: Changes) => void;
type Option = readonly [value: string, text: string];

/** A select with its name for screen readers. */
export function choose(name: string, options: readonly Option[], chosen: string, change: (value: string) => void): TemplateResult {
  const onChange = (event: Event): void => change((event.currentTarget as HTMLSelectElement).value);
  return html`<select class="select" aria-label=${name} @change=${onChange}>
    ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === chosen} .selected=${value === chosen}>${text}</option>`)}
  </select>`;
}

export function renderChoices(
  context: Context, choices: Choices, groups: readonly Option[], own: TemplateResult | typeof nothing, change: Change,
): TemplateResult {
  const { t } = context;
  return html`${own}
    ${choose(t("explore.span"), SPANS.map((span) => [span, t(`span.${span}`)]), choices.span, (span) => change({ span: span === "1" ? null : span }))}
    <div class="segments" role="group" aria-label=${t("window")}>
      ${choices.windows.map((window) => html`<button type="button" aria-pressed=${window === choices.window}
        @click=${() => change({ window })}>${t(`window.${window}`)}</button>`)}
    </div>
    ${groups.length < 2 ? nothing : choose(t("explore.group"), groups, choices.groupBy, (groupBy) => change({ groupBy }))}
    <div class="segments" role="group" aria-label=${t("explore.chart")}>
      ${[...CHART_KINDS, "table" as const].map((kind) => html`<button type="button" aria-pressed=${kind === choices.chart}
        title=${t(`explore.${kind}`)} aria-label=${t(`explore.${kind}`)} @click=${() => change({ chart: kind })}>${icon(kind)}</button>`)}
    </div>
    <label class="toggle"><input type="checkbox" .checked=${choices.isCompared}
      @change=${() => change({ compare: choices.isCompared ? "none" : null })} />${t("explore.compare")}</label>`;
}

/** The filters as chips that can be removed, and forms that add one; by a property without a value is grouped. */
export function renderFilters(
  context: Context, filters: readonly string[], properties: readonly string[], hasAny: boolean, change: Change,
): TemplateResult | typeof nothing {
  const { t, words } = context;
  if (properties.length === 0 && filters.length === 0 && !hasAny) return nothing;
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = new FormData(form);
    const [property, value] = [String(given.get("property")).trim(), String(given.get("value") ?? "").trim()];
    if (property === "") return;
    change(value === "" ? { groupBy: property } : { filter: [...new Set([...filters, `${property}:${value}`])] });
    form.reset();
    form.closest("details")?.removeAttribute("open");
  };
  return html`<div class="filters">
    ${filters.map((filter) => {
      const text = filterText(context, filter);
      return html`<span class="chip is-removable">${text}<button type="button" aria-label=${t("explore.filterRemove", { filter: text })}
        @click=${() => change({ filter: filters.filter((each) => each !== filter) })}>${icon("close")}</button></span>`;
    })}
    ${properties.length === 0 ? nothing : form(context, t("explore.filterAdd"), add, html`<label>${t("explore.filterProperty")}
      <select class="select" name="property">${properties.map((name) => html`<option value=${name}>${words.property(name)}</option>`)}</select></label>
      <label>${t("explore.filterValue")}<input class="input" name="value" required maxlength="256" autocomplete="off" /></label>`)}
    ${hasAny ? form(context, t("explore.byOther"), add, html`<label>${t("explore.filterProperty")}<input class="input" name="property" required maxlength="64" autocomplete="off" /></label>
      <label>${t("explore.filterAny")}<input class="input" name="value" maxlength="256" autocomplete="off" /></label>`) : nothing}
  </div>`;
}

function form({ t }: Context, name: string, add: (event: SubmitEvent) => void, fields: TemplateResult): TemplateResult {
  return html`<details class="popover" @focusout=${closeLeft} @keydown=${closeByKey}>
    <summary class="button is-bare">${icon("filter")}${name}</summary>
    <form class="panel" @submit=${add}>${fields}<button class="button is-primary">${t("explore.filterApply")}</button></form>
  </details>`;
}

function filterText({ words }: Context, filter: string): string {
  const colon = filter.indexOf(":");
  const [property, value] = [filter.slice(0, colon), filter.slice(colon + 1)];
  return `${words.property(property)}: ${words.value(property, value)}`;
}

export interface Actions {
  path: string;
  query: Changes | null;
  /** Path and query of the page, to be saved. */
  page: string;
  say: (text: string) => void;
  onProblem: (problem: Problem) => void;
  show: (query: string) => void;
}

/** Take this picture along: its address, its request, its figures, or the view itself. */
export function renderActions(context: Context, actions: Actions): TemplateResult {
  const { t } = context;
  const copyLink = async (): Promise<void> => actions.say(t((await copy(location.href)) ? "explore.copied" : "explore.copyFailed"));
  const { query } = actions;
  return html`
    <meterline-saved-views .context=${context} .page=${actions.page} @view-chosen=${(event: CustomEvent<{ query: string }>) => actions.show(event.detail.query)}></meterline-saved-views>
    <button class="button is-icon" type="button" title=${t("explore.copyLink")} aria-label=${t("explore.copyLink")}
      @click=${copyLink}>${icon("link")}</button>
    ${query === null ? nothing : html`
      ${curlButton(context, actions.path, query, actions.say)}
      <button class="button" type="button" aria-label=${t("explore.csv")} @click=${() => attempted(() => save(`${actions.path}.csv`, query, `${actions.path}.csv`), actions.onProblem)}>
        ${icon("download")}<span class="label">${t("explore.csv")}</span></button>`}`;
}
