/**
 * What the portal's JSON is made of, generated from openapi.json by `make docs`.
 *
 * `types.ts` gives the names by which the kit knows it. Every quantity, amount, share and change is decimal text; every
 * time is RFC 3339.
 */

/** Somebody of the seller looks at what the customer sees. */
export interface ActingFor {
  operator: string;
  reason: string;
}

/** A discount or a commitment of the customer's contract that rules in the period, or later. */
export interface Agreed {
  kind: "Discount" | "Commitment";
  /** A redeemed coupon is a discount by its code. */
  name: string;
  /** Of a discount: of the charges that it is taken off. */
  percent: string | null;
  /** Off each period; or what is promised for the days. */
  amount: string | null;
  /** Units off the quantity of each item. */
  usage: string | null;
  /** Percent off the quantity of each item. */
  usagePercent: string | null;
  /** Labels of the items that count; empty: all. */
  items: string[];
  /** First day. */
  start: string;
  /** First day after it; null = open. */
  until: string | null;
}

/** Something that usage is drawn from, in the order in which it is. */
export interface Allowance {
  /** carriedOver from an earlier period, the plan's own limit, or a grant. */
  kind: "carriedOver" | "plan" | "grant";
  /** Of what was carried over, the period that it comes from; else empty. */
  name: string;
  /** What is left of it; null without limit. */
  remaining: string | null;
  /** Last day on which it may be used; null where none is known. */
  lastDay: string | null;
}

/** What the period before had cost at the same point. */
export interface AmountAtSamePoint {
  amount: string;
  /** Whole days of both periods that are compared. */
  days: number;
  /** In percent with its sign, rounded to one place; null from nothing. */
  change: string | null;
}

/** What a period has cost so far. */
export interface Bill {
  amount: string;
  currency: string;
  /** Whether it is the invoice's total. */
  final: boolean;
}

/** A billing period. */
export interface BillingPeriod {
  /** Label of the period; where another contract goes by it alone, followed by ~ and the contract. */
  billingPeriod: string;
  /** Name of the contract. */
  contract: string;
  /** First instant of the period. */
  start: string;
  /** First instant after the period. */
  end: string;
  /** IANA zone of the contract, in which days begin. */
  timeZone: string;
  /** ISO 4217 code. */
  currency: string;
  /** open: it runs; closed: it has ended; final: it has an invoice. */
  state: "open" | "closed" | "final";
  /** Number of its invoice; null without one. */
  invoice: string | null;
}

/** How the pages look. */
export interface Branding {
  accent: string;
  accentDark: string;
  /** Colour of text on the accent. */
  accentInk: string;
  logoUrl: string | null;
  font: string | null;
  /** Radius of corners in pixels. */
  radius: number;
  /** Colours of charts; none = those of the kit. */
  series: string[];
}

/** One bucket of usage, with what it is made of. */
export interface BucketDetail {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  meter: string;
  unit: string;
  /** For an hour of the week, the span in which it lies. */
  bucket: Span;
  quantity: string;
  eventCount: number;
  /** Properties that may be looked at, in their order; none for an hour of the week. */
  properties: TopValues[];
}

/** A page of plans by name. */
export interface Catalog {
  plans: CatalogPlan[];
  /** False where there are more contracts than were looked at. */
  allContracts: boolean;
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
}

/** A plan with its newest versions, and the contracts that are on it. */
export interface CatalogPlan {
  name: string;
  /** The newest first; at most ten. */
  versions: PlanVersion[];
  versionCount: number;
  /** By name; at most 200. */
  contracts: PlanContract[];
  contractCount: number;
}

/** Other prices, from a period to come on. */
export interface ComingChange {
  /** The first period that has them. */
  billingPeriod: string;
  /** Its first day. */
  start: string;
  plan: string;
  version: number;
  /** Items whose price is another one, or new. */
  items: PlanItem[];
  /** Items that are no longer there, for people. */
  ended: string[];
  /** Null where no whole period has been billed by the plan of today. */
  effect: Effect | null;
}

/** One of the two. */
export interface ComparedInvoice {
  /** Number; null for a draft. */
  number: string | null;
  status: "draft" | "final";
  billingPeriod: string;
  period: Span;
  total: string;
}

/** One item on both. */
export interface ComparedItem {
  item: string;
  /** For people. */
  label: string;
  /** Late usage of earlier periods (`adjustment`) stands by itself. */
  kind: "usage" | "fixed" | "adjustment" | "discount" | "agreed" | "credit";
  unit: string;
  /** On the invoice that is looked at; null if it is not there. */
  left: ComparedSide | null;
  /** On the one that it is compared with; null if it is not there. */
  right: ComparedSide | null;
  /** Left less right, what is not there being zero; null for a fee, and where units differ. */
  quantityChange: string | null;
  /** Of the rounded prices; null unless both have one. */
  unitPriceChange: string | null;
  /** Left less right, what is not there being zero. */
  amountChange: string;
}

