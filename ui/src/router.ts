/** Which page an address names. */

import type { ViewName } from "./types.ts";

export interface Route {
  view: ViewName;
  /** Number of an invoice or "draft", where the address names one. */
  invoice: string;
}

const PATHS: Record<string, ViewName> = { "": "overview", usage: "usage", cost: "cost", invoices: "invoices", plan: "plan" };

/** The page of a path, or null where there is none: "/invoices/INV-000017". */
export function routeOf(path: string): Route | null {
  const [name = "", invoice = "", ...rest] = path.replace(/^\//, "").split("/");
  const view = Object.hasOwn(PATHS, name) ? PATHS[name] : undefined;
  if (view === undefined || rest.length > 0 || (invoice !== "" && view !== "invoices")) return null;
  return { view, invoice: decoded(invoice) };
}

export function pathOf(view: ViewName): string {
  return view === "overview" ? "/" : `/${view}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
