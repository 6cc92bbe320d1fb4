/** The badge of what can be counted or computed again, here and now. */

import { html, nothing, type TemplateResult } from "lit";
import type { Translate } from "../i18n.ts";
import type { Verification } from "../types.ts";
import { icon } from "./icons.ts";

export interface Proof {
  verification: Verification | null;
  isChecking: boolean;
  t: Translate;
  /** What the button says. */
  ask: string;
  /** What stands there once it was found right. */
  proven: string;
  /** What stands there before anybody asked. */
  hint?: string;
  check: () => void;
}

export function proofBadge({ verification, isChecking, t, ask, proven, hint, check }: Proof): TemplateResult {
  if (verification === null) {
    return html`<div class="badge-box">${hint === undefined ? nothing : html`<p class="hint">${hint}</p>`}
      <button class="button" type="button" ?disabled=${isChecking} @click=${check}>${isChecking ? t("explain.checking") : ask}</button></div>`;
  }
  return verification.ok
    ? html`<div class="verdict is-proven" role="status" data-proof="ok">${icon("check")}<p><b>${t("explain.proven")}</b> ${proven}
        ${verification.digest === null ? nothing : html`<span class="mono">${shortDigest(verification.digest)}</span>`}</p></div>`
    : html`<div class="verdict is-broken" role="alert" data-proof="broken">${icon("warning")}<div><b>${t("explain.broken")}</b>
        <ul>${verification.problems.map((problem) => html`<li>${problem}</li>`)}</ul></div></div>`;
}

function shortDigest(digest: string): string {
  return digest.length > 16 ? `${digest.slice(0, 6)}…${digest.slice(-4)}` : digest;
}