/** What an item comes to on one of the two: the sum of its lines. */
export interface ComparedSide {
  quantity: string;
  /** Amount divided by quantity, rounded to six places; null for a fee, or where nothing was used. */
  unitPrice: string | null;
  amount: string;
}

/** The span before. */
export interface Comparison {
  period: ExploredPeriod;
  buckets: Span[];
  /** One for each bucket of the span before. */
  totals: (string | null)[];
  /**
   * For each bucket of the span that is looked at, the place in `buckets` of the one before that it is compared with: a day with
   * one of the same weekday, where there are two weeks or more; all others by their order. Null where there is none.
   */
  aligned: (number | null)[];
  /** Over the whole span before. */
  total: string;
  /** Null unless the span that is looked at still runs. */
  samePoint: SamePoint | null;
  /**
   * Change against the same point, else against the total, in percent with its sign, rounded to one place; null where there was
   * nothing before.
   */
  change: string | null;
}

/** Whether a colour can be read on a surface of the pages. */
export interface ContrastVerdict {
  field: string;
  colour: string;
  /** `light` or `dark`. */
  surface: string;
  /** Contrast, cut off to two places; null for what is no colour. */
  ratio: string | null;
  isReadable: boolean;
  /** A colour near it that can be read; null where it can be. */
  better: string | null;
}

/**
 * Cost over time, by item or by the values of a property. All values are amounts, as they are printed. What does not come from
 * usage of any group (fees, a minimum) is a series of its own, with an empty key.
 */
export interface Cost {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  /** What is shown, for people. */
  label: string;
  period: ExploredPeriod;
  /** IANA zone in which buckets begin. */
  timeZone: string;
  /** Of whole billing periods, a `month` is a period each. */
  window: "hour" | "day" | "week" | "month";
  /** Property or, in the cost explorer, `item`; null = one series. */
  groupBy: string | null;
  /** In order, at most 1000; without gaps within a billing period. */
  buckets: Span[];
  /** The largest first; the rest, and what has no group, last. */
  series: CostSeries[];
  /** One for each bucket, over all series. */
  totals: (string | null)[];
  /** Over the whole span. */
  total: string;
  /** Events behind the total; null for cost, whose items have events of their own. */
  eventCount: number | null;
  /** Null unless asked for, or where there is nothing before. */
  compare: CostComparison | null;
  /** Null where none bills just this, or events were counted meanwhile. */
  line: EqualAmount | null;
  /** False while past events are still being counted: more may follow. */
  filled: boolean;
  /** ISO 4217 code. */
  currency: string;
  /** Items that are in it; empty = all. */
  items: string[];
  /** Meter of each item that prices usage, by item. */
  meters: Record<string, string>;
  /**
   * Amount divided by quantity for each bucket, rounded to six places; null where nothing was used or more than one item is
   * shown.
   */
  unitPrices: (string | null)[];
}

/** What the span before cost. */
export interface CostComparison {
  period: ExploredPeriod;
  buckets: Span[];
  /** One for each bucket of the span before. */
  totals: (string | null)[];
  /**
   * For each bucket of the span that is looked at, the place in `buckets` of the one before that it is compared with: a day with
   * one of the same weekday, where there are two weeks or more; all others by their order. Null where there is none.
   */
  aligned: (number | null)[];
  /** Over the whole span before. */
  total: string;
  /** Null unless the span that is looked at still runs. */
  samePoint: CostSamePoint | null;
  /**
   * Change against the same point, else against the total, in percent with its sign, rounded to one place; null where there was
   * nothing before.
   */
  change: string | null;
}

/** What the span before had cost at the same point. */
export interface CostSamePoint {
  /**
   * Whole days of the span before that are compared: as many as have passed of this one; of several billing periods, those that
   * are over count whole on both sides.
   */
  days: number;
  /** What the first that many days of the span before came to. */
  total: string;
}

/** One line or one colour of a chart, in amounts. */
export interface CostSeries {
  /** Value of the property or name of the item; empty for what has none, and for the rest. */
  key: string;
  /** For people. */
  label: string;
  /** Whether it stands for all series that are not shown by themselves. */
  isOther: boolean;
  /** One for each bucket; null where nothing happened. */
  values: (string | null)[];
  /** Over the whole span. */
  total: string;
  /** Share of the total in percent, rounded to one place; null where parts do not add up to a whole. */
  share: string | null;
}

/** The bill as it grew, day by day. */
export interface Cumulative {
  buckets: Span[];
  /** The bill at the end of each day; null for days to come. */
  amounts: (string | null)[];
  /** The bill of the period before at the end of its day of the same number; null beyond its last. */
  previous: (string | null)[];
}

/** A page of customers by key. */
export interface CustomerList {
  customers: CustomerRow[];
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
}

/** A customer in the seller's list. */
export interface CustomerRow {
  key: string;
  name: string;
  currency: string;
  /** The live bill; without a contract in force the draft of the last period; null where that is final. */
  live: DraftSummary | null;
  lastInvoice: InvoiceSummary | null;
  /** Totals of the last twelve invoices, the oldest first. */
  trend: string[];
  /** All that was accepted by this time is in the live bill; null where that is not known. */
  completeUntil: string | null;
  flags: Flag[];
}

