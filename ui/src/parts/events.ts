/** Events as a table: when, how much, and what else is known of each. */

import { html, nothing, type TemplateResult } from "lit";
import type { Context } from "../context.ts";
import { isDecimal } from "../format.ts";
import type { TextKey } from "../texts.ts";
import type { UsageEvent } from "../types.ts";

export function eventTable(context: Context, events: readonly UsageEvent[], unit: string): TemplateResult {
  const { t } = context;
  return html`<table class="events">
    <thead><tr><th scope="col">${t("explain.when")}</th><th scope="col" class="right">${t("explain.value")}</th>
      <th scope="col" class="right">${t("explain.trace")}</th></tr></thead>
    <tbody>${events.map((event) => renderEvent(context, event, unit))}</tbody>
  </table>`;
}

function renderEvent(context: Context, event: UsageEvent, unit: string): TemplateResult {
  const { t, format, words } = context;
  const properties = Object.entries(event.properties);
  return html`<tr data-event=${event.id}>
    <th scope="row"><details><summary>${format.moment(event.time, false)}</summary>
      <dl class="properties">${properties.map(([name, value]) => html`<div><dt>${words.property(name)}</dt><dd>${words.value(name, value)}</dd></div>`)}
        ${event.subject === "" ? nothing : html`<div><dt>${t("explain.subject")}</dt><dd>${event.subject}</dd></div>`}
        <div><dt>${t("explain.source")}</dt><dd>${event.source}</dd></div></dl></details>
      <span class="mono small">${event.id}</span>${renderCorrection(context, event)}</th>
    <td class="right" data-value=${event.value}>${event.value === "" ? "–" : isDecimal(event.value) ? words.quantity(event.value, unit) : event.value}</td>
    <td class="right">${renderTrace(context, event)}</td>
  </tr>`;
}

/** What became of an event after it was reported, and why where the seller shows that. */
function renderCorrection({ t }: Context, { correction, takenBack, reason }: UsageEvent): TemplateResult | typeof nothing {
  const marks = [...(correction === null ? [] : [correction]), ...(takenBack ? (["takenBack"] as const) : [])];
  if (marks.length === 0) return nothing;
  return html`<span class="corrected">${marks.map((mark) => html`<span class="badge is-draft" data-correction=${mark} title=${t(`event.${mark}Text`)}>${t(`event.${mark}`)}</span>`)}
    ${reason === null ? nothing : html`<span class="small">${reason}</span>`}</span>`;
}

/** The trace in which it happened; where that was not told, the trace in which it was reported. */
function renderTrace(context: Context, { traceId, reportTraceId }: UsageEvent): TemplateResult | string {
  if (traceId !== null) return traceLink(context, traceId, "explain.traceOpen");
  return reportTraceId === null ? "–" : traceLink(context, reportTraceId, "explain.reportTraceOpen");
}

/** The trace in the seller's own tool, if the profile says where that is; only https leaves the page. */
function traceLink({ session, t }: Context, traceId: string, title: TextKey): TemplateResult {
  const short = html`<span class="mono" title=${traceId}>${traceId.slice(0, 8)}…</span>`;
  const template = session.traceLink ?? "";
  if (!template.startsWith("https://") || !template.includes("{traceId}")) return short;
  const href = template.replaceAll("{traceId}", encodeURIComponent(traceId));
  return html`<a href=${href} target="_blank" rel="noopener noreferrer" title=${t(title, { trace: traceId })}>${short}</a>`;
}
