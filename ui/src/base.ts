/** What all elements are made of: their styles, and the notices that they give to the page around them. */

import { LitElement, unsafeCSS, type CSSResult } from "lit";
import aliases from "./styles/aliases.css";
import content from "./styles/content.css";
import controls from "./styles/controls.css";
import { kindOf, type Problem } from "./client.ts";

/** Turn the text of a bundled style sheet into what Lit adopts. */
export function sheet(text: string): CSSResult {
  return unsafeCSS(text);
}

const BASE = [sheet(aliases), sheet(controls), sheet(content)];

/** What an element tells about a place to go to; a host that handles it calls `preventDefault`. */
export interface Navigation {
  /** Path of the portal, for example "/invoices/INV-000017". */
  path: string;
  /** Query string without "?". */
  query: string;
}

export abstract class MeterlineElement extends LitElement {
  static override styles = BASE;

  /** The styles of all elements and those of one. */
  static stylesWith(...texts: string[]): CSSResult[] {
    return [...BASE, ...texts.map(sheet)];
  }

  /** Ask whoever is around to show another page. */
  protected navigate(path: string, query: string): void {
    this.notify<Navigation>("meterline-navigate", { path, query });
  }

  /** Tell the page around that something could not be had; it gets the kind and the text, never a token. */
  protected report(problem: Problem): void {
    const { status, title, detail, reason, requestId } = problem;
    this.notify("meterline-error", { kind: kindOf(problem), status, title, detail, reason, requestId });
  }

  protected notify<T>(name: string, detail: T): void {
    this.dispatchEvent(new CustomEvent<T>(name, { detail, bubbles: true, composed: true }));
  }
}

/** Define an element once, also where two copies of the kit are on the page. */
export function define(name: string, element: CustomElementConstructor): void {
  if (customElements.get(name) === undefined) customElements.define(name, element);
}