/** What happened on one day. */
export interface DayValue {
  window: Span;
  quantity: string;
}

/** The draft of the newest period that has begun and is not final. */
export interface DraftSummary {
  billingPeriod: string;
  period: Span;
  total: string;
  currency: string;
  lineCount: number;
}

/** What the usage of the last whole period would cost at prices to come. */
export interface Effect {
  billingPeriod: string;
  /** At the prices of today, fees and minimums included. */
  amount: string;
  amountToCome: string;
  /** To come less today. */
  change: string;
}

/** A feature of the customer's plan, as it stands in the period that goes on. */
export interface Entitlement {
  feature: string;
  /** Meter whose usage counts; empty where nothing is counted. */
  meter: string;
  /** Name of the meter for people; empty where nothing is counted. */
  label: string;
  unit: string;
  /** The fixed value of a feature that has one. */
  value: string;
  /** What may be used in the period in all; null without limit. */
  limit: string | null;
  /** Null where nothing is counted. */
  used: string | null;
  /** What is reserved; null where nothing is counted. */
  held: string | null;
  /** Null without limit. */
  remaining: string | null;
  /** By how much usage lies beyond the limit. */
  beyond: string | null;
  /** Whether usage beyond the limit is let through. */
  isSoft: boolean;
  /** First day of the next period, on which usage counts anew. */
  resetsOn: string;
  /** Day on which nothing is left if usage goes on as so far in the period; null where something is. */
  runsOutOn: string | null;
  sources: Allowance[];
}

/** What a customer may use now. */
export interface Entitlements {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  entitlements: Entitlement[];
}

/** The line, or for all items the total, of the invoice or draft that is what is shown. */
export interface EqualAmount {
  /** Amount of the line. */
  quantity: string;
  /** Name of the item. */
  item: string;
  /** Whether the total shown is the same to the last digit. */
  equals: boolean;
  /** Path of the invoice's page. */
  href: string;
}

/** The line of the invoice or draft that bills what is shown. */
export interface EqualLine {
  /** Quantity of the line; in the cost explorer its amount. */
  quantity: string;
  /** Name of the item. */
  item: string;
  /** Whether the total shown is the same to the last digit. */
  equals: boolean;
  /** Path of the invoice's page. */
  href: string;
}

/** What proves a final line. */
export interface Evidence {
  snapshotId: string;
  /** SHA-256 of the frozen usage, in hexadecimal. */
  digest: string;
  sealedAt: string;
  traceparent: string | null;
}

/** What one quantity of an item costs. */
export interface Example {
  quantity: string;
  /** As an invoice prints it. */
  amount: string;
  /** Whether it is what was used in the last whole period. */
  isOwn: boolean;
}

/** Why a period costs what it does. */
export interface Explained {
  /** Null where there is no period before it in the same currency. */
  variance: Variance | null;
}

/** A line with all that leads to its amount. */
export interface ExplainedLine {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  line: Line;
  /** Number of its invoice; null for a draft. */
  invoiceNumber: string | null;
  /** The price in figures; null where it is not told. */
  price: PlanItem | null;
  steps: Step[];
  tiers: Tier[];
  /** How the amount on the line follows from the exact one, in words. */
  rounding: string[];
  eventCount: number;
  /** The quantity by civil day; empty for a fixed fee. */
  days: DayValue[];
  /** Null for a draft, and for a fixed fee. */
  evidence: Evidence | null;
}

/** The span that is looked at. */
export interface ExploredPeriod {
  /** First instant inside. */
  start: string;
  /** First instant outside. */
  end: string;
  /** Label of the billing period that it is; null for any other span. */
  billingPeriod: string | null;
}

/** What is wrong with one parameter. */
export interface FieldProblem {
  field: string;
  reason: string;
  message: string;
}

/** What somebody should look at. */
export type Flag = "noContract" | "adjusted" | "credit";

/** All usage in an hour of the week, put together. */
export interface HeatCell {
  /** 1 is Monday, 7 Sunday. */
  weekday: number;
  /** Hour of the clock, 0 to 23. */
  hour: number;
  quantity: string;
  eventCount: number;
  /** Minutes of the span that lie in such an hour; twice as many where it came twice. */
  minutes: number;
}

/** Usage by the hour of the week of the contract's zone. */
export interface HeatMap {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  meter: string;
  unit: string;
  timeZone: string;
  /** By weekday and hour, those that the span has. */
  cells: HeatCell[];
}

/** Units that cost nothing, and how many of them are left. */
export interface IncludedUnits {
  item: string;
  label: string;
  unit: string;
  included: string;
  /** Quantity of the period; it may be more than what is included. */
  used: string;
  left: string;
}

