/** The chip that says how fresh the figures are. */

import { html, nothing, type TemplateResult } from "lit";
import type { Context } from "../context.ts";
import type { Problem } from "../client.ts";
import type { Fresh } from "../types.ts";
import { shortProblem } from "./states.ts";

const LATE_AFTER_MS = 30_000;

export interface Freshness {
  fresh: Fresh | null;
  problem: Problem | null;
  isFinal: boolean;
  isFilled: boolean;
}

/** How many of which unit have gone by, as "4 min". */
export function age(context: Context, milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return context.t("age.seconds", { count: seconds });
  if (seconds < 7200) return context.t("age.minutes", { count: Math.round(seconds / 60) });
  if (seconds < 172_800) return context.t("age.hours", { count: Math.round(seconds / 3600) });
  return context.t("age.days", { count: Math.round(seconds / 86_400) });
}

/** The chip; its title is the place in the log, so that two pages can be compared. */
export function freshnessChip(context: Context, freshness: Freshness, nowMs: number): TemplateResult | typeof nothing {
  const { fresh, problem } = freshness;
  if (fresh === null) return nothing;
  const { text, look } = wording(context, freshness, nowMs);
  const title = problem?.detail || (fresh.asOf && context.t("explain.asOf", { asOf: fresh.asOf }));
  return html`<span class="chip ${look}" data-as-of=${fresh.asOf} title=${title}>
    <span class="dot"></span><span>${text}</span>
  </span>`;
}

function wording(context: Context, freshness: Freshness, nowMs: number): { text: string; look: string } {
  const { t, format } = context;
  const { fresh, problem, isFinal, isFilled } = freshness;
  if (problem !== null) return { text: t("fresh.stale", { reason: shortProblem(t, problem) }), look: "is-late" };
  if (isFinal) return { text: t("fresh.final"), look: "is-final" };
  if (!isFilled) return { text: t("fresh.filling"), look: "is-late" };
  if (fresh === null || fresh.completeUntil === null) return { text: t("fresh.unknown"), look: "" };
  const time = format.time(fresh.completeUntil);
  const passed = nowMs - Date.parse(fresh.completeUntil);
  return passed <= LATE_AFTER_MS
    ? { text: t("fresh.live", { time }), look: "is-live" }
    : { text: t("fresh.late", { time, age: age(context, passed) }), look: "is-late" };
}
