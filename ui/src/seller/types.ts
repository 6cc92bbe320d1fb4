/** The answers behind the seller's pages; `openapi.json` says the same. */

import type { Draft, Fresh, InvoiceSummary, Session, ViewName } from "../types.ts";

export type Flag = "noContract" | "adjusted" | "credit";

export interface CustomerRow {
  key: string;
  name: string;
  currency: string;
  live: Draft | null;
  lastInvoice: InvoiceSummary | null;
  /** The oldest first. */
  trend: string[];
  completeUntil: string | null;
  flags: Flag[];
}

export interface CustomerList {
  customers: CustomerRow[];
  next: string | null;
}

export interface SessionRow {
  id: string;
  kind: Session["kind"];
  customer: string;
  views: ViewName[];
  reason: string;
  createdBy: string;
  createdAt: string;
  endsAt: string;
  lastUsedAt: string | null;
  redeemedAt: string | null;
  revokedAt: string | null;
  isOver: boolean;
}

export interface SessionList {
  sessions: SessionRow[];
  next: string | null;
}

export interface MadeSession {
  id: string;
  token: string | null;
  url: string | null;
}

export type Cut = "customer" | "item" | "plan";

export interface RevenueRow {
  key: string;
  label: string;
  currency: string;
  amount: string;
  share: string | null;
  final: string;
  bills: number;
}

export interface RevenueTotal {
  currency: string;
  amount: string;
  final: string;
  invoices: number;
  drafts: number;
}

export interface Revenue {
  firstPeriod: string;
  billingPeriod: string;
  by: Cut;
  rows: RevenueRow[];
  totals: RevenueTotal[];
  isWhole: boolean;
}

export interface PlanVersion {
  version: number;
  currency: string;
  description: string;
  effectiveFrom: string | null;
  createdAt: string;
  name: string;
  isComing: boolean;
  items: { item: string; sentence: string }[];
}

export interface PlanContract {
  contract: string;
  customer: string;
  start: string;
  end: string | null;
  pinnedVersion: number | null;
  effectiveFrom: string | null;
  isComing: boolean;
}

export interface CatalogPlan {
  name: string;
  versions: PlanVersion[];
  versionCount: number;
  contracts: PlanContract[];
  contractCount: number;
}

export interface Catalog {
  plans: CatalogPlan[];
  allContracts: boolean;
  next: string | null;
}

export interface UnbilledRow {
  customer: string | null;
  meter: string | null;
  reason: string;
  detail: string | null;
  meaning: string;
  command: string;
  contract: string | null;
  billingPeriod: string | null;
  eventCount: number;
  quantity: string | null;
  unit: string;
  firstTime: string;
  lastTime: string | null;
}

export interface UnbilledPage extends Fresh {
  rows: UnbilledRow[];
  filled: boolean;
  next: string | null;
}

export interface Verdict {
  field: "accent" | "accentDark";
  colour: string;
  surface: "light" | "dark";
  ratio: string | null;
  isReadable: boolean;
  better: string | null;
}

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

export interface StoredProfile {
  version: number;
  spec: ProfileSpec;
  createdAt: string | null;
  versions: number[];
  verdicts: Verdict[];
  publicUrl: string;
}

export interface Preview {
  session: Session | null;
  problems: { field: string; message: string }[];
  verdicts: Verdict[];
  logo: string | null;
}