/** An invoice or the draft of one. */
export interface Invoice {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  /** Number; null for a draft. */
  number: string | null;
  status: "draft" | "final";
  kind: "period" | "closing";
  /** Whether the seller owes the customer the amount. */
  isCredit: boolean;
  seller: string;
  /** Key of the customer. */
  customer: string;
  customerName: string;
  contract: string;
  billingPeriod: string;
  period: Span;
  timeZone: string;
  lines: Line[];
  /** Sum of the amounts of the lines. */
  total: string;
  currency: string;
  finalizedAt: string | null;
  /** SHA-256 of the frozen text, in hexadecimal; null for a draft. */
  digest: string | null;
  /** Hash that links it to the invoice before it in its series; null for a draft. */
  chain: string | null;
  /** Sentences that belong on the document. */
  notes: string[];
  pending: PendingAdjustment | null;
}

/** Two invoices or drafts, item by item: the changes of amounts add up to that of the totals. */
export interface InvoiceComparison {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  currency: string;
  left: ComparedInvoice;
  right: ComparedInvoice;
  /** In the order of the invoices. */
  items: ComparedItem[];
  /** Left less right. */
  totalChange: string;
  /** Change of the total in percent with its sign, rounded to one place; null from nothing. */
  change: string | null;
}

/** The live draft, and invoices, the newest first. */
export interface InvoiceList {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  draft: DraftSummary | null;
  invoices: InvoiceSummary[];
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
}

/** An invoice in a list. */
export interface InvoiceSummary {
  number: string;
  kind: "period" | "closing";
  billingPeriod: string;
  period: Span;
  total: string;
  currency: string;
  lineCount: number;
  finalizedAt: string;
  isCredit: boolean;
  hasAdjustments: boolean;
}

/** Examples of one item. */
export interface ItemExamples {
  item: string;
  examples: Example[];
}

/** Names for people, in place of those of the catalog. */
export interface LabelSet {
  meters: Record<string, string>;
  items: Record<string, string>;
  properties: Record<string, string>;
  /** Property, then value. */
  values: Record<string, Record<string, string>>;
  units: Record<string, UnitLabel>;
}

/** The bucket in which most was used, the first of equal ones. */
export interface LargestBucket {
  bucket: Span;
  quantity: string;
}

/** The newest invoice. */
export interface LastInvoice {
  number: string;
  total: string;
  currency: string;
  billingPeriod: string;
}

/** A line of an invoice or draft. */
export interface Line {
  /** Id of the line. */
  id: string;
  /** "agreed": a bound of the plan, or a commitment of the contract. */
  kind: "usage" | "fixed" | "adjustment" | "discount" | "agreed" | "credit";
  /** Name of the plan's item. */
  item: string;
  /** Its name for people, as the seller's profile has it. */
  label: string;
  /** Meter; empty for a fixed fee and a discount. */
  meter: string;
  /** Unit of the quantity, for people. */
  unit: string;
  /** Quantity; for an adjustment the change of the quantity. */
  quantity: string;
  /**
   * What is priced of it, where that is another one: rounded event by event, or converted; for an adjustment that of the whole
   * period now. Null where the quantity itself is priced.
   */
  pricedQuantity: string | null;
  /** Amount, rounded once. */
  amount: string;
  /** Amount before rounding; for an adjustment that of the whole period now. */
  exactAmount: string;
  /** Events behind the quantity; for an adjustment the late ones. */
  eventCount: number;
  tiers: Tier[];
  /** Service period. */
  period: Span;
  /** Plan by whose price it is. */
  plan: string;
  planVersion: number;
  /** For an adjustment, the line that it adjusts. */
  adjustsLineId: string | null;
  /** For an adjustment, what was billed before. */
  billedBefore: string | null;
  /** Contract, where it is another one than the invoice's. */
  contract: string | null;
}

/** An event behind a line. */
export interface LineEvent {
  /** When it happened. */
  time: string;
  id: string;
  source: string;
  /** User or device below the customer; empty if none. */
  subject: string;
  /** What the meter read of it. */
  value: string;
  /** Without those that the seller hides. */
  properties: Record<string, string>;
  /** Trace of the request in which it happened, if it was told. */
  traceId: string | null;
  /** Trace of the call that reported it. */
  reportTraceId: string | null;
  /**
   * `void`: it takes back an event that was counted before, so its value is taken off; `replacement`: it holds in the place of
   * the event that was reported; null for an event as it was reported.
   */
  correction: "void" | "replacement" | null;
  /** Whether it was voided or replaced later, after what is shown was counted. */
  takenBack: boolean;
  /** Why it was voided or replaced, where the seller shows that; else null. */
  reason: string | null;
}

/** A page of events in the order of the log. */
export interface LineEvents {
  events: LineEvent[];
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
  /** Events behind the line or bucket, over all pages. */
  total: number;
}

/** A session and its secret, which is told once. */
export interface MadeSession {
  id: string;
  /** For the kind `embed`: the bearer token. */
  token: string | null;
  /** For the others: the address to open, once. */
  url: string | null;
}

