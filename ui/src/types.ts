/** The portal's answers by the names that the kit has for them, and what several of them have in common. */

import type { LabelSet, PortalSession, Usage } from "./answers.ts";

export type {
  BillingPeriod as Period,
  Branding,
  BucketDetail,
  ComingChange,
  ComparedInvoice,
  ComparedItem,
  ComparedSide,
  Comparison as Compare,
  Cost,
  Entitlement,
  Entitlements,
  DraftSummary as Draft,
  EqualLine,
  Explained as Reasons,
  ExplainedLine as Explanation,
  ExploredPeriod,
  HeatMap,
  Invoice,
  InvoiceComparison as Comparison,
  InvoiceList as Invoices,
  InvoiceSummary,
  Line as InvoiceLine,
  LineEvent as UsageEvent,
  LineEvents as Events,
  Meter,
  Mode,
  Overview,
  OverviewItem,
  PageName as ViewName,
  PlanItem,
  PlanPage as Plan,
  PlanTier,
  Quote,
  SavedView,
  Series,
  Span,
  Step,
  Tier,
  TopValues,
  Usage,
  UsageFigures,
  Variance,
  VarianceEffect,
  VarianceItem,
  Verified as Verification,
  Waterfall,
  WaterfallStep,
} from "./answers.ts";

/** How fresh an answer is: equal `asOf` are equal places in the log. */
export interface Fresh {
  asOf: string;
  completeUntil: string | null;
}

/** Usage or cost over time: `series` add up to `totals`, and `totals` to `total`, where the meter can be added up. */
export type Explored = Omit<Usage, "meter" | "unit" | "billedTotal" | "eventsRead">;

/** Words of the seller. Languages with more forms of a word than two find the usual one. */
export interface Labels extends Omit<LabelSet, "units"> {
  units: Record<string, Partial<Record<Intl.LDMLPluralRule, string>>>;
}

export interface Session extends Omit<PortalSession, "labels"> {
  labels: Labels;
}
