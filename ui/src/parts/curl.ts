/** A button that copies the request behind a page. */

import { html, type TemplateResult } from "lit";
import type { Context } from "../context.ts";
import type { Changes } from "../state.ts";
import { copy, curlOf } from "./files.ts";
import { icon } from "./icons.ts";

/** Render the button; `say` is told how it went. */
export function curlButton({ t }: Context, path: string, query: Changes, say: (text: string) => void): TemplateResult {
  const onClick = async (): Promise<void> => say(t((await copy(curlOf(path, query))) ? "explore.copied" : "explore.copyFailed"));
  return html`<button class="button is-icon" type="button" title=${t("explore.copyCurl")} aria-label=${t("explore.copyCurl")} @click=${onClick}>${icon("terminal")}</button>`;
}