/** What can be looked at. */
export interface Meter {
  /** Name of the meter. */
  name: string;
  /** Its name for people, as the seller's profile has it. */
  label: string;
  /** Unit of its quantities, for people; empty if it has none. */
  unit: string;
  /** How events become a quantity. */
  aggregation: "SUM" | "COUNT" | "COUNT_UNIQUE" | "MIN" | "MAX" | "LATEST" | "AVG" | "FIRST" | "WEIGHTED_SUM" | "DURATION" | "PERCENTILE" | "LIVE_COUNT" | "RUNNING_TOTAL" | "FORMULA";
  /** Properties by which its usage can be broken down and filtered. */
  groupBy: string[];
  /** Whether usage can be asked for by any other property of events, too, which reads them anew. */
  anyProperty: boolean;
}

/** Light or dark. */
export type Mode = "auto" | "light" | "dark";

/** The first page. */
export interface Overview {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  period: ExploredPeriod;
  timeZone: string;
  billSoFar: Bill;
  samePoint: AmountAtSamePoint | null;
  lastInvoice: LastInvoice | null;
  /** Null where cost over time is not known. */
  cumulative: Cumulative | null;
  /** Null without a period before. */
  waterfall: Waterfall | null;
  items: OverviewItem[];
  included: IncludedUnits[];
  /** What adjustments of earlier periods come to, on this bill. */
  adjustments: string;
}

/** What one line of the bill comes to. */
export interface OverviewItem {
  item: string;
  label: string;
  amount: string;
  quantity: string;
  unit: string;
  lineId: string;
}

/** A page of the portal, or an element of the same name. */
export type PageName = "overview" | "usage" | "cost" | "invoices" | "plan";

/** The customer. */
export interface Party {
  key: string;
  name: string;
}

/** What came late of a final period and is on no invoice yet. */
export interface PendingAdjustment {
  amount: string;
  lines: Line[];
  /** Label of the period whose invoice will carry it. */
  nextInvoice: string | null;
}

/** Who is on a plan. */
export interface PlanContract {
  contract: string;
  customer: string;
  start: string;
  /** First day after the contract; null = open. */
  end: string | null;
  /** Version that the contract keeps; null = the one in force. */
  pinnedVersion: number | null;
  /** Day from which it is on this plan; null = its first day. */
  effectiveFrom: string | null;
  /** Whether it has not begun, or is not on this plan yet. */
  isComing: boolean;
}

/** One item of a plan. */
export interface PlanItem {
  item: string;
  label: string;
  /** Meter that is priced; empty for a fixed fee. */
  meter: string;
  unit: string;
  model: "fixed" | "perUnit" | "graduated" | "volume" | "package" | "stairstep" | "percentage" | "graduatedPercentage" | "dynamic" | "costPlus" | "matrix" | "formula";
  /** Amount of a fixed fee, or of one block of a package. */
  amount: string | null;
  /** Price of one unit, where all units have the same. */
  unitPrice: string | null;
  /** Units in a block of a package. */
  blockSize: string | null;
  /** Whether the metered quantity is brought to `unit`, or whole steps of it, before it is priced. */
  isConverted: boolean;
  /** Units that cost nothing in every period; null = none. */
  included: string | null;
  /** What the item costs at least; null = no minimum. */
  minimum: string | null;
  /** What the item costs at most; null = no maximum. */
  maximum: string | null;
  /** By what the customer's contract multiplies the amount, before both; null = not at all. */
  times: string | null;
  /** Share of the amount, or markup on it, of a price in percent. */
  percent: string | null;
  /** What the prices that events carry are multiplied by. */
  factor: string | null;
  tiers: PlanTier[];
  /** Properties each of whose values is priced by itself. */
  perKey: string[];
  /** Whether rows, or values of a key, climb their tiers together. */
  isTogether: boolean;
  /** Hours of its classes, as the catalog has them. Example: "peak MO, TU 08:00-20:00". */
  calendar: string;
  /** Of a matrix: which values cost what. */
  rows: PlanRow[];
  /** Whether each event is priced by itself. */
  isEachEvent: boolean;
  /** Fee for each event, beside its share of the amount. */
  eventFee: string | null;
  /** So many events of a period have no fee. */
  freeEvents: string | null;
  /** What an event costs at least. */
  eventMinimum: string | null;
  /** What an event costs at most. */
  eventMaximum: string | null;
  /** Of a price formula: the expression, and the meter of each name. Example: "a + b (a: x, b: y)". */
  formula: string;
}

/** What was agreed. */
export interface PlanPage {
  plan: string;
  version: number;
  description: string;
  currency: string;
  contract: string;
  /** First day of the contract. */
  start: string;
  /** First day after the contract; null = open. */
  end: string | null;
  timeZone: string;
  billingPeriod: string;
  items: PlanItem[];
  /** Discounts and commitments of the contract. */
  agreed: Agreed[];
  /** Of each item that prices usage. */
  examples: ItemExamples[];
  /** Changes of the prices within a year. */
  coming: ComingChange[];
}

