/** What the portal answers under /api/v1. Every quantity, amount, share and change is decimal text; every time is RFC 3339. */

import type { Window } from "./format.ts";

export type ViewName = "overview" | "usage" | "cost" | "invoices" | "plan";
export type Mode = "auto" | "light" | "dark";

/** How fresh an answer is: equal `asOf` are equal places in the log. */
export interface Fresh {
  asOf: string;
  completeUntil: string | null;
}

export interface Span {
  start: string;
  end: string;
}

export interface Branding {
  accent: string;
  accentDark: string;
  accentInk: string;
  logoUrl: string | null;
  font: string | null;
  radius: number;
  series: string[];
}

export interface Session {
  customer: { key: string; name: string };
  seller: string;
  views: ViewName[];
  locale: string | null;
  timeZone: string;
  currency: string;
  mode: Mode;
  branding: Branding;
  texts: Record<string, string>;
  labels: Labels;
  windowMin: Window;
  traceLink: string | null;
  expiresAt: string;
  kind: "link" | "embed" | "operator";
  actingFor: { operator: string; reason: string } | null;
}

export interface Labels {
  meters: Record<string, string>;
  items: Record<string, string>;
  properties: Record<string, string>;
  values: Record<string, Record<string, string>>;
  units: Record<string, Partial<Record<Intl.LDMLPluralRule, string>>>;
}

export interface Meter {
  name: string;
  label: string;
  unit: string;
  aggregation: string;
  groupBy: string[];
}

export interface Period extends Span {
  billingPeriod: string;
  contract: string;
  timeZone: string;
  currency: string;
  state: "open" | "closed" | "final";
  invoice: string | null;
}

export interface Series {
  key: string;
  label: string;
  isOther: boolean;
  values: (string | null)[];
  total: string;
  share: string | null;
}

export interface ExploredPeriod extends Span {
  billingPeriod: string | null;
}

export interface Compare {
  period: ExploredPeriod;
  buckets: Span[];
  totals: (string | null)[];
  /** For each bucket of the span, the place of the one before that it is compared with. */
  aligned: (number | null)[];
  total: string;
  samePoint: { days: number; total: string } | null;
  change: string | null;
}

/** The line that bills what is shown; `quantity` is its amount in the cost explorer, `href` a path of the portal. */
export interface EqualLine {
  quantity: string;
  item: string;
  equals: boolean;
  href: string;
}

/** Usage or cost over time: `series` add up to `totals`, and `totals` to `total`, where the meter can be added up. */
export interface Explored extends Fresh {
  label: string;
  period: ExploredPeriod;
  timeZone: string;
  window: Window;
  groupBy: string | null;
  buckets: Span[];
  series: Series[];
  totals: (string | null)[];
  total: string;
  /** Null for cost. */
  eventCount: number | null;
  compare: Compare | null;
  line: EqualLine | null;
  filled: boolean;
}

export interface Usage extends Explored {
  meter: string;
  unit: string;
}

export interface Cost extends Explored {
  currency: string;
  items: string[];
  /** By item. */
  meters: Record<string, string>;
  unitPrices: (string | null)[];
}

export interface Overview extends Fresh {
  period: ExploredPeriod;
  timeZone: string;
  billSoFar: { amount: string; currency: string; final: boolean };
  samePoint: { amount: string; days: number; change: string | null } | null;
  lastInvoice: { number: string; total: string; currency: string; billingPeriod: string } | null;
  cumulative: { buckets: Span[]; amounts: (string | null)[]; previous: (string | null)[] } | null;
  waterfall: Waterfall | null;
  items: OverviewItem[];
  included: { item: string; label: string; included: string; used: string; left: string; unit: string }[];
  adjustments: string;
}

export interface Waterfall {
  from: { label: string; amount: string };
  steps: WaterfallStep[];
  to: { label: string; amount: string };
}

export interface WaterfallStep {
  item: string;
  label: string;
  amount: string;
  quantityBefore: string | null;
  quantity: string | null;
  unit: string;
}

export interface OverviewItem {
  item: string;
  label: string;
  amount: string;
  quantity: string;
  unit: string;
  lineId: string;
}

export interface InvoiceSummary {
  number: string;
  kind: string;
  billingPeriod: string;
  period: Span;
  total: string;
  currency: string;
  lineCount: number;
  finalizedAt: string;
  isCredit: boolean;
  hasAdjustments: boolean;
}

export interface Draft {
  billingPeriod: string;
  period: Span;
  total: string;
  currency: string;
  lineCount: number;
}

