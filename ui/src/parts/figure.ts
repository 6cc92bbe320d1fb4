/** A number that is a button: choosing it explains it. */

import { html, type TemplateResult } from "lit";
import { tint } from "./directives.ts";

/**
 * Render a figure. `text` is what is shown, `exact` its decimal text for whoever compares figures, and `name` says in words
 * what it is.
 */
export function figure(text: string, exact: string, name: string, explain: () => void): TemplateResult {
  return html`<button class="figure" type="button" data-value=${exact} aria-label="${name}: ${text}" @click=${explain} ${tint(text)}>${text}</button>`;
}