/** A row of a price that goes by values of properties. */
export interface PlanRow {
  /** For which values; empty for all others. Example: "country AT, DE". */
  values: string;
  /** What they cost, like an item of its own. */
  price: PlanItem;
}

/** A tier or bracket of a price. */
export interface PlanTier {
  /** Upper bound, inclusive; null for the last one. */
  upTo: string | null;
  /** Price of one unit; null for a bracket. */
  unitPrice: string | null;
  /** Fee of the tier, or amount of the bracket; null = none. */
  flat: string | null;
  /** Share of the amount, of a price in percent. */
  percent: string | null;
}

/** A version of a plan; versions never change. */
export interface PlanVersion {
  version: number;
  currency: string;
  description: string;
  /** Periods that start then or later; null = when it was applied. */
  effectiveFrom: string | null;
  /** When it was applied. */
  createdAt: string;
  name: string;
  /** Whether it prices only periods that start later than now. */
  isComing: boolean;
  items: PlanItem[];
}

/** Whose pages these are, and how they look. */
export interface PortalSession {
  customer: Party;
  /** Name of the seller for people; empty where neither the profile nor an invoice or draft names it. */
  seller: string;
  views: PageName[];
  /** Language tag; null = the browser's. */
  locale: string | null;
  /** IANA zone of the customer's newest contract; UTC without one. */
  timeZone: string;
  /** ISO 4217 code of that contract; empty without one. */
  currency: string;
  mode: Mode;
  branding: Branding;
  texts: Record<string, string>;
  labels: LabelSet;
  windowMin: WindowFloor;
  traceLink: string | null;
  expiresAt: string;
  kind: SessionKind;
  actingFor: ActingFor | null;
}

/** What a page would be told first if the profile were saved, and what is wrong with the profile. */
export interface Preview {
  /** Null where something is wrong. */
  session: PortalSession | null;
  problems: ProfileProblem[];
  verdicts: ContrastVerdict[];
  /** The logo, cleaned, in base64; null without one. */
  logo: string | null;
}

/** Something odd about a price. */
export interface PriceFinding {
  /** error: nothing can be billed like this; warning: hardly meant; info: to know. */
  level: "error" | "warning" | "info";
  /** What it is, in a stable word. */
  code: string;
  /** Null where it is about no single plan. */
  plan: string | null;
  /** Null where it is about no single item. */
  item: string | null;
  /** Null for a fixed fee, and where it is about no single meter. */
  meter: string | null;
  /** Quantity at which it happens; null where it happens at none. */
  quantity: string | null;
  /** What it is and what to do, in English. */
  message: string;
}

/** What is odd about all plans in their newest versions, and about meters and currencies without a price. */
export interface PriceFindings {
  /** The worst first, then by plan and item; the first of them. */
  findings: PriceFinding[];
  /** How many there are in all. */
  findingCount: number;
}

/** An error, as RFC 9457 has it. */
export interface Problem {
  /** Names the reason. */
  type: string;
  /** The reason in one sentence. */
  title: string;
  /** Status code of the answer. */
  status: number;
  /** What happened, for people. */
  detail: string;
  /** Stable reason. */
  reason: string;
  /** Names this answer in the service's log. */
  requestId: string;
  /** What to do next. */
  do: string;
  /** Parameters that are wrong; empty for other errors. */
  fields: FieldProblem[];
}

/** What is wrong with one field. */
export interface ProfileProblem {
  field: string;
  message: string;
}

/** The profile as it should be; what is absent is as in the default. */
export interface ProfileToApply {
  spec: Record<string, unknown>;
}

/** A profile that is not saved, and the customer whose pages are to be shown with it. */
export interface ProfileToPreview {
  spec: Record<string, unknown>;
  customer: string;
  /** Language tag of the reader; empty = English. */
  locale?: string;
  /**
   * Id of an embed session of that customer that you made: as long as it lives, its pages and no others follow this profile.
   * Needs the scope admin; empty = none.
   */
  session?: string;
}

/** What a quantity of an item would cost in a period, with the steps that lead there. */
export interface Quote {
  item: string;
  /** For people. */
  label: string;
  unit: string;
  quantity: string;
  /** As an invoice prints it. */
  amount: string;
  exactAmount: string;
  currency: string;
  steps: Step[];
  tiers: Tier[];
  price: PlanItem;
}

/** The invoices of some months, and the drafts of what is not final in them. */
export interface Revenue {
  /** Label of the first month. */
  firstPeriod: string;
  /** Label of the last month. */
  billingPeriod: string;
  by: "customer" | "item" | "plan";
  /** By currency, the largest first. */
  rows: RevenueRow[];
  /** One for each currency, by its code, over all rows. */
  totals: RevenueTotal[];
  /** False where there are more live bills than are added up at once. */
  isWhole: boolean;
  /** What to send as `after` for the next rows; null on the last. */
  next: string | null;
}

