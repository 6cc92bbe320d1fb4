/** The chip that says how fresh the figures are. */

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { define, MeterlineElement } from "../base.ts";
import type { Context } from "../context.ts";
import { client, type Problem } from "../client.ts";
import type { Fresh } from "../types.ts";
import { shortProblem } from "./states.ts";

const LATE_AFTER_MS = 30_000;

export interface Freshness {
  fresh: Fresh;
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

/** `<meterline-freshness>`: the chip, whose age goes on while nothing arrives. */
export class MeterlineFreshness extends MeterlineElement {
  static override properties: PropertyDeclarations = {
    context: { attribute: false },
    freshness: { attribute: false },
  };

  declare context: Context | null;
  declare freshness: Freshness | null;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.context = null;
    this.freshness = null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(() => this.requestUpdate(), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  /** Its title is the place in the log, so that two pages can be compared. */
  protected override render(): TemplateResult | typeof nothing {
    const { context, freshness } = this;
    if (context === null || freshness === null) return nothing;
    const { text, look } = wording(context, freshness, Date.now());
    const { asOf } = freshness.fresh;
    const title = freshness.problem?.detail || (asOf && context.t("explain.asOf", { asOf }));
    return html`<span class="reset"><span class="chip ${look}" data-as-of=${asOf} title=${title}>
      <span class="dot"></span><span>${text}</span>
    </span></span>`;
  }
}

function wording(context: Context, freshness: Freshness, nowMs: number): { text: string; look: string } {
  const { t, format } = context;
  const { problem, isFinal, isFilled } = freshness;
  const until = latest(freshness.fresh.completeUntil, client.completeUntil);
  if (problem !== null) return { text: t("fresh.stale", { reason: shortProblem(t, problem) }), look: "is-late" };
  if (isFinal) return { text: t("fresh.final"), look: "is-final" };
  if (!isFilled) return { text: t("fresh.filling"), look: "is-late" };
  if (until === null) return { text: t("fresh.unknown"), look: "" };
  const time = format.time(until);
  const passed = nowMs - Date.parse(until);
  return passed <= LATE_AFTER_MS
    ? { text: t("fresh.live", { time }), look: "is-live" }
    : { text: t("fresh.late", { time, age: age(context, passed) }), look: "is-late" };
}

/** The later of two moments. What the stream has said since holds for what is shown: a change would have been asked for. */
function latest(shown: string | null, said: string): string | null {
  return shown !== null && said !== "" && Date.parse(said) > Date.parse(shown) ? said : shown;
}

define("meterline-freshness", MeterlineFreshness);
