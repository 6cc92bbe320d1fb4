/** The answers behind the seller's pages, by the names that these have for them. */

import type { Preview as AnsweredPreview, Revenue, StoredProfile as AnsweredProfile } from "../answers.ts";
import type { Session } from "../types.ts";

export type {
  Catalog,
  CatalogPlan,
  ContrastVerdict as Verdict,
  CustomerList,
  CustomerRow,
  Flag,
  MadeSession,
  PlanContract,
  PlanVersion,
  PriceFinding,
  PriceFindings,
  Revenue,
  RevenueRow,
  RevenueTotal,
  SessionList,
  SessionRow,
  UnbilledPage,
  UnbilledRow,
} from "../answers.ts";

export type Cut = Revenue["by"];

/** The document that `meterline portal brand` reads and prints. */
export interface ProfileSpec {
  sellerName?: string;
  accent?: string;
  accentDark?: string;
  series?: string[];
  logoPng?: string;
  font?: string;
  radiusPx?: number;
  mode?: string;
  texts?: Record<string, { texts?: Record<string, string> }>;
  pages?: string[];
  windowFloor?: string;
  hiddenProperties?: string[];
  hiddenMeters?: string[];
  hiddenItems?: string[];
  anyProperty?: boolean;
  showsCorrectionReasons?: boolean;
  presets?: { name: string; query: string }[];
  labels?: {
    meters?: Record<string, string>;
    items?: Record<string, string>;
    properties?: Record<string, string>;
    values?: Record<string, { labels?: Record<string, string> }>;
    units?: Record<string, { one: string; other: string }>;
  };
  traceLink?: string;
  allowedOrigins?: string[];
}

/** The profile in force or an older version; its document is passed through as it is. */
export interface StoredProfile extends Omit<AnsweredProfile, "spec"> {
  spec: ProfileSpec;
}

export interface Preview extends Omit<AnsweredPreview, "session"> {
  session: Session | null;
}