/** One customer, item or plan, in one currency. */
export interface RevenueRow {
  /** Key of the customer, name of the item, or name of the plan. */
  key: string;
  label: string;
  currency: string;
  /** Sum of the lines, exact. */
  amount: string;
  /** Part of the currency's total in percent, for reading; null of zero. */
  share: string | null;
  /** The part of it that is on final invoices. */
  final: string;
  /** Invoices and drafts with such lines. */
  bills: number;
}

/** All of one currency. */
export interface RevenueTotal {
  currency: string;
  /** Sum of the totals of the bills: the same as the sum of the rows, exact. */
  amount: string;
  final: string;
  /** Final invoices in it. */
  invoices: number;
  /** Drafts in it, which may still move. */
  drafts: number;
}

/** The span before, up to the same point. */
export interface SamePoint {
  /**
   * Whole days of the span before that are compared: as many as have passed of this one; of several billing periods, those that
   * are over count whole on both sides.
   */
  days: number;
  /** What the first that many days of the span before came to. */
  total: string;
}

/** A page of the portal with all choices that were made on it. */
export interface SavedView {
  id: string;
  name: string;
  /** Path and query of the page. */
  query: string;
  createdAt: string;
  /** Whether it is of the seller's profile: every customer has it, and none deletes it. */
  isPreset: boolean;
}

/** One line or one colour of a chart. */
export interface Series {
  /** Value of the property or name of the item; empty for what has none, and for the rest. */
  key: string;
  /** For people. */
  label: string;
  /** Whether it stands for all series that are not shown by themselves. */
  isOther: boolean;
  /** One for each bucket; null where nothing happened. */
  values: (string | null)[];
  /** Over the whole span. */
  total: string;
  /** Share of the total in percent, rounded to one place; null where parts do not add up to a whole. */
  share: string | null;
}

/** How a session is used. */
export type SessionKind = "embed" | "link" | "operator";

/** A page of sessions, the newest first. */
export interface SessionList {
  sessions: SessionRow[];
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
}

/** A session in the seller's list. */
export interface SessionRow {
  id: string;
  kind: SessionKind;
  customer: string;
  /** Pages that it was made for; none = all. */
  views: PageName[];
  reason: string;
  createdBy: string;
  createdAt: string;
  endsAt: string;
  lastUsedAt: string | null;
  /** When its link was opened; null = not yet, or it has none. */
  redeemedAt: string | null;
  revokedAt: string | null;
  isOver: boolean;
}

/** A session that somebody of the seller asks for, to look at what a customer sees. */
export interface SessionToMake {
  customer: string;
  kind: SessionKind;
  /** Why; required for the kind `operator`. It is recorded. */
  reason?: string;
}

/** A half-open span of time. */
export interface Span {
  /** First instant inside. */
  start: string;
  /** First instant outside. */
  end: string;
}

/** One step from the quantity to the amount. */
export interface Step {
  /** Stable name. */
  name: string;
  /** In plain words. */
  text: string;
  /** Result of the step. */
  value: string;
  /** Of a fee by days, for how many of them it is; else null. */
  days: number | null;
  /** Of a fee by days, how many the whole period has; else null. */
  ofDays: number | null;
}

/** A version of the profile. */
export interface StoredProfile {
  /** 0 = the default, which holds until one is applied. */
  version: number;
  /** The document that `meterline portal brand` reads and prints. */
  spec: Record<string, unknown>;
  createdAt: string | null;
  /** Numbers of all versions, the newest first. */
  versions: number[];
  verdicts: ContrastVerdict[];
  /** Address of the portal, for the page that embeds it. */
  publicUrl: string;
}

/** A row of the price model. */
export interface Tier {
  /** Upper bound of the tier, inclusive; null for the last or only one. */
  upTo: string | null;
  /** Part of the quantity that is priced here; blocks for a package. */
  quantity: string;
  /** Price of one unit. */
  unitPrice: string;
  /** Flat fee of the tier; null = none. */
  flat: string | null;
  /** Exact amount of the row. */
  amount: string;
  /** Whether the quantity ends in this tier. */
  here: boolean;
  /** Of which row of a matrix or value of a key it is; else empty. */
  row: string;
}

/** What one value of a property came to. */
export interface TopValue {
  /** Value of the property; empty for events without it. */
  key: string;
  /** For people. */
  label: string;
  quantity: string;
  /** Share of the bucket in percent, rounded to one place; null where parts do not add up to a whole. */
  share: string | null;
}

/** The largest values of one property, the largest first. */
export interface TopValues {
  property: string;
  values: TopValue[];
  /** How many values there are in all. */
  count: number;
}

/** A page by customer, period and meter. It may be short and not be the last. */
export interface UnbilledPage {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  rows: UnbilledRow[];
  /** False while past events of a meter are still being counted. */
  filled: boolean;
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
}

