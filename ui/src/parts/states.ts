/** What stands in the place of figures: a skeleton, nothing yet, or what went wrong and what to do. */

import { html, nothing, type TemplateResult } from "lit";
import { client, kindOf, type Problem } from "../client.ts";
import type { Context } from "../context.ts";
import type { Translate } from "../i18n.ts";
import type { TextKey } from "../texts.ts";
import { place } from "./directives.ts";

/** Bars in the shape of what will stand there; `heights` in pixels. */
export function skeleton(t: Translate, heights: readonly number[]): TemplateResult {
  return html`<div class="card bones" role="status" aria-label=${t("loading")}>
    ${heights.map((height, index) => html`<span class="bone" ${place({ height: `${height}px`, width: `${100 - ((index * 23) % 50)}%` })}></span>`)}
  </div>`;
}

/** A page without figures that is no failure. */
export function emptyState(title: string, text: string, action: TemplateResult | typeof nothing = nothing): TemplateResult {
  return html`<div class="card empty"><h2>${title}</h2><p>${text}</p>${action}</div>`;
}

/** What went wrong, what to do, and the request by which the operator finds it in the logs. */
export function problemState(t: Translate, problem: Problem, context: Context | null, retry: () => void): TemplateResult {
  const kind = kindOf(problem);
  const seller = context?.session.seller || "…";
  const canRetry = kind === "unavailable" || (kind === "expired" && !client.isHosted);
  return html`<div class="card empty" role="alert" data-problem=${kind}>
    <h2>${t(`problem.${kind}`)}</h2>
    <p>${whatToDo(t, problem, seller)}</p>
    ${problem.requestId === "" ? nothing : html`<p class="small mono">${t("problem.request", { id: problem.requestId })}</p>`}
    ${canRetry ? html`<button class="button controls" type="button" @click=${retry}>${t("problem.retry")}</button>` : nothing}
  </div>`;
}

function whatToDo(t: Translate, problem: Problem, seller: string): string {
  const kind = kindOf(problem);
  if (kind === "refused") return [problem.detail, problem.remedy].filter((text) => text !== "").join(" ");
  if (kind === "expired" && !client.isHosted) return t("problem.expiredEmbed");
  const keys: Record<string, TextKey> = {
    expired: seller === "…" ? "problem.expiredUnknown" : "problem.expiredText",
    forbidden: seller === "…" ? "problem.forbiddenUnknown" : "problem.forbiddenText",
    missing: "problem.missingText",
  };
  return t(keys[kind] ?? "problem.unavailableText", { seller });
}

/** Why an action was refused and what to do, in one line. */
export function refusal(t: Translate, problem: Problem): string {
  const said = [problem.detail, problem.remedy].filter((text) => text !== "").join(" ");
  return said || shortProblem(t, problem);
}

/** The problem as a few words, for the chip that says that figures are old. */
export function shortProblem(t: Translate, problem: Problem): string {
  const kind = kindOf(problem);
  return kind === "refused" ? problem.title : t(`problem.${kind}`);
}