export interface Invoices extends Fresh {
  draft: Draft | null;
  invoices: InvoiceSummary[];
  next: string | null;
}

export interface Tier {
  upTo: string | null;
  quantity: string;
  unitPrice: string;
  flat: string | null;
  amount: string;
  here: boolean;
}

export interface InvoiceLine {
  id: string;
  kind: "usage" | "fixed" | "adjustment";
  item: string;
  label: string;
  meter: string;
  unit: string;
  quantity: string;
  amount: string;
  exactAmount: string;
  eventCount: number;
  tiers: Tier[];
  period: Span;
  adjustsLineId: string | null;
  billedBefore: string | null;
}

export interface Invoice extends Fresh {
  number: string | null;
  status: "draft" | "final";
  kind: string;
  isCredit: boolean;
  seller: string;
  customer: string;
  customerName: string;
  contract: string;
  billingPeriod: string;
  period: Span;
  timeZone: string;
  lines: InvoiceLine[];
  total: string;
  currency: string;
  finalizedAt: string | null;
  digest: string | null;
  chain: string | null;
  notes: string[];
  pending: { amount: string; lines: InvoiceLine[]; nextInvoice: string | null } | null;
}

export interface Step {
  name: string;
  text: string;
  value: string;
}

export interface Explanation extends Fresh {
  line: InvoiceLine;
  invoiceNumber: string | null;
  sentence: string;
  price: PlanItem | null;
  steps: Step[];
  tiers: Tier[];
  rounding: string[];
  eventCount: number;
  days: { window: Span; quantity: string }[];
  evidence: { snapshotId: string; digest: string; sealedAt: string; traceparent: string | null } | null;
}

export interface UsageEvent {
  time: string;
  id: string;
  source: string;
  subject: string;
  value: string;
  properties: Record<string, string>;
  traceId: string | null;
  reportTraceId: string | null;
}

export interface Events {
  events: UsageEvent[];
  next: string | null;
  total: number;
}

export interface ComparedInvoice {
  number: string | null;
  status: "draft" | "final";
  billingPeriod: string;
  period: Span;
  total: string;
}

export interface ComparedSide {
  quantity: string;
  unitPrice: string | null;
  amount: string;
}

export interface ComparedItem {
  item: string;
  label: string;
  kind: InvoiceLine["kind"];
  unit: string;
  left: ComparedSide | null;
  right: ComparedSide | null;
  quantityChange: string | null;
  unitPriceChange: string | null;
  amountChange: string;
}

/** All changes are those of the left one against the right one. */
export interface Comparison extends Fresh {
  currency: string;
  left: ComparedInvoice;
  right: ComparedInvoice;
  items: ComparedItem[];
  totalChange: string;
  change: string | null;
}

export interface TopValues {
  property: string;
  values: { key: string; label: string; quantity: string; share: string | null }[];
  /** How many values there are in all. */
  count: number;
}

export interface BucketDetail extends Fresh {
  meter: string;
  unit: string;
  bucket: Span;
  quantity: string;
  eventCount: number;
  properties: TopValues[];
}

export interface Verification {
  ok: boolean;
  problems: string[];
  counted: number;
  digest: string | null;
  chain: string | null;
  checkedAt: string;
}

export interface PlanTier {
  upTo: string | null;
  unitPrice: string | null;
  flat: string | null;
}

export interface PlanItem {
  item: string;
  label: string;
  meter: string;
  unit: string;
  sentence: string;
  model: string;
  amount: string | null;
  unitPrice: string | null;
  blockSize: string | null;
  included: string | null;
  minimum: string | null;
  tiers: PlanTier[];
}

/** `start` and `end` are civil dates of the contract's zone; `end` is the first day after it. */
export interface Plan {
  plan: string;
  version: number;
  description: string;
  currency: string;
  contract: string;
  start: string;
  end: string | null;
  timeZone: string;
  billingPeriod: string;
  items: PlanItem[];
  examples: { item: string; examples: { quantity: string; amount: string; isOwn: boolean }[] }[];
  coming: ComingChange[];
}

/** Other prices from the first day of a period to come. */
export interface ComingChange {
  billingPeriod: string;
  start: string;
  plan: string;
  version: number;
  items: PlanItem[];
  ended: string[];
  effect: { billingPeriod: string; amount: string; amountToCome: string; change: string } | null;
}

export interface Quote {
  item: string;
  label: string;
  unit: string;
  quantity: string;
  amount: string;
  exactAmount: string;
  currency: string;
  steps: Step[];
  tiers: Tier[];
  price: PlanItem;
}

export interface SavedView {
  id: string;
  name: string;
  query: string;
}