/** Usage of one customer, meter and period that no invoice will have as things are. */
export interface UnbilledRow {
  /** Key of the customer; null for events that no meter asks for. */
  customer: string | null;
  meter: string | null;
  reason: string;
  /** Why it is parked, or the type of events that no meter asks for. */
  detail: string | null;
  /** The reason in one sentence. */
  meaning: string;
  /** The command that shows more or mends it. */
  command: string;
  contract: string | null;
  billingPeriod: string | null;
  eventCount: number;
  /** Null where nothing counts them. */
  quantity: string | null;
  unit: string;
  /** When the first of the events happened. */
  firstTime: string;
  /** When the last of them happened; null where that is not kept. */
  lastTime: string | null;
}

/** A unit for one and for several. */
export interface UnitLabel {
  one: string;
  other: string;
}

/** Usage of one meter over time, by the values of a property if asked for. */
export interface Usage {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  /** What is shown, for people. */
  label: string;
  period: ExploredPeriod;
  /** IANA zone in which buckets begin. */
  timeZone: string;
  /** Of whole billing periods, a `month` is a period each. */
  window: "hour" | "day" | "week" | "month";
  /** Property or, in the cost explorer, `item`; null = one series. */
  groupBy: string | null;
  /** In order, at most 1000; without gaps within a billing period. */
  buckets: Span[];
  /** The largest first; the rest, and what has no group, last. */
  series: Series[];
  /** One for each bucket, over all series. */
  totals: (string | null)[];
  /** Over the whole span. */
  total: string;
  /** Events behind the total; null for cost, whose items have events of their own. */
  eventCount: number | null;
  /** Null unless asked for, or where there is nothing before. */
  compare: Comparison | null;
  /** Null where none bills just this, or events were counted meanwhile. */
  line: EqualLine | null;
  /** False while past events are still being counted: more may follow. */
  filled: boolean;
  /** Name of the meter. */
  meter: string;
  /** Unit of all quantities, for people; empty if it has none. */
  unit: string;
  /** What is billed of the total, where the meter rounds each event by itself; null where that is the total itself. */
  billedTotal: string | null;
  /**
   * Events that were read anew, because the meter does not group by a property that is asked for; 0 where the answer comes from
   * what is counted already.
   */
  eventsRead: number;
}

/** What one meter came to in a span, and how that was spread over its buckets. */
export interface UsageFigures {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  meter: string;
  unit: string;
  /** Over the whole span. */
  total: string;
  /** Null where nothing happened. */
  largest: LargestBucket | null;
  /** What 95 of 100 buckets do not exceed; null where there is no bucket. */
  percentile: string | null;
  /** Buckets that have begun by now, of which that is told. */
  bucketCount: number;
}

/** Why a period costs more or less than another: the effects add up to the change, and so do the items. */
export interface Variance {
  /** Place in the event log that the answer reflects: equal texts mean equal places. */
  asOf: string;
  /** All that was accepted by this time is in the answer; null where that is not known. */
  completeUntil: string | null;
  currency: string;
  from: VarianceEnd;
  to: VarianceEnd;
  /** Whether the later period goes on, and is compared with all of the earlier one. */
  isOpen: boolean;
  change: string;
  effects: VarianceEffect[];
  /** Those that changed. */
  items: VarianceItem[];
}

/** How much one thing that changed adds to an amount, or takes off it. */
export interface VarianceEffect {
  effect: "volume" | "tier" | "mix" | "time" | "price" | "plan" | "new" | "ended" | "correction" | "discount" | "planBounds" | "commitment";
  amount: string;
}

/** One of the two periods, and what its items come to. */
export interface VarianceEnd {
  billingPeriod: string;
  amount: string;
}

/** How one item changed; its effects add up to the change. */
export interface VarianceItem {
  /** Plan item; empty for all that are not shown to the customer, together. */
  item: string;
  label: string;
  unit: string;
  /** Null for a fee, and for an item that was not there. */
  quantityBefore: string | null;
  quantity: string | null;
  change: string;
  effects: VarianceEffect[];
}

/** What was counted or computed again, now. */
export interface Verified {
  /** Whether all of it is as it was billed. */
  ok: boolean;
  /** What is wrong, in sentences. */
  problems: string[];
  /** Lines, or events, that were looked at. */
  counted: number;
  /** SHA-256 that was computed again, in hexadecimal. */
  digest: string | null;
  /** Hash that links it to its neighbors; null for a line. */
  chain: string | null;
  checkedAt: string;
}

/** A page with all choices that were made on it, and a name for it. */
export interface ViewToSave {
  name: string;
  query: string;
}

/** Why the bill changed: the steps add up from one end to the other. */
export interface Waterfall {
  from: WaterfallEnd;
  steps: WaterfallStep[];
  to: WaterfallEnd;
}

/** Where a waterfall begins or ends. */
export interface WaterfallEnd {
  label: string;
  amount: string;
}

/** What one item adds to the bill, or takes off it, against the period before. */
export interface WaterfallStep {
  item: string;
  label: string;
  amount: string;
  quantityBefore: string | null;
  quantity: string | null;
  unit: string;
}

/** The smallest window in which usage and cost are shown. */
export type WindowFloor = "hour" | "day" | "month";
