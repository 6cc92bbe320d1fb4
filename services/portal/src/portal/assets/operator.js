// src/texts_first.ts
var FIRST_TEXTS = {
 "problem.expired": "This session has ended",
 "problem.expiredText": "Ask {seller} for a new link, then open it here.",
 "problem.expiredUnknown": "Ask whoever sent you the link for a new one, then open it here.",
 "problem.expiredEmbed": "Reload this page to sign in again.",
 "problem.forbidden": "This page is not open to you",
 "problem.forbiddenText": "{seller} decides which pages are shown. Ask them if you need this one.",
 "problem.forbiddenUnknown": "Your session shows only some pages. Ask whoever invited you if you need this one.",
 "problem.missing": "There is nothing here",
 "problem.missingText": "The address may be mistyped, or what it named is gone. Choose a page from the menu.",
 "problem.refused": "This can't be shown",
 "problem.unavailable": "The figures can't be reached right now",
 "problem.unavailableText": "Nothing is lost: what was reported is kept and counted. Try again in a moment.",
 "problem.retry": "Try again",
 "problem.request": "Request {id}",
 loading: "Loading"
};

// src/i18n.ts
function filled(text, blanks) {
 return text.replace(/\{(\w+)\}/g, (blank, name) => name in blanks ? String(blanks[name]) : blank);
}
var spoken = FIRST_TEXTS;
function speak(texts) {
 spoken = { ...FIRST_TEXTS, ...texts };
}
function translator(own) {
 return (key, blanks = {}) => filled((Object.hasOwn(own, key) ? own[key] : void 0) ?? spoken[key] ?? key, blanks);
}
var Words = class {
 constructor(labels, format) {
  this.labels = labels;
  this.format = format;
 }
 item(name) {
  return this.labels.items[name] ?? name;
 }
 meter(name) {
  return this.labels.meters[name] ?? name;
 }
 property(name) {
  return this.labels.properties[name] ?? name.replaceAll("_", " ");
 }
 value(property, value) {
  return this.labels.values[property]?.[value] ?? value;
 }
 zone(zone) {
  return zone.replaceAll("_", " ");
 }
 unit(unit, quantity) {
  let forms = this.labels.units[unit];
  return forms?.[this.format.plural(quantity)] ?? forms?.other ?? unit;
 }
 quantity(quantity, unit) {
  return `${this.format.decimal(quantity)} ${this.unit(unit, quantity)}`.trim();
 }
};
function named({ t: t5 }, lines) {
 return lines.map((line) => {
  let label = line.label.replace(/^(Discount|Commitment|Billed in advance)(?=: )/, (name) => t5(`line.${name}`));
  return label === line.label ? line : { ...line, label };
 });
}

// src/texts.ts
var TEXTS = {
 "view.overview": "Overview",
 "view.usage": "Usage",
 "view.cost": "Cost",
 "view.invoices": "Invoices",
 "view.plan": "Plan & prices",
 "fresh.live": "Live · complete to {time}",
 "fresh.late": "Complete to {time} · {age} ago",
 "fresh.final": "Final",
 "fresh.unknown": "Freshness is not known",
 "fresh.stale": "Not refreshed · {reason}",
 "fresh.filling": "Still being counted",
 "age.seconds": "{count} s",
 "age.minutes": "{count} min",
 "age.hours": "{count} h",
 "age.days": "{count} d",
 "period.choose": "Billing period",
 "period.previous": "Previous period",
 "period.next": "Next period",
 "period.days": "days of {zone}",
 window: "Window",
 "window.hour": "Hour",
 "window.day": "Day",
 "window.week": "Week",
 "window.month": "Month",
 "by.hour": "{what} by hour",
 "by.day": "{what} by day",
 "by.week": "{what} by week",
 "by.month": "{what} by month",
 "overview.billSoFar": "Bill so far",
 "overview.bill": "Bill",
 "overview.samePoint": "Same point last period",
 "overview.lastInvoice": "Last invoice",
 "overview.cumulative": "How the bill grew",
 "overview.thisPeriod": "this period",
 "overview.lastPeriod": "last period",
 "overview.firstDays": "first {days} days",
 "overview.why": "Why it changed",
 "overview.whyHint": "against the same days of the period before; the steps add up exactly",
 "overview.reasons": "Why, by what changed",
 "reasons.hint": "against all of the period before; the steps add up exactly",
 "reasons.open": "This period goes on and is compared with all of the one before; the steps add up exactly.",
 "reasons.none": "There is no period before this one in the same currency.",
 "reasons.items": "Changes by item",
 "effect.volume": "Usage",
 "effect.tier": "Tiers and included units",
 "effect.mix": "Mix",
 "effect.time": "Days",
 "effect.price": "Prices",
 "effect.plan": "Plan",
 "effect.new": "New",
 "effect.ended": "Ended",
 "effect.correction": "Late usage",
 "effect.discount": "Discounts",
 "effect.planBounds": "Bounds of the plan",
 "effect.commitment": "Commitments",
 "effect.volumeText": "More or less was used: the earlier amount, in proportion to the quantity.",
 "effect.tierText": "The quantity does not cost in proportion: tiers, included units, minimums and whole blocks.",
 "effect.mixText": "The same quantity was used in other parts, which have prices of their own.",
 "effect.timeText": "The contract has more or fewer days of the period.",
 "effect.priceText": "The same plan has other prices by then.",
 "effect.planText": "Another plan.",
 "effect.newText": "Only the later period has these items.",
 "effect.endedText": "Only the earlier period has these items.",
 "effect.correctionText": "Usage that came late, after the period was billed.",
 "effect.discountText": "What discounts take off, more or less than before.",
 "effect.planBoundsText": "What the maximum or minimum of the plan takes off or adds, more or less than before.",
 "effect.commitmentText": "What commitments are charged, more or less than before.",
 "overview.madeOf": "What it is made of",
 "overview.included": "Included units",
 "overview.left": "{left} of {included} left",
 "overview.openLive": "Open live invoice",
 "overview.openInvoice": "Open invoice",
 "overview.openLine": "Explain this line",
 "overview.explainBill": "The sum of the {count} lines of the live invoice. It becomes final after the period has ended.",
 "overview.explainFinal": "The total of the final invoice {number}.",
 "overview.explainSamePoint": "What the period before had come to after {days} days, computed with its own prices.",
 "overview.explainStep": "How much {item} costs more or less than at the same point of the period before.",
 "overview.explainAmount": "What {item} costs in this period so far.",
 "overview.empty": "No usage yet",
 "overview.emptyText": "The first event appears here within a second of being reported.",
 "explore.span": "How many periods",
 "span.1": "One period",
 "span.3": "3 periods",
 "span.6": "6 periods",
 "span.12": "12 periods",
 "explore.meter": "Meter",
 "explore.group": "Group by",
 "explore.groupNone": "Not grouped",
 "explore.groupBy": "By {property}",
 "explore.groupItem": "By item",
 "explore.compare": "Compare with previous",
 "explore.chart": "Shown as",
 "explore.bars": "Bars",
 "explore.line": "Lines",
 "explore.heat": "Heat map",
 "explore.table": "Table",
 "explore.choices": "Choices",
 "explore.filterAdd": "Add filter",
 "explore.filterProperty": "Property",
 "explore.filterValue": "Value",
 "explore.filterApply": "Apply",
 "explore.filterRemove": "Remove filter {filter}",
 "explore.only": "Only {value}",
 "explore.close": "Done",
 "explore.copyLink": "Copy link",
 "explore.copyCurl": "Copy as curl",
 "explore.copied": "Copied",
 "explore.copyFailed": "This browser does not let the page copy. Copy the address bar instead.",
 "explore.csv": "CSV",
 "explore.views": "Saved views",
 "explore.viewsNone": "Nothing saved yet. A view keeps all that is chosen on this page.",
 "explore.viewName": "Name of this view",
 "explore.viewSave": "Save view",
 "explore.viewDelete": "Delete view {name}",
 "explore.total": "Total",
 "explore.soFar": "{what} so far",
 "explore.inAll": "{what} in all",
 "explore.previous": "Previous",
 "explore.previousOf": "Previous, {bucket}",
 "explore.wasDays": "was {total} after the same {days} days",
 "explore.was": "was {total}",
 "explore.change": "Against the same point before",
 "explore.changeWhole": "Against the time before",
 "explore.events": "Events counted",
 "explore.eventsHint": "each counted once",
 "explore.largest": "Largest: {name}",
 "explore.peak": "Largest",
 "explore.p95": "95th percentile",
 "explore.week": "Hours of the week",
 "explore.shareOf": "{share} of all",
 "explore.other": "Other",
 "explore.notBy": "Not by {property}",
 "explore.trend": "Trend",
 "explore.quantity": "Quantity",
 "explore.amount": "Amount",
 "explore.share": "Share",
 "explore.start": "From",
 "explore.equalsLine": "equals the invoice line",
 "explore.differsLine": "the invoice line has {value}",
 "explore.equalsInvoice": "equals the invoice",
 "explore.differsInvoice": "the invoice has {value}",
 "explore.notAdded": "values of this meter do not add up over groups",
 "explore.unitPrice": "Effective unit price",
 "explore.unitPriceHint": "amount divided by quantity, window by window",
 "explore.empty": "Nothing counted in this period",
 "explore.emptyText": "The first event appears here within a second of being reported.",
 "explore.emptyFiltered": "No event fits these filters. Remove one to see more.",
 "explore.clear": "Remove all filters",
 "explore.explainTotal": "Everything that was counted in {period}, in the days of {zone}.",
 "explore.explainBucket": "What was counted from {start} up to {end}.",
 "explore.explainSeries": "What was counted for {series} in {period}.",
 "explore.explainEvents": "The events of {period} that are counted here. One that was reported twice is counted once.",
 "explore.explainCost": "What this costs at the prices of the contract, from {start} up to {end}.",
 "explore.openLine": "Open the invoice line",
 "explore.chartKeys": "Use the arrow keys to read the values and Enter to open one.",
 "bucket.more": "and {count} more",
 "bucket.meter": "Events of",
 "event.void": "Voided",
 "event.voidText": "It was billed before and voided since: its value is taken off.",
 "event.replacement": "Corrected",
 "event.replacementText": "It holds in the place of the event that was reported first.",
 "event.takenBack": "Voided or replaced since",
 "event.takenBackText": "It counted when this was billed; what changed is on a later invoice.",
 "explore.billed": "billed: {quantity}",
 "explore.byOther": "By another property",
 "explore.filterAny": "Value; empty = group by it",
 "explore.eventsRead": "Counted for this view from {count} events, as they were reported.",
 "explore.explainHour": "What was counted in this hour of the week, in {period}.",
 "explore.billedTitle": "Billed of it",
 "invoices.live": "Live invoice",
 "invoices.liveHint": "It moves with your usage and becomes final after the period has ended.",
 "invoices.number": "Number",
 "invoices.period": "Period",
 "invoices.lines": "Lines",
 "invoices.finalized": "Issued",
 "invoices.total": "Total",
 "invoices.credit": "Credit note",
 "invoices.adjusted": "Adjustments",
 "invoices.search": "Find a number or month",
 "invoices.more": "Show earlier invoices",
 "invoices.trend": "Totals of the last {count} invoices",
 "invoices.empty": "No invoice yet",
 "invoices.emptyText": "The first one is issued after the first period has ended.",
 "invoices.noneFound": "No invoice fits “{text}”.",
 "invoice.draft": "Draft",
 "invoice.final": "Final",
 "invoice.title": "Invoice {number}",
 "invoice.bills": "bills {customer}",
 "invoice.item": "Item",
 "invoice.quantity": "Quantity",
 "invoice.amount": "Amount",
 "invoice.total": "Total",
 "invoice.totalSoFar": "Total so far",
 "invoice.agreed": "as agreed in plan or contract",
 "invoice.credit": "paid with credit",
 "invoice.oncePeriod": "fee of the period",
 "invoice.events.one": "{count} event",
 "invoice.events.other": "{count} events",
 "invoice.digest": "Digest",
 "invoice.chain": "Chain",
 "invoice.adjusts": "adjusts {line}",
 "invoice.print": "Print",
 "invoice.csv": "CSV",
 "invoice.json": "JSON",
 "invoice.back": "All invoices",
 "invoice.verify": "Check this invoice",
 "invoice.verified": "Digest, chain and lines agree.",
 "invoice.pending": "Came late",
 "invoice.pendingText": "{amount} will be on the invoice of {period}; this one stays as it is.",
 "invoice.noteRounding": "Each amount is the exact charge rounded once, half away from zero; the total is their sum.",
 "invoice.noteCredit": "The total is below zero: this document is a credit.",
 "invoice.explainTotal": "The sum of the {count} amounts above, as they are printed: nothing is rounded again.",
 "invoice.choose": "Choose an amount to see where it comes from.",
 "compare.title": "Two invoices side by side",
 "compare.with": "Compare with…",
 "compare.end": "Stop comparing",
 "compare.before": "Compare {number} with the one before",
 "compare.difference": "Difference",
 "compare.explainItem": "What this item comes to on the one less what it comes to on the other.",
 "compare.explainTotal": "The differences of all items add up to that of the totals, to the last digit.",
 "explain.steps": "How the amount comes about",
 "explain.tiers": "Tiers",
 "explain.tierUpTo": "up to {upTo}",
 "explain.tierAbove": "above",
 "explain.tierHere": "you are here",
 "explain.days": "Day by day",
 "explain.proof": "Proof",
 "explain.check": "Count the events again",
 "explain.checking": "Counting…",
 "explain.proven": "Proven.",
 "explain.provenText": "{events} counted again: the quantity and the digest agree.",
 "explain.broken": "Does not agree.",
 "explain.notChecked": "Every event behind this line can be counted again, here and now.",
 "explain.noEvents": "No events are behind this line.",
 "explain.events": "Events",
 "explain.eventsMore": "Show more events",
 "explain.eventsOf": "{shown} of {total}",
 "explain.when": "When",
 "explain.value": "Value",
 "explain.trace": "Trace",
 "explain.traceOpen": "Open trace {trace}",
 "explain.reportTraceOpen": "Open the trace of its report, {trace}",
 "explain.subject": "Subject",
 "explain.source": "Source",
 "explain.close": "Close",
 "explain.asOf": "As of {asOf}",
 "price.unit": "unit",
 "price.included": "The first {included} of a period are included.",
 "price.fixed": "{amount} in every period, whatever is used.",
 "price.perUnit": "Each {unit} costs {price}.",
 "price.perFurther": "Each further {unit} costs {price}.",
 "price.package": "Every {size} begun cost {price}.",
 "price.perUnitSlice": "Each {unit} costs {price}",
 "price.sliceFirst": "Up to {upTo}, each costs {price}",
 "price.slice": "From there up to {upTo}, each costs {price}",
 "price.sliceRest": "Every further {unit} costs {price}",
 "price.free": "included",
 "price.freeUnit": "Each {unit} is included.",
 "price.freeFirst": "The first {upTo} are included",
 "price.freeSlice": "From there up to {upTo}, all are included",
 "price.freeRest": "Every further {unit} is included",
 "price.fee": ", and {fee} for the tier",
 "price.volume": "The whole quantity has the price of the tier in which it ends: {tiers}.",
 "price.stairstep": "All of it costs what its bracket says: {tiers}.",
 "price.upTo": "up to {upTo}, {price}",
 "price.beyond": "beyond, {price}",
 "price.each": "{price} each",
 "price.percent": "{percent} %",
 "price.percentage": "It costs {percent} % of the amount.",
 "price.costPlus": "It costs what it costs the seller, and {percent} % more.",
 "price.eachEvent": "Each event is priced by itself.",
 "price.eventFee": "And {fee} for each event.",
 "price.eventFeeBeyond": "And {fee} for each event beyond {free} of them.",
 "price.eventMinimum": "Each event costs at least {amount}.",
 "price.eventMaximum": "Each event costs at most {amount}.",
 "price.formula": "It costs {formula}.",
 "price.dynamic": "Each event carries its price.",
 "price.dynamicTimes": "Each event carries its price, times {factor}.",
 "price.graduatedPercentage": "Each slice of the amount costs its share: {tiers}.",
 "price.times": "You pay {times} times that.",
 "price.maximum": "It costs at most {maximum} in a period.",
 "price.minimum": "It costs at least {minimum} in a period.",
 "price.perKey": "Each {names} is priced by itself.",
 "price.together": "All rows climb the tiers together, by their common quantity.",
 "price.otherwise": "All others",
 "step.quantity": "Usage of the period",
 "step.billable": "Billed, each event or session rounded by itself",
 "step.converted": "Billed, in the unit and steps of the price",
 "step.included": "{included} included; what remains",
 "step.tier": "{quantity} × {price}",
 "step.package": "{quantity} blocks of {size} × {price}, the last one counted whole",
 "step.flat": "Fee of the tier",
 "step.multiplier": "Your own price",
 "step.maximum": "Capped to the maximum",
 "step.minimum": "Lifted to the minimum",
 "step.fixed": "Fee of the period",
 "step.base": "Amounts before it",
 "line.Discount": "Discount",
 "line.Commitment": "Commitment",
 "line.Billed in advance": "Billed in advance",
 "step.discount": "Discount",
 "step.days": "{days} of the {ofDays} days of the period",
 "step.total": "Exact amount",
 "step.rounded": "Rounded once, half away from zero",
 "step.billedBefore": "Billed before",
 "plan.examples": "What it comes to",
 "plan.own": "your last period",
 "plan.try": "Another quantity",
 "plan.quote": "Show the price",
 "plan.explainQuote": "What {quantity} in a period cost at the prices of this plan.",
 "plan.coming": "From {date}: other prices",
 "plan.ended": "No longer there: {items}",
 "plan.effect": "Your usage of {period} would come to {amount} in place of {today}:",
 "plan.contract": "Contract",
 "plan.from": "First day",
 "plan.to": "Last day",
 "plan.unitsOff": "{quantity} off the units",
 "plan.open": "open",
 "plan.version": "Version",
 "plan.currency": "Currency",
 "plan.zone": "Days of",
 "plan.blockAmount": "Each block",
 "plan.blockSize": "Block",
 "plan.unitPrice": "Unit price",
 "plan.included": "Included",
 "plan.minimum": "At least",
 "plan.flat": "Fee of the tier",
 "plan.tierFlat": "plus {flat}",
 "plan.empty": "No plan in this period",
 "plan.emptyText": "The contract does not cover the chosen period. Choose another one.",
 "allowance.title": "What you may use",
 "allowance.limit": "{remaining} of {limit} left",
 "allowance.used": "{used} used",
 "allowance.noLimit": "{used} used, without limit",
 "allowance.has": "included",
 "allowance.beyond": "{beyond} beyond the limit of {limit}",
 "allowance.spent": "All {limit} are used",
 "allowance.resets": "Counts anew on {date}.",
 "allowance.runsOut": "If usage goes on as it did so far, nothing is left on {date}.",
 "allowance.lasts": "If usage goes on as it did so far, it lasts until then.",
 "allowance.soft": "Usage beyond the limit goes on, and is billed as the prices say.",
 "allowance.hard": "Until then nothing more is let through.",
 "allowance.held": "{held} reserved",
 "allowance.plan": "From the plan: {remaining}",
 "allowance.carriedOver": "Carried over from {name}: {remaining}",
 "allowance.grant": "Granted: {remaining}",
 "allowance.until": "until {date}",
 "banner.actingFor": "You see what {customer} sees. Signed in as {operator}: {reason}",
 "menu.skip": "Skip to the page",
 "menu.pages": "Pages",
 "menu.help": "Questions about this bill? Ask {seller}.",
 "menu.language": "Language",
 "menu.zone": "Days of {zone}",
 ...FIRST_TEXTS
};

// src/english.ts
speak(TEXTS);

// node_modules/@lit/reactive-element/css-tag.js
var t = globalThis, e = t.ShadowRoot && (t.ShadyCSS === void 0 || t.ShadyCSS.nativeShadow) && "adoptedStyleSheets" in Document.prototype && "replace" in CSSStyleSheet.prototype, s = /* @__PURE__ */ Symbol(), o = /* @__PURE__ */ new WeakMap(), n = class {
 constructor(t5, e5, o5) {
  if (this._$cssResult$ = !0, o5 !== s) throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");
  this.cssText = t5, this.t = e5;
 }
 get styleSheet() {
  let t5 = this.o, s5 = this.t;
  if (e && t5 === void 0) {
   let e5 = s5 !== void 0 && s5.length === 1;
   e5 && (t5 = o.get(s5)), t5 === void 0 && ((this.o = t5 = new CSSStyleSheet()).replaceSync(this.cssText), e5 && o.set(s5, t5));
  }
  return t5;
 }
 toString() {
  return this.cssText;
 }
}, r = (t5) => new n(typeof t5 == "string" ? t5 : t5 + "", void 0, s);
var S = (s5, o5) => {
 if (e) s5.adoptedStyleSheets = o5.map((t5) => t5 instanceof CSSStyleSheet ? t5 : t5.styleSheet);
 else for (let e5 of o5) {
  let o6 = document.createElement("style"), n4 = t.litNonce;
  n4 !== void 0 && o6.setAttribute("nonce", n4), o6.textContent = e5.cssText, s5.appendChild(o6);
 }
}, c = e ? (t5) => t5 : (t5) => t5 instanceof CSSStyleSheet ? ((t6) => {
 let e5 = "";
 for (let s5 of t6.cssRules) e5 += s5.cssText;
 return r(e5);
})(t5) : t5;

// node_modules/@lit/reactive-element/reactive-element.js
var { is: i2, defineProperty: e2, getOwnPropertyDescriptor: h, getOwnPropertyNames: r2, getOwnPropertySymbols: o2, getPrototypeOf: n2 } = Object, a = globalThis, c2 = a.trustedTypes, l = c2 ? c2.emptyScript : "", p = a.reactiveElementPolyfillSupport, d = (t5, s5) => t5, u = { toAttribute(t5, s5) {
 switch (s5) {
  case Boolean:
   t5 = t5 ? l : null;
   break;
  case Object:
  case Array:
   t5 = t5 == null ? t5 : JSON.stringify(t5);
 }
 return t5;
}, fromAttribute(t5, s5) {
 let i7 = t5;
 switch (s5) {
  case Boolean:
   i7 = t5 !== null;
   break;
  case Number:
   i7 = t5 === null ? null : Number(t5);
   break;
  case Object:
  case Array:
   try {
    i7 = JSON.parse(t5);
   } catch {
    i7 = null;
   }
 }
 return i7;
} }, f = (t5, s5) => !i2(t5, s5), b = { attribute: !0, type: String, converter: u, reflect: !1, useDefault: !1, hasChanged: f };
Symbol.metadata ??= /* @__PURE__ */ Symbol("metadata"), a.litPropertyMetadata ??= /* @__PURE__ */ new WeakMap();
var y = class extends HTMLElement {
 static addInitializer(t5) {
  this._$Ei(), (this.l ??= []).push(t5);
 }
 static get observedAttributes() {
  return this.finalize(), this._$Eh && [...this._$Eh.keys()];
 }
 static createProperty(t5, s5 = b) {
  if (s5.state && (s5.attribute = !1), this._$Ei(), this.prototype.hasOwnProperty(t5) && ((s5 = Object.create(s5)).wrapped = !0), this.elementProperties.set(t5, s5), !s5.noAccessor) {
   let i7 = /* @__PURE__ */ Symbol(), h3 = this.getPropertyDescriptor(t5, i7, s5);
   h3 !== void 0 && e2(this.prototype, t5, h3);
  }
 }
 static getPropertyDescriptor(t5, s5, i7) {
  let { get: e5, set: r4 } = h(this.prototype, t5) ?? { get() {
   return this[s5];
  }, set(t6) {
   this[s5] = t6;
  } };
  return { get: e5, set(s6) {
   let h3 = e5?.call(this);
   r4?.call(this, s6), this.requestUpdate(t5, h3, i7);
  }, configurable: !0, enumerable: !0 };
 }
 static getPropertyOptions(t5) {
  return this.elementProperties.get(t5) ?? b;
 }
 static _$Ei() {
  if (this.hasOwnProperty(d("elementProperties"))) return;
  let t5 = n2(this);
  t5.finalize(), t5.l !== void 0 && (this.l = [...t5.l]), this.elementProperties = new Map(t5.elementProperties);
 }
 static finalize() {
  if (this.hasOwnProperty(d("finalized"))) return;
  if (this.finalized = !0, this._$Ei(), this.hasOwnProperty(d("properties"))) {
   let t6 = this.properties, s5 = [...r2(t6), ...o2(t6)];
   for (let i7 of s5) this.createProperty(i7, t6[i7]);
  }
  let t5 = this[Symbol.metadata];
  if (t5 !== null) {
   let s5 = litPropertyMetadata.get(t5);
   if (s5 !== void 0) for (let [t6, i7] of s5) this.elementProperties.set(t6, i7);
  }
  this._$Eh = /* @__PURE__ */ new Map();
  for (let [t6, s5] of this.elementProperties) {
   let i7 = this._$Eu(t6, s5);
   i7 !== void 0 && this._$Eh.set(i7, t6);
  }
  this.elementStyles = this.finalizeStyles(this.styles);
 }
 static finalizeStyles(s5) {
  let i7 = [];
  if (Array.isArray(s5)) {
   let e5 = new Set(s5.flat(1 / 0).reverse());
   for (let s6 of e5) i7.unshift(c(s6));
  } else s5 !== void 0 && i7.push(c(s5));
  return i7;
 }
 static _$Eu(t5, s5) {
  let i7 = s5.attribute;
  return i7 === !1 ? void 0 : typeof i7 == "string" ? i7 : typeof t5 == "string" ? t5.toLowerCase() : void 0;
 }
 constructor() {
  super(), this._$Ep = void 0, this.isUpdatePending = !1, this.hasUpdated = !1, this._$Em = null, this._$Ev();
 }
 _$Ev() {
  this._$ES = new Promise((t5) => this.enableUpdating = t5), this._$AL = /* @__PURE__ */ new Map(), this._$E_(), this.requestUpdate(), this.constructor.l?.forEach((t5) => t5(this));
 }
 addController(t5) {
  (this._$EO ??= /* @__PURE__ */ new Set()).add(t5), this.renderRoot !== void 0 && this.isConnected && t5.hostConnected?.();
 }
 removeController(t5) {
  this._$EO?.delete(t5);
 }
 _$E_() {
  let t5 = /* @__PURE__ */ new Map(), s5 = this.constructor.elementProperties;
  for (let i7 of s5.keys()) this.hasOwnProperty(i7) && (t5.set(i7, this[i7]), delete this[i7]);
  t5.size > 0 && (this._$Ep = t5);
 }
 createRenderRoot() {
  let t5 = this.shadowRoot ?? this.attachShadow(this.constructor.shadowRootOptions);
  return S(t5, this.constructor.elementStyles), t5;
 }
 connectedCallback() {
  this.renderRoot ??= this.createRenderRoot(), this.enableUpdating(!0), this._$EO?.forEach((t5) => t5.hostConnected?.());
 }
 enableUpdating(t5) {
 }
 disconnectedCallback() {
  this._$EO?.forEach((t5) => t5.hostDisconnected?.());
 }
 attributeChangedCallback(t5, s5, i7) {
  this._$AK(t5, i7);
 }
 _$ET(t5, s5) {
  let i7 = this.constructor.elementProperties.get(t5), e5 = this.constructor._$Eu(t5, i7);
  if (e5 !== void 0 && i7.reflect === !0) {
   let h3 = (i7.converter?.toAttribute !== void 0 ? i7.converter : u).toAttribute(s5, i7.type);
   this._$Em = t5, h3 == null ? this.removeAttribute(e5) : this.setAttribute(e5, h3), this._$Em = null;
  }
 }
 _$AK(t5, s5) {
  let i7 = this.constructor, e5 = i7._$Eh.get(t5);
  if (e5 !== void 0 && this._$Em !== e5) {
   let t6 = i7.getPropertyOptions(e5), h3 = typeof t6.converter == "function" ? { fromAttribute: t6.converter } : t6.converter?.fromAttribute !== void 0 ? t6.converter : u;
   this._$Em = e5;
   let r4 = h3.fromAttribute(s5, t6.type);
   this[e5] = r4 ?? this._$Ej?.get(e5) ?? r4, this._$Em = null;
  }
 }
 requestUpdate(t5, s5, i7, e5 = !1, h3) {
  if (t5 !== void 0) {
   let r4 = this.constructor;
   if (e5 === !1 && (h3 = this[t5]), i7 ??= r4.getPropertyOptions(t5), !((i7.hasChanged ?? f)(h3, s5) || i7.useDefault && i7.reflect && h3 === this._$Ej?.get(t5) && !this.hasAttribute(r4._$Eu(t5, i7)))) return;
   this.C(t5, s5, i7);
  }
  this.isUpdatePending === !1 && (this._$ES = this._$EP());
 }
 C(t5, s5, { useDefault: i7, reflect: e5, wrapped: h3 }, r4) {
  i7 && !(this._$Ej ??= /* @__PURE__ */ new Map()).has(t5) && (this._$Ej.set(t5, r4 ?? s5 ?? this[t5]), h3 !== !0 || r4 !== void 0) || (this._$AL.has(t5) || (this.hasUpdated || i7 || (s5 = void 0), this._$AL.set(t5, s5)), e5 === !0 && this._$Em !== t5 && (this._$Eq ??= /* @__PURE__ */ new Set()).add(t5));
 }
 async _$EP() {
  this.isUpdatePending = !0;
  try {
   await this._$ES;
  } catch (t6) {
   Promise.reject(t6);
  }
  let t5 = this.scheduleUpdate();
  return t5 != null && await t5, !this.isUpdatePending;
 }
 scheduleUpdate() {
  return this.performUpdate();
 }
 performUpdate() {
  if (!this.isUpdatePending) return;
  if (!this.hasUpdated) {
   if (this.renderRoot ??= this.createRenderRoot(), this._$Ep) {
    for (let [t7, s6] of this._$Ep) this[t7] = s6;
    this._$Ep = void 0;
   }
   let t6 = this.constructor.elementProperties;
   if (t6.size > 0) for (let [s6, i7] of t6) {
    let { wrapped: t7 } = i7, e5 = this[s6];
    t7 !== !0 || this._$AL.has(s6) || e5 === void 0 || this.C(s6, void 0, i7, e5);
   }
  }
  let t5 = !1, s5 = this._$AL;
  try {
   t5 = this.shouldUpdate(s5), t5 ? (this.willUpdate(s5), this._$EO?.forEach((t6) => t6.hostUpdate?.()), this.update(s5)) : this._$EM();
  } catch (s6) {
   throw t5 = !1, this._$EM(), s6;
  }
  t5 && this._$AE(s5);
 }
 willUpdate(t5) {
 }
 _$AE(t5) {
  this._$EO?.forEach((t6) => t6.hostUpdated?.()), this.hasUpdated || (this.hasUpdated = !0, this.firstUpdated(t5)), this.updated(t5);
 }
 _$EM() {
  this._$AL = /* @__PURE__ */ new Map(), this.isUpdatePending = !1;
 }
 get updateComplete() {
  return this.getUpdateComplete();
 }
 getUpdateComplete() {
  return this._$ES;
 }
 shouldUpdate(t5) {
  return !0;
 }
 update(t5) {
  this._$Eq &&= this._$Eq.forEach((t6) => this._$ET(t6, this[t6])), this._$EM();
 }
 updated(t5) {
 }
 firstUpdated(t5) {
 }
};
y.elementStyles = [], y.shadowRootOptions = { mode: "open" }, y[d("elementProperties")] = /* @__PURE__ */ new Map(), y[d("finalized")] = /* @__PURE__ */ new Map(), p?.({ ReactiveElement: y }), (a.reactiveElementVersions ??= []).push("2.1.2");

// node_modules/lit-html/lit-html.js
var t2 = globalThis, i3 = (t5) => t5, s2 = t2.trustedTypes, e3 = s2 ? s2.createPolicy("lit-html", { createHTML: (t5) => t5 }) : void 0, h2 = "$lit$", o3 = `lit$${Math.random().toFixed(9).slice(2)}$`, n3 = "?" + o3, r3 = `<${n3}>`, l2 = document, c3 = () => l2.createComment(""), a2 = (t5) => t5 === null || typeof t5 != "object" && typeof t5 != "function", u2 = Array.isArray, d2 = (t5) => u2(t5) || typeof t5?.[Symbol.iterator] == "function", f2 = `[ 	
\f\r]`, v = /<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g, _ = /-->/g, m = />/g, p2 = RegExp(`>|${f2}(?:([^\\s"'>=/]+)(${f2}*=${f2}*(?:[^ 	
\f\r"'\`<>=]|("|')|))|$)`, "g"), g = /'/g, $ = /"/g, y2 = /^(?:script|style|textarea|title)$/i, x = (t5) => (i7, ...s5) => ({ _$litType$: t5, strings: i7, values: s5 }), b2 = x(1), w = x(2), T = x(3), E = /* @__PURE__ */ Symbol.for("lit-noChange"), A = /* @__PURE__ */ Symbol.for("lit-nothing"), C = /* @__PURE__ */ new WeakMap(), P = l2.createTreeWalker(l2, 129);
function V(t5, i7) {
 if (!u2(t5) || !t5.hasOwnProperty("raw")) throw Error("invalid template strings array");
 return e3 !== void 0 ? e3.createHTML(i7) : i7;
}
var N = (t5, i7) => {
 let s5 = t5.length - 1, e5 = [], n4, l3 = i7 === 2 ? "<svg>" : i7 === 3 ? "<math>" : "", c4 = v;
 for (let i8 = 0; i8 < s5; i8++) {
  let s6 = t5[i8], a3, u3, d3 = -1, f3 = 0;
  for (; f3 < s6.length && (c4.lastIndex = f3, u3 = c4.exec(s6), u3 !== null); ) f3 = c4.lastIndex, c4 === v ? u3[1] === "!--" ? c4 = _ : u3[1] !== void 0 ? c4 = m : u3[2] !== void 0 ? (y2.test(u3[2]) && (n4 = RegExp("</" + u3[2], "g")), c4 = p2) : u3[3] !== void 0 && (c4 = p2) : c4 === p2 ? u3[0] === ">" ? (c4 = n4 ?? v, d3 = -1) : u3[1] === void 0 ? d3 = -2 : (d3 = c4.lastIndex - u3[2].length, a3 = u3[1], c4 = u3[3] === void 0 ? p2 : u3[3] === '"' ? $ : g) : c4 === $ || c4 === g ? c4 = p2 : c4 === _ || c4 === m ? c4 = v : (c4 = p2, n4 = void 0);
  let x2 = c4 === p2 && t5[i8 + 1].startsWith("/>") ? " " : "";
  l3 += c4 === v ? s6 + r3 : d3 >= 0 ? (e5.push(a3), s6.slice(0, d3) + h2 + s6.slice(d3) + o3 + x2) : s6 + o3 + (d3 === -2 ? i8 : x2);
 }
 return [V(t5, l3 + (t5[s5] || "<?>") + (i7 === 2 ? "</svg>" : i7 === 3 ? "</math>" : "")), e5];
}, S2 = class _S {
 constructor({ strings: t5, _$litType$: i7 }, e5) {
  let r4;
  this.parts = [];
  let l3 = 0, a3 = 0, u3 = t5.length - 1, d3 = this.parts, [f3, v2] = N(t5, i7);
  if (this.el = _S.createElement(f3, e5), P.currentNode = this.el.content, i7 === 2 || i7 === 3) {
   let t6 = this.el.content.firstChild;
   t6.replaceWith(...t6.childNodes);
  }
  for (; (r4 = P.nextNode()) !== null && d3.length < u3; ) {
   if (r4.nodeType === 1) {
    if (r4.hasAttributes()) for (let t6 of r4.getAttributeNames()) if (t6.endsWith(h2)) {
     let i8 = v2[a3++], s5 = r4.getAttribute(t6).split(o3), e6 = /([.?@])?(.*)/.exec(i8);
     d3.push({ type: 1, index: l3, name: e6[2], strings: s5, ctor: e6[1] === "." ? I : e6[1] === "?" ? L : e6[1] === "@" ? z : H }), r4.removeAttribute(t6);
    } else t6.startsWith(o3) && (d3.push({ type: 6, index: l3 }), r4.removeAttribute(t6));
    if (y2.test(r4.tagName)) {
     let t6 = r4.textContent.split(o3), i8 = t6.length - 1;
     if (i8 > 0) {
      r4.textContent = s2 ? s2.emptyScript : "";
      for (let s5 = 0; s5 < i8; s5++) r4.append(t6[s5], c3()), P.nextNode(), d3.push({ type: 2, index: ++l3 });
      r4.append(t6[i8], c3());
     }
    }
   } else if (r4.nodeType === 8) if (r4.data === n3) d3.push({ type: 2, index: l3 });
   else {
    let t6 = -1;
    for (; (t6 = r4.data.indexOf(o3, t6 + 1)) !== -1; ) d3.push({ type: 7, index: l3 }), t6 += o3.length - 1;
   }
   l3++;
  }
 }
 static createElement(t5, i7) {
  let s5 = l2.createElement("template");
  return s5.innerHTML = t5, s5;
 }
};
function M(t5, i7, s5 = t5, e5) {
 if (i7 === E) return i7;
 let h3 = e5 !== void 0 ? s5._$Co?.[e5] : s5._$Cl, o5 = a2(i7) ? void 0 : i7._$litDirective$;
 return h3?.constructor !== o5 && (h3?._$AO?.(!1), o5 === void 0 ? h3 = void 0 : (h3 = new o5(t5), h3._$AT(t5, s5, e5)), e5 !== void 0 ? (s5._$Co ??= [])[e5] = h3 : s5._$Cl = h3), h3 !== void 0 && (i7 = M(t5, h3._$AS(t5, i7.values), h3, e5)), i7;
}
var R = class {
 constructor(t5, i7) {
  this._$AV = [], this._$AN = void 0, this._$AD = t5, this._$AM = i7;
 }
 get parentNode() {
  return this._$AM.parentNode;
 }
 get _$AU() {
  return this._$AM._$AU;
 }
 u(t5) {
  let { el: { content: i7 }, parts: s5 } = this._$AD, e5 = (t5?.creationScope ?? l2).importNode(i7, !0);
  P.currentNode = e5;
  let h3 = P.nextNode(), o5 = 0, n4 = 0, r4 = s5[0];
  for (; r4 !== void 0; ) {
   if (o5 === r4.index) {
    let i8;
    r4.type === 2 ? i8 = new k(h3, h3.nextSibling, this, t5) : r4.type === 1 ? i8 = new r4.ctor(h3, r4.name, r4.strings, this, t5) : r4.type === 6 && (i8 = new Z(h3, this, t5)), this._$AV.push(i8), r4 = s5[++n4];
   }
   o5 !== r4?.index && (h3 = P.nextNode(), o5++);
  }
  return P.currentNode = l2, e5;
 }
 p(t5) {
  let i7 = 0;
  for (let s5 of this._$AV) s5 !== void 0 && (s5.strings !== void 0 ? (s5._$AI(t5, s5, i7), i7 += s5.strings.length - 2) : s5._$AI(t5[i7])), i7++;
 }
}, k = class _k {
 get _$AU() {
  return this._$AM?._$AU ?? this._$Cv;
 }
 constructor(t5, i7, s5, e5) {
  this.type = 2, this._$AH = A, this._$AN = void 0, this._$AA = t5, this._$AB = i7, this._$AM = s5, this.options = e5, this._$Cv = e5?.isConnected ?? !0;
 }
 get parentNode() {
  let t5 = this._$AA.parentNode, i7 = this._$AM;
  return i7 !== void 0 && t5?.nodeType === 11 && (t5 = i7.parentNode), t5;
 }
 get startNode() {
  return this._$AA;
 }
 get endNode() {
  return this._$AB;
 }
 _$AI(t5, i7 = this) {
  t5 = M(this, t5, i7), a2(t5) ? t5 === A || t5 == null || t5 === "" ? (this._$AH !== A && this._$AR(), this._$AH = A) : t5 !== this._$AH && t5 !== E && this._(t5) : t5._$litType$ !== void 0 ? this.$(t5) : t5.nodeType !== void 0 ? this.T(t5) : d2(t5) ? this.k(t5) : this._(t5);
 }
 O(t5) {
  return this._$AA.parentNode.insertBefore(t5, this._$AB);
 }
 T(t5) {
  this._$AH !== t5 && (this._$AR(), this._$AH = this.O(t5));
 }
 _(t5) {
  this._$AH !== A && a2(this._$AH) ? this._$AA.nextSibling.data = t5 : this.T(l2.createTextNode(t5)), this._$AH = t5;
 }
 $(t5) {
  let { values: i7, _$litType$: s5 } = t5, e5 = typeof s5 == "number" ? this._$AC(t5) : (s5.el === void 0 && (s5.el = S2.createElement(V(s5.h, s5.h[0]), this.options)), s5);
  if (this._$AH?._$AD === e5) this._$AH.p(i7);
  else {
   let t6 = new R(e5, this), s6 = t6.u(this.options);
   t6.p(i7), this.T(s6), this._$AH = t6;
  }
 }
 _$AC(t5) {
  let i7 = C.get(t5.strings);
  return i7 === void 0 && C.set(t5.strings, i7 = new S2(t5)), i7;
 }
 k(t5) {
  u2(this._$AH) || (this._$AH = [], this._$AR());
  let i7 = this._$AH, s5, e5 = 0;
  for (let h3 of t5) e5 === i7.length ? i7.push(s5 = new _k(this.O(c3()), this.O(c3()), this, this.options)) : s5 = i7[e5], s5._$AI(h3), e5++;
  e5 < i7.length && (this._$AR(s5 && s5._$AB.nextSibling, e5), i7.length = e5);
 }
 _$AR(t5 = this._$AA.nextSibling, s5) {
  for (this._$AP?.(!1, !0, s5); t5 !== this._$AB; ) {
   let s6 = i3(t5).nextSibling;
   i3(t5).remove(), t5 = s6;
  }
 }
 setConnected(t5) {
  this._$AM === void 0 && (this._$Cv = t5, this._$AP?.(t5));
 }
}, H = class {
 get tagName() {
  return this.element.tagName;
 }
 get _$AU() {
  return this._$AM._$AU;
 }
 constructor(t5, i7, s5, e5, h3) {
  this.type = 1, this._$AH = A, this._$AN = void 0, this.element = t5, this.name = i7, this._$AM = e5, this.options = h3, s5.length > 2 || s5[0] !== "" || s5[1] !== "" ? (this._$AH = Array(s5.length - 1).fill(new String()), this.strings = s5) : this._$AH = A;
 }
 _$AI(t5, i7 = this, s5, e5) {
  let h3 = this.strings, o5 = !1;
  if (h3 === void 0) t5 = M(this, t5, i7, 0), o5 = !a2(t5) || t5 !== this._$AH && t5 !== E, o5 && (this._$AH = t5);
  else {
   let e6 = t5, n4, r4;
   for (t5 = h3[0], n4 = 0; n4 < h3.length - 1; n4++) r4 = M(this, e6[s5 + n4], i7, n4), r4 === E && (r4 = this._$AH[n4]), o5 ||= !a2(r4) || r4 !== this._$AH[n4], r4 === A ? t5 = A : t5 !== A && (t5 += (r4 ?? "") + h3[n4 + 1]), this._$AH[n4] = r4;
  }
  o5 && !e5 && this.j(t5);
 }
 j(t5) {
  t5 === A ? this.element.removeAttribute(this.name) : this.element.setAttribute(this.name, t5 ?? "");
 }
}, I = class extends H {
 constructor() {
  super(...arguments), this.type = 3;
 }
 j(t5) {
  this.element[this.name] = t5 === A ? void 0 : t5;
 }
}, L = class extends H {
 constructor() {
  super(...arguments), this.type = 4;
 }
 j(t5) {
  this.element.toggleAttribute(this.name, !!t5 && t5 !== A);
 }
}, z = class extends H {
 constructor(t5, i7, s5, e5, h3) {
  super(t5, i7, s5, e5, h3), this.type = 5;
 }
 _$AI(t5, i7 = this) {
  if ((t5 = M(this, t5, i7, 0) ?? A) === E) return;
  let s5 = this._$AH, e5 = t5 === A && s5 !== A || t5.capture !== s5.capture || t5.once !== s5.once || t5.passive !== s5.passive, h3 = t5 !== A && (s5 === A || e5);
  e5 && this.element.removeEventListener(this.name, this, s5), h3 && this.element.addEventListener(this.name, this, t5), this._$AH = t5;
 }
 handleEvent(t5) {
  typeof this._$AH == "function" ? this._$AH.call(this.options?.host ?? this.element, t5) : this._$AH.handleEvent(t5);
 }
}, Z = class {
 constructor(t5, i7, s5) {
  this.element = t5, this.type = 6, this._$AN = void 0, this._$AM = i7, this.options = s5;
 }
 get _$AU() {
  return this._$AM._$AU;
 }
 _$AI(t5) {
  M(this, t5);
 }
}, j = { M: h2, P: o3, A: n3, C: 1, L: N, R, D: d2, V: M, I: k, H, N: L, U: z, B: I, F: Z }, B = t2.litHtmlPolyfillSupport;
B?.(S2, k), (t2.litHtmlVersions ??= []).push("3.3.3");
var D = (t5, i7, s5) => {
 let e5 = s5?.renderBefore ?? i7, h3 = e5._$litPart$;
 if (h3 === void 0) {
  let t6 = s5?.renderBefore ?? null;
  e5._$litPart$ = h3 = new k(i7.insertBefore(c3(), t6), t6, void 0, s5 ?? {});
 }
 return h3._$AI(t5), h3;
};

// node_modules/lit-element/lit-element.js
var s3 = globalThis, i4 = class extends y {
 constructor() {
  super(...arguments), this.renderOptions = { host: this }, this._$Do = void 0;
 }
 createRenderRoot() {
  let t5 = super.createRenderRoot();
  return this.renderOptions.renderBefore ??= t5.firstChild, t5;
 }
 update(t5) {
  let r4 = this.render();
  this.hasUpdated || (this.renderOptions.isConnected = this.isConnected), super.update(t5), this._$Do = D(r4, this.renderRoot, this.renderOptions);
 }
 connectedCallback() {
  super.connectedCallback(), this._$Do?.setConnected(!0);
 }
 disconnectedCallback() {
  super.disconnectedCallback(), this._$Do?.setConnected(!1);
 }
 render() {
  return E;
 }
};
i4._$litElement$ = !0, i4.finalized = !0, s3.litElementHydrateSupport?.({ LitElement: i4 });
var o4 = s3.litElementPolyfillSupport;
o4?.({ LitElement: i4 });
(s3.litElementVersions ??= []).push("4.2.2");

// src/styles/aliases.css
var aliases_default = `/* Public names (--ml-…) are only ever read; what the session's branding says (--_brand-…) stands behind them. Each goes
  into a private alias: an element that declared public names would cut off what the page around it says, one level down. */
:host {
 --_font: var(--ml-font, var(--_brand-font, var(--_page-font, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif)));
 --_mono: var(--ml-mono, ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace);
 --_accent: var(--ml-accent, var(--_brand-accent, light-dark(#2a5bd7, #8fb0ff)));
 --_accent-ink: var(--ml-accent-ink, var(--_brand-accent-ink, light-dark(#ffffff, #0d1015)));
 --_bg: var(--ml-bg, light-dark(#f6f7f9, #0d1015));
 --_surface: var(--ml-surface, light-dark(#ffffff, #14181f));
 --_raised: var(--ml-raised, light-dark(#ffffff, #1c212a));
 --_text: var(--ml-text, light-dark(#14181f, #e8ebf0));
 --_text-2: var(--ml-text-2, light-dark(#4a5361, #b4bcc8));
 --_text-3: var(--ml-text-3, light-dark(#667085, #8d97a5));
 --_line: var(--ml-line, light-dark(#e4e7ec, #2a313c));
 --_line-strong: var(--ml-line-strong, light-dark(#8a94a3, #6b7686));
 --_positive: var(--ml-positive, light-dark(#0b7a4b, #4ccb8f));
 --_warning: var(--ml-warning, light-dark(#8a5a00, #f2c14e));
 --_negative: var(--ml-negative, light-dark(#b42318, #ff8a80));
 --_c1: var(--ml-c1, var(--_brand-c1, light-dark(#2a5bd7, #6f9bff)));
 --_c2: var(--ml-c2, var(--_brand-c2, light-dark(#b7702e, #feb354)));
 --_c3: var(--ml-c3, var(--_brand-c3, light-dark(#7c4069, #d04e7f)));
 --_c4: var(--ml-c4, var(--_brand-c4, light-dark(#9584e5, #dcaefe)));
 --_c5: var(--ml-c5, var(--_brand-c5, light-dark(#495704, #367b24)));
 --_c6: var(--ml-c6, var(--_brand-c6, light-dark(#34a08e, #58ebc0)));
 --_c7: var(--ml-c7, var(--_brand-c7, light-dark(#814ea4, #7b69c6)));
 --_c-other: var(--ml-c-other, light-dark(#98a2b3, #667085));
 --_radius: var(--ml-radius, var(--_brand-radius, 10px));
 --_radius-control: var(--ml-radius-control, min(var(--_radius), 6px));
 --_tint: color-mix(in oklab, var(--_accent) 9%, var(--_surface));
 --_tint-strong: color-mix(in oklab, var(--_accent) 18%, var(--_surface));
 display: block;
 color-scheme: inherit;
 container-type: inline-size;
}

:host([hidden]) { display: none; }

/* Stops at the edge of the element whatever the page around it lets its children inherit. */
.reset {
 all: initial;
 display: block;
 box-sizing: border-box;
 color-scheme: inherit;
 color: var(--_text);
 font: 400 14px/1.5 var(--_font);
 font-variant-numeric: tabular-nums;
 -webkit-font-smoothing: antialiased;
 text-size-adjust: 100%;
}

*, *::before, *::after { box-sizing: border-box; }

h1, h2, h3, p, dl, dd, ol, ul, figure, blockquote { margin: 0; padding: 0; }
ol, ul { list-style: none; }
a { color: var(--_accent); text-underline-offset: 3px; }

:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; border-radius: 3px; }

.unseen {
 position: absolute;
 width: 1px;
 height: 1px;
 overflow: hidden;
 clip-path: inset(50%);
 white-space: nowrap;
}

.s1 { --_c: var(--_c1); }
.s2 { --_c: var(--_c2); }
.s3 { --_c: var(--_c3); }
.s4 { --_c: var(--_c4); }
.s5 { --_c: var(--_c5); }
.s6 { --_c: var(--_c6); }
.s7 { --_c: var(--_c7); }
.s-other { --_c: var(--_c-other); }

/* Paper is white, whatever the screen was. */
@media print {
 :host, .reset { color-scheme: light !important; }
}

@media (prefers-reduced-motion: reduce) {
 *, *::before, *::after { animation: none !important; transition: none !important; }
}
`;

// src/styles/content.css
var content_default = `.page { display: grid; grid-template-columns: minmax(0, 1fr); gap: 16px; max-width: 1180px; }

.page-head { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; min-height: 40px; }
.page-head .spacer { flex: 1; }
.page-head .note:empty { margin-right: -16px; }
.page-title { font: 650 20px/1.3 var(--_font); letter-spacing: -0.01em; text-wrap: balance; }
.page-sub { font-size: 13px; color: var(--_text-2); }

meterline-freshness { display: inline-block; container-type: normal; }

.card {
 background: var(--_surface);
 border: 1px solid var(--_line);
 border-radius: var(--_radius);
 padding: 20px 24px;
 min-width: 0;
}

.card-head { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; margin-bottom: 12px; }
.card-head .spacer { flex: 1; }
.card-title { font: 650 16px/1.4 var(--_font); letter-spacing: -0.005em; }
.hint { font-size: 13px; color: var(--_text-2); }
.plain { font-weight: 400; }
.small { font-size: 12px; color: var(--_text-2); }
.mono { font-family: var(--_mono); font-size: 0.92em; overflow-wrap: anywhere; }
.note { font-size: 12px; color: var(--_text-2); max-width: 68ch; text-wrap: pretty; }

.up { color: var(--_warning); font-weight: 650; }
.down { color: var(--_positive); font-weight: 650; }

.card.kpis { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); padding: 0; overflow: clip; }
.kpi { padding: 16px 24px; box-shadow: -1px 0 0 var(--_line), 0 -1px 0 var(--_line); min-width: 0; }
.kpi dt { font-size: 13px; color: var(--_text-2); }
.kpi .big { font: 650 28px/1.25 var(--_font); letter-spacing: -0.02em; overflow-wrap: break-word; }
.kpi .big .figure { white-space: normal; text-align: left; }
.kpi .small { min-height: 18px; }

.rows { display: grid; }
.rows > * { display: flex; align-items: baseline; justify-content: space-between; gap: 16px; padding: 9px 0; border-top: 1px solid var(--_line); font-size: 13px; }
.rows dt { color: var(--_text-2); }
.rows dd { text-align: right; }

.scroll { overflow-x: auto; margin: 0 -24px; padding: 0 24px; }
.scroll:focus-visible { outline-offset: -2px; }

table { width: 100%; border-collapse: collapse; font-size: 13px; }
th { font-weight: 500; color: var(--_text-2); text-align: left; padding: 6px 12px 8px; white-space: nowrap; }
td { padding: 9px 12px; border-top: 1px solid var(--_line); vertical-align: baseline; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
.right { text-align: right; white-space: nowrap; }
th::first-letter { text-transform: uppercase; }
tbody th { color: var(--_text); font-weight: 400; border-top: 1px solid var(--_line); padding: 9px 12px 9px 0; white-space: normal; vertical-align: baseline; }
tfoot td, tfoot th { border-top: 2px solid var(--_text); color: var(--_text); font-weight: 650; padding-block: 10px; }
tr.is-link:hover > * { background: var(--_tint); }
.unit { color: var(--_text-2); }

.swatch { display: inline-block; width: 10px; height: 10px; margin-right: 8px; vertical-align: -1px; flex: none; }
.swatch rect { fill: var(--_c); forced-color-adjust: none; }

.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--_text); }
.legend li { display: inline-flex; align-items: center; max-width: 100%; }
.legend .dash { width: 16px; border-top: 2px dashed var(--_text-3); margin-right: 8px; }

.is-waiting { opacity: 0.55; transition: opacity 150ms 200ms; }

/* What stands in the place of figures that are not there yet: it has their final shape. */
.bone { display: block; border-radius: 4px; background: var(--_line); animation: breathe 1.6s ease-in-out infinite; }
.bones { display: grid; gap: 12px; }

.empty { display: grid; justify-items: center; gap: 6px; padding: 40px 16px; text-align: center; color: var(--_text-2); }
.empty h2 { font: 650 16px/1.4 var(--_font); color: var(--_text); }
.empty p { max-width: 46ch; text-wrap: balance; }
.empty .button { margin-top: 8px; }

.banner { padding: 8px 16px; border: 1px solid var(--_warning); border-radius: var(--_radius-control); color: var(--_warning); background: var(--_surface); font-size: 13px; }

@keyframes breathe { 50% { opacity: 0.45; } }

@container (max-width: 560px) {
 .card { padding: 16px; }
 .card.kpis { grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); }
 .kpi { padding: 12px 16px; }
 .kpi:last-child:nth-child(odd) { grid-column: 1 / -1; }
 .kpi .big { font-size: 19px; }
 .scroll { margin: 0 -16px; padding: 0 16px; }
 td, th { padding-inline: 8px; }
 .narrow-hidden { display: none; }
 tr[data-series] > th { white-space: nowrap; }
}

@media print {
 .card { border: 0; padding: 8px 0; break-inside: avoid; }
 .page { max-width: none; }
}

.period-switch { display: inline-flex; gap: 4px; }
.explained { display: grid; gap: 16px; }
.explained-figure { font: 650 28px/1.2 var(--_font); letter-spacing: -0.02em; }
.explained-sentence { padding-left: 14px; border-left: 3px solid var(--_accent); color: var(--_text-2); text-wrap: pretty; }
.spark { width: 96px; height: 22px; vertical-align: middle; }
.spark path { fill: none; stroke: var(--_c, var(--_text-3)); stroke-width: 1.5; stroke-linejoin: round; }
`;

// src/styles/controls.css
var controls_default = `button, select, input { font: inherit; color: inherit; margin: 0; }

.button, .select, .input {
 display: inline-flex;
 align-items: center;
 gap: 6px;
 height: 32px;
 padding: 0 12px;
 border: 1px solid var(--_line-strong);
 border-radius: var(--_radius-control);
 background: var(--_surface);
 color: var(--_text);
 font: 500 13px/1 var(--_font);
 white-space: nowrap;
 text-decoration: none;
 cursor: pointer;
}

.button:hover, .select:hover { background: var(--_tint); border-color: var(--_accent); }
.button[disabled] { opacity: 0.55; cursor: default; }
.button.is-primary { background: var(--_accent); border-color: var(--_accent); color: var(--_accent-ink); }
.button.is-primary:hover { filter: brightness(1.08); }
.button.is-bare { border-color: transparent; background: none; padding: 0 8px; color: var(--_text-2); }
.button.is-bare:hover { color: var(--_text); background: var(--_tint); }
.button.is-icon { padding: 0; width: 32px; justify-content: center; }
.input { cursor: text; font-weight: 400; min-width: 0; }
.select { padding-right: 8px; max-width: 100%; }
.icon { width: 16px; height: 16px; flex: none; fill: none; stroke: currentcolor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }

.segments {
 display: inline-flex;
 border: 1px solid var(--_line-strong);
 border-radius: var(--_radius-control);
 overflow: clip;
}

.segments button {
 display: inline-flex;
 align-items: center;
 gap: 6px;
 height: 30px;
 padding: 0 11px;
 border: 0;
 border-left: 1px solid var(--_line);
 background: var(--_surface);
 color: var(--_text-2);
 font: 500 13px/1 var(--_font);
 cursor: pointer;
}

.segments button:first-child { border-left: 0; }
.segments button:hover { color: var(--_text); background: var(--_tint); }
.segments button:focus-visible { outline-offset: -3px; }
/* The line below tells what is pressed where colours of the page are overruled. */
.segments button[aria-pressed="true"] { background: var(--_tint-strong); color: var(--_text); font-weight: 650; box-shadow: inset 0 -2px 0 var(--_accent); }

.toggle { display: inline-flex; align-items: center; gap: 8px; height: 32px; font-size: 13px; color: var(--_text-2); cursor: pointer; }
.toggle input { accent-color: var(--_accent); width: 16px; height: 16px; }

.chip {
 display: inline-flex;
 align-items: center;
 gap: 6px;
 min-height: 26px;
 padding: 2px 10px;
 border: 1px solid var(--_line);
 border-radius: 999px;
 background: var(--_surface);
 color: var(--_text-2);
 font: 400 12px/1.3 var(--_font);
}

.chip .dot { width: 7px; height: 7px; border-radius: 50%; background: currentcolor; forced-color-adjust: none; }
.chip.is-live .dot { color: var(--_positive); animation: breathe 2.4s ease-in-out infinite; }
.chip.is-late { color: var(--_warning); border-color: currentcolor; }
.chip.is-removable { padding-right: 2px; border-color: var(--_line-strong); color: var(--_text); }
.chip button { display: inline-grid; place-items: center; width: 22px; height: 22px; border: 0; border-radius: 50%; background: none; color: var(--_text-2); cursor: pointer; }
.chip button:hover { background: var(--_tint-strong); color: var(--_text); }

@keyframes breathe { 50% { opacity: 0.35; } }

.badge {
 display: inline-block;
 padding: 2px 8px;
 border: 1px solid currentcolor;
 border-radius: 999px;
 font: 650 11px/1.3 var(--_font);
 color: var(--_text-2);
 white-space: nowrap;
}

.badge.is-draft { color: var(--_warning); }
.badge.is-final { color: var(--_positive); }

/* A number that explains itself. */
.figure {
 padding: 0;
 border: 0;
 background: none;
 font: inherit;
 color: inherit;
 letter-spacing: inherit;
 text-align: inherit;
 cursor: pointer;
 text-decoration: underline dotted 1px var(--_line-strong);
 text-underline-offset: 0.28em;
 white-space: nowrap;
}

.figure:hover { color: var(--_accent); text-decoration: underline solid 1px currentcolor; }

@media (pointer: coarse) {
 .button, .select, .input, .segments button { height: 44px; }
 .button.is-icon { width: 44px; }
 .chip button { width: 32px; height: 32px; }
}

@media (forced-colors: active) {
 .segments button[aria-pressed="true"] { outline: 2px solid Highlight; outline-offset: -2px; }
 .button.is-primary { border-width: 2px; }
}

@media print {
 .controls { display: none !important; }
 .figure { text-decoration: none; }
}
`;

// src/stream.ts
var EventStream = class {
 constructor(connect, onChange, onAlive) {
  this.connect = connect;
  this.onChange = onChange;
  this.onAlive = onAlive;
  this.controller = null;
  this.isWanted = !1;
  this.onVisibility = () => document.hidden ? this.close() : this.open(!0);
 }
 start() {
  this.isWanted = !0, document.addEventListener("visibilitychange", this.onVisibility), document.hidden || this.open(!1);
 }
 stop() {
  this.isWanted = !1, document.removeEventListener("visibilitychange", this.onVisibility), this.close();
 }
 restart() {
  this.isWanted && (this.close(), this.open(!0));
 }
 reconnect() {
  !this.isWanted || this.controller === null || (this.close(), this.open(!1));
 }
 close() {
  this.controller?.abort(), this.controller = null;
 }
 open(isBehind) {
  !this.isWanted || this.controller !== null || (this.controller = new AbortController(), isBehind && this.onChange(), this.follow(this.controller.signal));
 }
 async follow(signal) {
  for (let pauseMs = 700; !signal.aborted; pauseMs = 15e3)
   await this.listen(signal), await pause(pauseMs, signal), signal.aborted || this.onChange();
 }
 async listen(signal) {
  let line = new AbortController(), end = () => line.abort();
  signal.addEventListener("abort", end);
  let silence = setTimeout(end, 4e4);
  try {
   let reader = (await this.connect(line.signal)).body?.pipeThrough(new TextDecoderStream()).getReader(), parser = new EventParser();
   for (let part2 = await reader?.read(); part2 !== void 0 && !part2.done; part2 = await reader?.read()) {
    clearTimeout(silence), silence = setTimeout(end, 4e4);
    for (let event of parser.feed(part2.value)) this.take(event);
   }
  } catch (error) {
   signal.aborted || console.info("meterline: changes can't be streamed, so the figures are polled.", error);
  } finally {
   clearTimeout(silence), signal.removeEventListener("abort", end);
  }
 }
 take({ name, data }) {
  if (name === "changed" && this.onChange(), name === "alive") {
   let { completeUntil } = JSON.parse(data);
   completeUntil !== null && this.onAlive(completeUntil);
  }
 }
}, EventParser = class {
 constructor() {
  this.rest = "";
 }
 feed(text) {
  let blocks = (this.rest + text).replaceAll(`\r
`, `
`).split(`

`);
  this.rest = blocks.pop() ?? "";
  let line = (block, name) => new RegExp(`^${name}: ?(.*)$`, "m").exec(block)?.[1] ?? "";
  return blocks.map((block) => ({ name: line(block, "event"), data: line(block, "data") })).filter(({ name }) => name !== "");
 }
};
function pause(milliseconds, signal) {
 return new Promise((resolve) => {
  if (signal.aborted) return resolve();
  let timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: !0 });
 });
}

// src/client.ts
var ETAGS_MAX = 100, COMPLETE_UNTIL = "x-meterline-complete-until", Problem = class extends Error {
 constructor(status, title, detail = "", reason = "", remedy = "", requestId = "") {
  super(detail || title);
  this.status = status;
  this.title = title;
  this.detail = detail;
  this.reason = reason;
  this.remedy = remedy;
  this.requestId = requestId;
  this.name = "Problem";
 }
};
function kindOf(problem) {
 return problem.status === 401 ? "expired" : problem.status === 403 ? "forbidden" : problem.status === 404 ? "missing" : problem.status >= 400 && problem.status < 500 && problem.status !== 429 ? "refused" : "unavailable";
}
var Client = class extends EventTarget {
 constructor() {
  super(...arguments);
  this.configuration = null;
  this.isStarted = gate();
  this.token = "";
  this.renewal = null;
  this.kept = /* @__PURE__ */ new Map();
  this.presets = /* @__PURE__ */ new Map();
  this.stream = new EventStream(
   (signal) => this.send("GET", this.url("changes", { billingPeriod: this.followed }), { accept: "text/event-stream", signal }),
   () => this.dispatchEvent(new Event("change")),
   (completeUntil) => this.completeUntil = completeUntil
  );
  this.listeners = 0;
  this.completeUntil = "";
  this.followed = "";
 }
 configure(configuration) {
  this.configuration = { ...configuration, baseUrl: configuration.baseUrl.replace(/\/+$/, "") }, this.token = "", this.renewal = null, this.completeUntil = "", this.kept.clear(), this.isStarted.open(), this.stream.restart(), this.dispatchEvent(new Event("configured"));
 }
 reset() {
  this.stream.stop(), this.configuration = null, this.isStarted = gate(), this.token = "", this.kept.clear();
 }
 preset(path, body2) {
  this.presets.set(path, body2);
 }
 get isHosted() {
  return this.configuration !== null && this.configuration.fetchToken === void 0;
 }
 get baseUrl() {
  return this.configuration?.baseUrl ?? "";
 }
 async freshToken() {
  return await this.isStarted.opened, this.renew(this.token);
 }
 get started() {
  return this.isStarted.opened;
 }
 get locale() {
  return this.configuration?.locale ?? "";
 }
 url(path, query = {}) {
  let params = new URLSearchParams();
  for (let [name, value] of Object.entries(query))
   if (!(value === null || value === ""))
    for (let each of typeof value == "string" ? [value] : value) params.append(name, each);
  let text = params.toString();
  return `${this.configuration?.baseUrl ?? ""}/api/v1/${path}${text && `?${text}`}`;
 }
 async get(path, query = {}, signal) {
  if (await this.isStarted.opened, this.presets.has(path)) return this.presets.get(path);
  let url = this.url(path, query), known2 = this.kept.get(url), response = await this.send("GET", url, { etag: known2?.etag, signal });
  if (response.status === 304 && known2 !== void 0) return stillFresh(known2.body, response.headers.get(COMPLETE_UNTIL));
  let body2 = await jsonOf(response);
  return this.keep(url, response.headers.get("etag"), body2), body2;
 }
 async post(path, content) {
  return await this.isStarted.opened, await jsonOf(await this.send("POST", this.url(path), { content }));
 }
 async remove(path) {
  await this.isStarted.opened, await this.send("DELETE", this.url(path), {});
 }
 async download(path, query = {}) {
  return await this.isStarted.opened, (await this.send("GET", this.url(path, query), { accept: "*/*" })).blob();
 }
 watch(listener) {
  return this.addEventListener("change", listener), this.listeners++ === 0 && this.isStarted.opened.then(() => this.listeners > 0 && this.stream.start()), () => {
   this.removeEventListener("change", listener), --this.listeners === 0 && this.stream.stop();
  };
 }
 follow(billingPeriod) {
  billingPeriod !== this.followed && (this.followed = billingPeriod, this.completeUntil = "", this.stream.reconnect());
 }
 keep(url, etag, body2) {
  if (this.kept.delete(url), etag === null) return;
  this.kept.set(url, { etag, body: body2 });
  let oldest = this.kept.keys().next().value;
  this.kept.size > ETAGS_MAX && oldest !== void 0 && this.kept.delete(oldest);
 }
 async send(method, url, call) {
  if (this.isHosted) return accepted(await this.attempt(method, url, call, ""));
  let token = this.token || await this.renew(""), first = await this.attempt(method, url, call, token);
  return first.status !== 401 ? accepted(first) : accepted(await this.attempt(method, url, call, await this.renew(token)));
 }
 async attempt(method, url, call, token) {
  let headers = new Headers({ accept: call.accept ?? "application/json, application/problem+json" });
  token !== "" && headers.set("authorization", `Bearer ${token}`), call.etag !== void 0 && headers.set("if-none-match", call.etag), call.content !== void 0 && headers.set("content-type", "application/json");
  let credentials = this.isHosted ? "same-origin" : "omit", body2 = call.content === void 0 ? null : JSON.stringify(call.content), request = { method, headers, credentials, body: body2, cache: "no-store", signal: call.signal ?? null };
  try {
   return await fetch(url, request);
  } catch (error) {
   throw error instanceof TypeError ? new Problem(0, "unreachable") : error;
  }
 }
 renew(refused) {
  if (this.token !== refused) return Promise.resolve(this.token);
  let fetchToken = this.configuration?.fetchToken;
  if (fetchToken === void 0) throw new Problem(401, "no token");
  return this.renewal ??= fetchToken().then((token) => this.token = token).catch((error) => {
   throw new Problem(401, "no token", error instanceof Error ? error.message : String(error));
  }).finally(() => this.renewal = null), this.renewal;
 }
};
function gate() {
 let open2 = () => {
 };
 return { opened: new Promise((resolve) => open2 = resolve), open: open2 };
}
function stillFresh(body2, completeUntil) {
 return completeUntil === null || typeof body2 != "object" || body2 === null || !("completeUntil" in body2) || body2.completeUntil === completeUntil ? body2 : { ...body2, completeUntil };
}
async function accepted(response) {
 if (response.ok || response.status === 304) return response;
 let body2 = (response.headers.get("content-type") ?? "").includes("json") ? await jsonOf(response) : {}, text = (name) => typeof body2[name] == "string" ? body2[name] : "", title = text("title") || response.statusText || String(response.status);
 throw new Problem(response.status, title, text("detail"), text("reason"), text("do"), text("requestId"));
}
async function jsonOf(response) {
 try {
  return await response.json();
 } catch (error) {
  throw error instanceof SyntaxError ? new Problem(502, "not JSON") : error;
 }
}
var client = new Client();

// src/base.ts
function sheet(text) {
 return r(text);
}
var BASE = [sheet(aliases_default), sheet(controls_default), sheet(content_default)], MeterlineElement = class extends i4 {
 static {
  this.styles = BASE;
 }
 static stylesWith(...texts) {
  return [...BASE, ...texts.map(sheet)];
 }
 navigate(path, query) {
  this.notify("meterline-navigate", { path, query });
 }
 report(problem) {
  let { status, title, detail, reason, requestId } = problem;
  this.notify("meterline-error", { kind: kindOf(problem), status, title, detail, reason, requestId });
 }
 notify(name, detail) {
  this.dispatchEvent(new CustomEvent(name, { detail, bubbles: !0, composed: !0 }));
 }
};
function define(name, element) {
 customElements.get(name) === void 0 && customElements.define(name, element);
}

// node_modules/lit-html/directive.js
var t3 = { ATTRIBUTE: 1, CHILD: 2, PROPERTY: 3, BOOLEAN_ATTRIBUTE: 4, EVENT: 5, ELEMENT: 6 }, e4 = (t5) => (...e5) => ({ _$litDirective$: t5, values: e5 }), i5 = class {
 constructor(t5) {
 }
 get _$AU() {
  return this._$AM._$AU;
 }
 _$AT(t5, e5, i7) {
  this._$Ct = t5, this._$AM = e5, this._$Ci = i7;
 }
 _$AS(t5, e5) {
  return this.update(t5, e5);
 }
 update(t5, e5) {
  return this.render(...e5);
 }
};

// src/parts/directives.ts
var StyleDirective = class extends i5 {
 constructor(info) {
  if (super(info), info.type !== t3.ELEMENT) throw new Error("place(…) stands inside a tag, not in an attribute");
 }
 render(_styles) {
  return A;
 }
 update(part2, [styles]) {
  let { style } = part2.element;
  for (let [name, value] of Object.entries(styles)) style.setProperty(name, value);
  return A;
 }
}, place = e4(StyleDirective), TintDirective = class extends i5 {
 constructor() {
  super(...arguments);
  this.text = null;
 }
 render(_text) {
  return A;
 }
 update(part2, [text]) {
  let isOther = this.text !== null && this.text !== text;
  return this.text = text, isOther && !matchMedia("(prefers-reduced-motion: reduce)").matches && part2.element.animate({ backgroundColor: ["color-mix(in srgb, currentcolor 22%, transparent)", "transparent"] }, 1e3), A;
 }
}, tint = e4(TintDirective);

// src/parts/icons.ts
var PATHS = {
 previous: "M10 3 5 8l5 5",
 next: "m6 3 5 5-5 5",
 close: "m4 4 8 8M12 4l-8 8",
 check: "m3 8.5 3.2 3L13 4.5",
 warning: "M8 2 1.5 13.5h13zM8 6.5v3.2M8 11.7v.1",
 bars: "M3 13V8M8 13V3M13 13V6",
 line: "m2 11 4-4 3 2 5-6",
 heat: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z",
 table: "M2 3h12v10H2zM2 7h12M6 7v6",
 filter: "M2 3h12L9.5 8.5V13l-3-1.5v-3z",
 sliders: "M2 5h6M12 5h2M2 11h2M8 11h6M10 3v4M6 9v4",
 bookmark: "M4 2h8v12l-4-3-4 3z",
 download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
 link: "M6.5 9.5 9.5 6.5M7 4.5 9 2.6a3 3 0 0 1 4.3 4.3L11.5 9M9 11.5 7 13.4A3 3 0 0 1 2.7 9.1L4.5 7",
 terminal: "m3 4 4 4-4 4M8.5 12.5H13",
 print: "M4 6V2h8v4M4 12H2V6h12v6h-2M4 9.5h8V14H4z",
 compare: "M2 3h5v10H2zM9 3h5v10H9zM4 6h1M4 9h1M11 6h1M11 9h1",
 open: "M6 3H3v10h10v-3M9 3h4v4M13 3 7 9"
};
function icon(name) {
 return b2`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${w`<path d=${PATHS[name]} />`}</svg>`;
}
function swatch(seriesClass) {
 return b2`<svg class="swatch ${seriesClass}" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" rx="2.5" /></svg>`;
}

// src/styles/chart.css
var chart_default = `:host { position: relative; }

.stage { position: relative; }
.surface { display: block; width: 100%; overflow: visible; touch-action: pan-y; }
.surface:focus-visible { outline-offset: 4px; }

.grid { stroke: var(--_line); stroke-width: 1; shape-rendering: crispedges; }
.axis { stroke: var(--_line-strong); stroke-width: 1; shape-rendering: crispedges; }
.tick { fill: var(--_text-3); font: 400 12px var(--_font); font-variant-numeric: tabular-nums; }
.column { fill: var(--_text); fill-opacity: 0.06; }

.bar { fill: var(--_c); cursor: pointer; transition: opacity 150ms; }
.bar.is-dim { opacity: 0.45; }
.stroke { fill: none; stroke: var(--_c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.area { fill: var(--_c); fill-opacity: 0.09; }
.dot { fill: var(--_c); }
.dot.is-unseen { fill: none; }
.dot.is-active { stroke: var(--_surface); stroke-width: 2; }
.previous-halo { fill: none; stroke: var(--_surface); stroke-opacity: 0.5; stroke-width: 3.5; stroke-linejoin: round; }
.previous { fill: none; stroke: var(--_text-2); stroke-width: 1.5; stroke-dasharray: 3 4; stroke-linejoin: round; }
.band { fill: var(--_c1); fill-opacity: 0.14; }
.cell { fill: var(--_c1); cursor: pointer; }
.cell.is-active { stroke: var(--_text); stroke-width: 1.5; }

.tip {
 position: absolute;
 top: 0;
 left: 0;
 z-index: 2;
 min-width: 148px;
 max-width: 260px;
 padding: 10px 12px;
 border: 1px solid var(--_line-strong);
 border-radius: var(--_radius-control);
 background: var(--_raised);
 font-size: 12px;
 pointer-events: none;
}

.tip h3 { font: 650 12px/1.4 var(--_font); margin-bottom: 4px; }
.tip dl { display: grid; grid-template-columns: 1fr auto; gap: 2px 14px; }
.tip dt { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tip dd { margin: 0; text-align: right; }
.tip .is-total { font-weight: 650; }
.tip .is-previous { color: var(--_text-2); }

.step { cursor: pointer; }
.step:hover .fall, .step:focus-visible .fall { filter: brightness(1.1); }
.fall.is-end { fill: var(--_c1); }
.fall.is-more { fill: var(--_c2); }
.fall.is-less { fill: var(--_c6); }
.joint { stroke: var(--_text-3); stroke-dasharray: 2 3; }
.tear { fill: none; stroke: var(--_surface); stroke-width: 3; }
.amount { fill: var(--_text); font: 650 13px var(--_font); font-variant-numeric: tabular-nums; text-anchor: middle; }
.what { fill: var(--_text-2); font: 400 12px var(--_font); text-anchor: middle; }
.what.is-small { fill: var(--_text-3); font-size: 11px; }

.falls { display: grid; gap: 10px; }
.falls li { display: grid; gap: 4px; }
.falls .line { display: flex; justify-content: space-between; gap: 12px; font-size: 13px; }
.falls svg { display: block; width: 100%; height: 8px; }

@media (forced-colors: active) {
 .bar, .stroke, .dot, .fall, .cell { forced-color-adjust: none; }
}

@media print { .tip { display: none; } }
`;

// src/charts/scale.ts
function position(text) {
 return text === null ? null : Number(text);
}
function positionOrZero(text) {
 return position(text) ?? 0;
}
function part(text, whole) {
 let total = Math.abs(Number(whole));
 return total === 0 ? 0 : Math.min(1, Math.abs(Number(text)) / total);
}
function largest(texts) {
 let found = "0";
 for (let text of texts) text !== null && Math.abs(Number(text)) > Math.abs(Number(found)) && (found = text);
 return found;
}
function scaleOf(values, count, hasZero = !0) {
 let low = Math.min(...values, hasZero ? 0 : 1 / 0), high = Math.max(...values, hasZero ? 0 : -1 / 0), span = high - low || Math.abs(high) || 1, fraction = roundStep(span / count), step = !values.every(Number.isInteger) || Number.isInteger(fraction) ? fraction : fraction < 1 ? 1 : 5, isBarelyBelow = low < 0 && low > -step / 4 && high > 0, first = isBarelyBelow ? 0 : Math.floor(low / step) * step, min = isBarelyBelow ? low : first, max = Math.max(Math.ceil(high / step) * step, first + step), ticks = Array.from({ length: Math.round((max - first) / step) + 1 }, (_2, index) => first + index * step);
 return { min, max, ticks: ticks.map((tick) => Number(tick.toPrecision(12))) };
}
function roundStep(raw) {
 let power = 10 ** Math.floor(Math.log10(raw));
 return ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10) * power;
}
function pixel(value) {
 return Math.round(value * 2) / 2;
}

// src/charts/bars.ts
function stackEnds(model) {
 return model.buckets.flatMap((_2, bucket) => {
  let values = model.series.map((series) => positionOrZero(series.values[bucket] ?? null));
  return [sum(values.filter((value) => value > 0)), sum(values.filter((value) => value < 0))];
 });
}
function drawBars(model, plot, active) {
 let bars = stack(model, plot), isOneByOne = model.buckets.length <= 400;
 return w`${model.series.map((series, index) => {
  let own = bars[index] ?? [];
  return isOneByOne ? w`<g class=${series.look}>${own.map((bar) => drawBar(model, series.key, bar, active))}</g>` : w`<path class="bar ${series.look}" data-series=${series.key} d=${own.map(outline).join("")} />`;
 })}`;
}
function drawBar(model, series, bar, active) {
 let look = active === null || active === bar.bucket ? "bar" : "bar is-dim";
 return w`<rect class=${look} x=${bar.x} y=${bar.y} width=${bar.width} height=${bar.height}
  data-bucket=${model.buckets[bar.bucket]?.key ?? ""} data-series=${series} data-value=${bar.value} />`;
}
function stack(model, plot) {
 let gap = plot.step > 5 ? Math.max(1.5, plot.step * 0.22) : plot.step > 2 ? 0.5 : 0, width = Math.max(0.5, pixel(Math.min(plot.step - gap, 64))), ups = model.buckets.map(() => 0), downs = model.buckets.map(() => 0);
 return model.series.map(
  (series) => model.buckets.flatMap((_2, bucket) => {
   let value = series.values[bucket] ?? null;
   if (value === null) return [];
   let amount = positionOrZero(value), ends = amount < 0 ? downs : ups, from = ends[bucket] ?? 0;
   ends[bucket] = from + amount;
   let [low, high] = amount < 0 ? [from + amount, from] : [from, from + amount], top = pixel(plot.y(high)), bottom = pixel(plot.y(low)), height = bottom - top > 3 ? bottom - top - 1 : Math.max(bottom - top, amount === 0 ? 0 : 0.5);
   return [{ x: pixel(plot.x(bucket) + (plot.step - width) / 2), y: top, width, height, bucket, value }];
  })
 );
}
function outline(bar) {
 return `M${bar.x} ${bar.y}h${bar.width}v${bar.height}h${-bar.width}z`;
}
function sum(values) {
 return values.reduce((total, value) => total + value, 0);
}

// src/charts/heat.ts
var LABEL_PX = 56, HEAD_PX = 20, CELL_PX_MAX = 44;
function layOut(model, width) {
 let rows = [.../* @__PURE__ */ new Set([...model.rows, ...model.buckets.map((bucket) => bucket.row)])], columns = [...new Set(model.buckets.map((bucket) => bucket.column))];
 columns.every((column) => /^\d\d$/.test(column)) && columns.sort();
 let cellWidth = Math.min((width - LABEL_PX) / columns.length, model.rows.length > 0 ? 1 / 0 : 96), cellHeight = Math.min(CELL_PX_MAX, Math.max(14, 260 / rows.length)), cells = [...Map.groupBy(model.buckets.keys(), (index) => `${model.buckets[index]?.row}
${model.buckets[index]?.column}`).values()].flatMap(
  (indexes) => indexes.map((bucket, nth) => {
   let { row: row2 = "", column = "" } = model.buckets[bucket] ?? {}, own = cellWidth / indexes.length;
   return {
    bucket,
    x: pixel(LABEL_PX + columns.indexOf(column) * cellWidth + nth * own),
    y: pixel(HEAD_PX + rows.indexOf(row2) * cellHeight),
    width: Math.max(1, pixel(own - 2)),
    height: pixel(cellHeight - 2)
   };
  })
 );
 return { rows, columns, cells, cellWidth, cellHeight, height: HEAD_PX + rows.length * cellHeight + 4 };
}
function drawHeat(model, layout, active) {
 let totals = model.totals ?? model.series[0]?.values ?? [], top = largest(totals), every = Math.ceil(44 / layout.cellWidth);
 return w`
  ${layout.columns.map((column, index) => index % every === 0 ? w`<text class="tick" x=${LABEL_PX + index * layout.cellWidth} y="12">${column}</text>` : w``)}
  ${layout.rows.map((row2, index) => w`<text class="tick" x="0" y=${HEAD_PX + (index + 0.5) * layout.cellHeight + 3}>${row2}</text>`)}
  ${layout.cells.map((cell) => {
  let value = totals[cell.bucket] ?? null, shade = value === null ? 0.04 : 0.12 + 0.88 * part(value, top);
  return w`<rect class=${active === cell.bucket ? "cell is-active" : "cell"} x=${cell.x} y=${cell.y} width=${cell.width} height=${cell.height}
    rx="2" fill-opacity=${shade.toFixed(3)} data-bucket=${model.buckets[cell.bucket]?.key ?? ""} data-value=${value ?? ""} />`;
 })}`;
}

// src/charts/lines.ts
function lineEnds(model) {
 return [...model.series.map((series) => series.values), model.previous ?? [], model.band?.low ?? [], model.band?.high ?? []].flat().flatMap((value) => position(value) ?? []);
}
function drawLines(model, plot, active) {
 let isAlone = model.series.length === 1;
 return w`${model.band === void 0 ? A : drawBand(model.band, plot)}
  ${model.series.map((series) => {
  let runs = runsOf(series.values, plot);
  return w`<g class=${series.look} data-series=${series.key}>
    ${isAlone ? w`<path class="area" d=${runs.map((run) => areaOf(run, plot)).join("")} />` : A}
    <path class="stroke" d=${runs.map(pathOf).join("")} />
    ${runs.filter((run) => run.length === 1).map(([point]) => w`<circle class="dot" cx=${point?.[0] ?? 0} cy=${point?.[1] ?? 0} r="2" />`)}
    ${series.values.map((value, bucket) => drawPoint(model, series.key, value, bucket, plot, active))}
   </g>`;
 })}`;
}
function drawPrevious(model, plot) {
 if (model.previous === null || model.buckets.length > 120) return A;
 let line = runsOf(model.previous.slice(0, model.buckets.length), plot).map(pathOf).join("");
 return w`<path class="previous-halo" d=${line} /><path class="previous" d=${line} />`;
}
function drawPoint(model, series, value, bucket, plot, active) {
 let place2 = position(value);
 return place2 === null ? A : w`<circle class=${active === bucket ? "dot is-active" : "dot is-unseen"} cx=${middle(plot, bucket)} cy=${pixel(plot.y(place2))} r="4"
  data-bucket=${model.buckets[bucket]?.key ?? ""} data-series=${series} data-value=${value} />`;
}
function drawBand(band, plot) {
 let high = runsOf(band.high, plot).flat(), low = runsOf(band.low, plot).flat().reverse();
 return w`<path class="band" d=${high.length === 0 ? "" : `${pathOf([...high, ...low])}z`} />`;
}
function runsOf(values, plot) {
 let runs = [], run = null;
 return values.forEach((value, bucket) => {
  let place2 = position(value);
  if (place2 === null) {
   run = null;
   return;
  }
  run === null && runs.push(run = []), run.push([middle(plot, bucket), pixel(plot.y(place2))]);
 }), runs;
}
function middle(plot, bucket) {
 return pixel(plot.x(bucket) + plot.step / 2);
}
function pathOf(points) {
 return points.map(([x2, y3], index) => `${index === 0 ? "M" : "L"}${x2} ${y3}`).join("");
}
function areaOf(points, plot) {
 let [first, last] = [points[0], points.at(-1)];
 if (first === void 0 || last === void 0) return "";
 let floor = pixel(plot.y(Math.max(0, plot.scale.min)));
 return `${pathOf(points)}L${last[0]} ${floor}L${first[0]} ${floor}z`;
}

// src/charts/model.ts
var CHART_KINDS = ["bars", "line", "heat"];
function lookOf(index, isOther) {
 return isOther || index > 6 ? "s-other" : `s${index + 1}`;
}
function plotOf(count, width, height, left, scale) {
 let [top, right, bottom] = [10, width - 4, height - 26], step = (right - left) / Math.max(1, count), perUnit = (bottom - top) / (scale.max - scale.min);
 return {
  left,
  right,
  top,
  bottom,
  step,
  scale,
  x: (index) => left + index * step,
  y: (value) => bottom - (value - scale.min) * perUnit
 };
}

// src/charts/chart.ts
var TIP_PX = 220, LABEL_PX2 = 68, MeterlineChart = class extends MeterlineElement {
 constructor() {
  super();
  this.plot = null;
  this.heat = null;
  this.said = "";
  this.observer = new ResizeObserver(([entry]) => {
   this.width = Math.floor(entry?.contentRect.width ?? 0);
  });
  this.onMove = (event) => {
   this.active = this.indexAt(event);
  };
  this.leave = () => {
   this.active = null, this.said = "";
  };
  this.onClick = (event) => {
   let index = this.indexAt(event), hit = event.target instanceof Element ? event.target.getAttribute("data-series") : null;
   index !== null && this.notify("bucket-open", { index, series: hit });
  };
  this.onKey = (event) => {
   let last = (this.model?.buckets.length ?? 0) - 1;
   if (last < 0) return;
   let now = this.active ?? (event.key === "ArrowLeft" ? last + 1 : -1), next = {
    ArrowRight: Math.min(last, now + 1),
    ArrowLeft: Math.max(0, now - 1),
    Home: 0,
    End: last,
    PageDown: Math.min(last, now + 7),
    PageUp: Math.max(0, now - 7)
   }[event.key];
   if (next !== void 0) this.say(next);
   else if (event.key === "Enter" && this.active !== null) this.notify("bucket-open", { index: this.active, series: null });
   else if (event.key === "Escape" && this.active !== null) this.leave();
   else return;
   event.preventDefault();
  };
  this.model = null, this.kind = "bars", this.height = 260, this.active = null, this.width = 0;
 }
 static {
  this.styles = MeterlineElement.stylesWith(chart_default);
 }
 static {
  this.properties = {
   model: { attribute: !1 },
   kind: {},
   height: { type: Number },
   active: { state: !0 },
   width: { state: !0 }
  };
 }
 connectedCallback() {
  super.connectedCallback(), this.observer.observe(this);
 }
 disconnectedCallback() {
  super.disconnectedCallback(), this.observer.disconnect();
 }
 willUpdate(changes) {
  changes.has("model") && this.active !== null && this.active >= (this.model?.buckets.length ?? 0) && (this.active = null);
 }
 render() {
  let { model } = this;
  if (model === null || this.width === 0) return b2`<div ${place({ height: `${this.height}px` })}></div>`;
  this.heat = this.kind === "heat" ? layOut(model, this.width) : null, this.plot = this.heat === null ? this.measure(model) : null;
  let height = this.heat?.height ?? this.height;
  return b2`<div class="reset stage">
   <svg class="surface" role="application" tabindex="0" aria-label="${model.name}. ${model.keysHint}" height=${height}
    viewBox="0 0 ${this.width} ${height}" @pointermove=${this.onMove} @pointerleave=${this.leave} @click=${this.onClick}
    @keydown=${this.onKey} @blur=${this.leave}>
    ${this.heat !== null ? drawHeat(model, this.heat, this.active) : this.plot !== null ? this.drawPlot(model, this.plot) : A}
   </svg>
   ${this.renderTip(model)}
   <p class="unseen" aria-live="polite">${this.said}</p>
  </div>`;
 }
 measure(model) {
  let ends = this.kind === "bars" ? [...stackEnds(model), ...(model.previous ?? []).flatMap((value) => position(value) ?? [])] : lineEnds(model), scale = scaleOf(ends, this.height < 200 ? 3 : 4), longest = Math.max(...scale.ticks.map((tick) => model.tick(tick).length));
  return plotOf(model.buckets.length, this.width, this.height, longest * 7 + 12, scale);
 }
 drawPlot(model, plot) {
  return w`
   ${plot.scale.ticks.map((tick) => w`
    <line class=${tick === 0 ? "axis" : "grid"} x1=${plot.left} x2=${plot.right} y1=${plot.y(tick)} y2=${plot.y(tick)} />
    <text class="tick" text-anchor="end" x=${plot.left - 8} y=${plot.y(tick) + 4}>${model.tick(tick)}</text>`)}
   ${this.active === null ? A : w`<rect class="column" x=${plot.x(this.active)} y=${plot.top} width=${plot.step} height=${plot.bottom - plot.top} />`}
   ${this.kind === "bars" ? drawBars(model, plot, this.active) : drawLines(model, plot, this.active)}
   ${drawPrevious(model, plot)}
   ${this.drawLabels(model, plot)}`;
 }
 drawLabels(model, plot) {
  let named2 = model.buckets.flatMap((bucket, index) => bucket.label === "" ? [] : [{ bucket, index }]), every = Math.max(1, Math.ceil(LABEL_PX2 * named2.length / (plot.right - plot.left)));
  return named2.flatMap(({ bucket, index }, nth) => {
   if (nth % every !== 0) return [];
   let x2 = Math.min(Math.max(plot.x(index) + plot.step / 2, 20), this.width - 22);
   return [w`<text class="tick" text-anchor="middle" x=${x2} y=${this.height - 6}>${bucket.label}</text>`];
  });
 }
 renderTip(model) {
  let bucket = this.active === null ? void 0 : model.buckets[this.active];
  if (this.active === null || bucket === void 0) return A;
  let index = this.active, [x2, y3] = this.tipPlace(index), rows = model.series.filter((series) => (series.values[index] ?? null) !== null), total = model.totals?.[index] ?? null, previous = model.previous?.[index] ?? null;
  return b2`<div class="tip" ${place({ transform: `translate(${x2}px, ${y3}px)` })}>
   <h3>${bucket.full}</h3>
   <dl>
    ${rows.map((series) => b2`<dt>${swatch(series.look)}${series.label}</dt><dd>${model.print(series.values[index] ?? "")}</dd>`)}
    ${total === null || rows.length < 2 ? A : b2`<dt class="is-total">${model.totalText}</dt><dd class="is-total">${model.print(total)}</dd>`}
    ${previous === null ? A : b2`<dt class="is-previous">${model.previousText}</dt><dd class="is-previous">${model.print(previous)}</dd>`}
   </dl>
  </div>`;
 }
 tipPlace(index) {
  let cell = this.heat?.cells.find((each) => each.bucket === index), left = cell?.x ?? this.plot?.x(index) ?? 0, width = cell?.width ?? this.plot?.step ?? 0, x2 = left + width + 8 + TIP_PX > this.width ? Math.max(0, left - TIP_PX - 8 + 60) : left + width + 8;
  return [Math.round(x2), Math.round(cell === void 0 ? 4 : Math.max(0, cell.y - 20))];
 }
 indexAt(event) {
  let box = event.currentTarget.getBoundingClientRect(), [x2, y3] = [event.clientX - box.left, event.clientY - box.top];
  return this.heat !== null ? this.heat.cells.find((cell) => x2 >= cell.x && x2 < cell.x + cell.width + 2 && y3 >= cell.y && y3 < cell.y + cell.height + 2)?.bucket ?? null : this.plot === null || x2 < this.plot.left || x2 > this.plot.right ? null : Math.min((this.model?.buckets.length ?? 1) - 1, Math.floor((x2 - this.plot.left) / this.plot.step));
 }
 say(index) {
  this.active = index;
  let { model } = this;
  if (model === null) return;
  let values = model.series.flatMap((series) => {
   let value = series.values[index] ?? null;
   return value === null ? [] : [`${series.label} ${model.print(value)}`];
  }), total = model.totals?.[index] ?? null;
  total !== null && values.length !== 1 && values.push(`${model.totalText} ${model.print(total)}`), this.said = [model.buckets[index]?.full ?? "", ...values].join(", ");
 }
};
define("meterline-chart", MeterlineChart);

// src/charts/waterfall.ts
var HEIGHT = 216, TOP = 26, FLOOR = 168, COLUMN_PX_MIN = 108, LETTER_PX = 6.2, MeterlineWaterfall = class extends MeterlineElement {
 constructor() {
  super();
  this.observer = new ResizeObserver(([entry]) => {
   this.width = Math.floor(entry?.contentRect.width ?? 0);
  });
  this.open = (key) => this.notify("step-open", { key });
  this.name = "", this.steps = [], this.width = 0;
 }
 static {
  this.styles = MeterlineElement.stylesWith(chart_default);
 }
 static {
  this.properties = {
   name: {},
   steps: { attribute: !1 },
   width: { state: !0 }
  };
 }
 connectedCallback() {
  super.connectedCallback(), this.observer.observe(this);
 }
 disconnectedCallback() {
  super.disconnectedCallback(), this.observer.disconnect();
 }
 render() {
  if (this.width === 0) return A;
  let falls = fallsOf(this.steps), isWide = this.width / falls.length >= COLUMN_PX_MIN;
  return b2`<div class="reset">${isWide ? this.renderColumns(falls) : this.renderRows(falls)}</div>`;
 }
 renderColumns(falls) {
  let scale = spanOf(falls), column = this.width / falls.length, y3 = (value) => pixel(FLOOR - (value - scale.min) / (scale.max - scale.min) * (FLOOR - TOP));
  return b2`<svg class="surface" role="group" aria-label=${this.name} height=${HEIGHT} viewBox="0 0 ${this.width} ${HEIGHT}">
   <line class="axis" x1="0" x2=${this.width} y1=${FLOOR} y2=${FLOOR} />
   ${falls.map((fall, index) => drawFall(fall, index, column, y3, scale.min, index < falls.length - 1, this.open))}
  </svg>`;
 }
 renderRows(falls) {
  let scale = spanOf(falls), x2 = (value) => (value - scale.min) / (scale.max - scale.min) * this.width;
  return b2`<ol class="falls">${falls.map(({ step, from, to }) => {
   let left = step.isEnd ? 0 : x2(Math.min(from, to)), width = Math.max(1, x2(Math.max(from, to)) - left);
   return b2`<li>
    <span class="line"><span>${step.label}</span>${step.isEnd ? b2`<b data-value=${step.value}>${step.text}</b>` : b2`<button class="figure" type="button" data-value=${step.value} @click=${() => this.open(step.key)}>${step.text}</button>`}</span>
    <svg viewBox="0 0 ${this.width} 8" preserveAspectRatio="none" aria-hidden="true">${w`
     <rect class="fall ${lookOf2(step)}" x=${pixel(left)} y="0" width=${pixel(width)} height="8" rx="2" />`}</svg>
    ${step.detail === "" ? A : b2`<span class="small">${step.detail}</span>`}
   </li>`;
  })}</ol>`;
 }
};
function drawFall(fall, index, column, y3, floor, hasNext, open2) {
 let { step, from, to } = fall, width = pixel(Math.min(column * 0.58, 120)), middle2 = (index + 0.5) * column, left = pixel(middle2 - width / 2), [low, high] = [Math.max(floor, Math.min(from, to)), Math.max(from, to)], top = y3(high), height = Math.max(1.5, y3(low) - top), onKey = (event) => {
  event.key !== "Enter" && event.key !== " " || (event.preventDefault(), open2(step.key));
 }, drawing = w`
  <rect class="fall ${lookOf2(step)}" x=${left} y=${top} width=${width} height=${height} rx="2" />
  ${step.isEnd && floor > 0 ? w`<path class="tear" d=${tear(left, width)} />` : A}
  ${hasNext ? w`<line class="joint" x1=${left + width} x2=${left + column} y1=${y3(to)} y2=${y3(to)} />` : A}
  <text class="amount" x=${middle2} y=${top - 8}>${step.text}</text>
  <text class="what" x=${middle2} y=${FLOOR + 20}>${shortened(step.label, column)}</text>
  <text class="what is-small" x=${middle2} y=${FLOOR + 37}>${fits(step.detail, column) ? step.detail : shortened(step.bare, column)}</text>`;
 return step.isEnd ? w`<g data-step=${step.key} data-value=${step.value}>${drawing}</g>` : w`<g class="step" role="button" tabindex="0" data-step=${step.key} data-value=${step.value}
    @click=${() => open2(step.key)} @keydown=${onKey}>${drawing}</g>`;
}
function fallsOf(steps) {
 let level = 0;
 return steps.map((step) => {
  let from = step.isEnd ? 0 : level;
  return level = step.isEnd ? positionOrZero(step.value) : level + positionOrZero(step.value), { step, from, to: level };
 });
}
function spanOf(falls) {
 let levels = falls.flatMap(({ step, from, to }) => step.isEnd ? [to] : [from, to]), [low, high] = [Math.min(...levels), Math.max(...levels)], spread = high - low;
 return low <= 0 || spread === 0 || spread > high * 0.5 ? scaleOf(levels, 3) : { min: low - spread * 0.6, max: high };
}
function tear(left, width) {
 let wave = Array.from({ length: 5 }, (_2, index) => `L${pixel(left + (index + 0.5) * width / 4.5)} ${FLOOR - 10 + (index % 2 === 0 ? 4 : -2)}`);
 return `M${left - 1} ${FLOOR - 12}${wave.join("")}L${left + width + 1} ${FLOOR - 12}`;
}
function lookOf2(step) {
 return step.isEnd ? "is-end" : step.value.startsWith("-") ? "is-less" : "is-more";
}
function fits(text, column) {
 return text.length <= column / LETTER_PX;
}
function shortened(text, column) {
 return fits(text, column) ? text : `${text.slice(0, Math.floor(column / LETTER_PX) - 1)}…`;
}
define("meterline-waterfall", MeterlineWaterfall);

// src/styles/drawer.css
var drawer_default = `:host { display: contents; container-type: normal; }

dialog {
 margin: 0 0 0 auto;
 width: min(440px, 100vw);
 max-width: none;
 height: 100dvh;
 max-height: none;
 padding: 0;
 border: 0;
 border-left: 1px solid var(--_line);
 background: var(--_raised);
 color-scheme: inherit;
}

dialog::backdrop { background: light-dark(rgb(20 24 31 / 28%), rgb(0 0 0 / 55%)); }
dialog[open] { animation: arrive 150ms ease-out; }

header {
 position: sticky;
 top: 0;
 display: flex;
 align-items: center;
 justify-content: space-between;
 gap: 12px;
 padding: 14px 16px 14px 24px;
 border-bottom: 1px solid var(--_line);
 background: var(--_raised);
}

.body { display: grid; gap: 16px; padding: 20px 24px 32px; }

@keyframes arrive { from { opacity: 0; transform: translateX(16px); } }

@media print { dialog { display: none; } }
`;

// src/parts/drawer.ts
var MeterlineDrawer = class extends MeterlineElement {
 constructor() {
  super();
  this.onBackdrop = (event) => {
   event.target === event.currentTarget && this.close();
  };
  this.close = () => {
   this.renderRoot.querySelector("dialog")?.close();
  };
  this.heading = "", this.closeText = "", this.isOpen = !1;
 }
 static {
  this.styles = MeterlineElement.stylesWith(drawer_default);
 }
 static {
  this.properties = {
   heading: {},
   closeText: { attribute: "close-text" },
   isOpen: { attribute: !1 }
  };
 }
 updated() {
  let dialog = this.renderRoot.querySelector("dialog");
  dialog === null || dialog.open === this.isOpen || (this.isOpen ? dialog.showModal() : dialog.close());
 }
 render() {
  return b2`<dialog aria-labelledby="heading" @close=${() => this.notify("drawer-close", null)} @click=${this.onBackdrop}>
   <div class="reset">
    <header>
     <h2 id="heading" class="card-title">${this.heading}</h2>
     <button class="button is-bare is-icon" type="button" aria-label=${this.closeText} @click=${this.close}>${icon("close")}</button>
    </header>
    <div class="body"><slot></slot></div>
   </div>
  </dialog>`;
 }
};
define("meterline-drawer", MeterlineDrawer);

// src/seller/preview.ts
var READY = "meterline-preview-ready", MeterlinePreview = class extends MeterlineElement {
 constructor() {
  super();
  this.onMessage = (event) => {
   if (event.source !== parent || event.origin !== location.origin || event.data?.type !== "meterline-preview") return;
   let { token, session } = event.data;
   document.documentElement.style.colorScheme = session.mode === "auto" ? "" : session.mode, client.preset("session", session), client.configure({ baseUrl: location.origin, fetchToken: () => Promise.resolve(token) }), client.dispatchEvent(new Event("change")), this.isShown = !0;
  };
  this.isShown = !1;
 }
 static {
  this.properties = { isShown: { state: !0 } };
 }
 connectedCallback() {
  super.connectedCallback(), addEventListener("message", this.onMessage), parent.postMessage({ type: READY }, location.origin);
 }
 disconnectedCallback() {
  super.disconnectedCallback(), removeEventListener("message", this.onMessage);
 }
 render() {
  return this.isShown ? b2`<meterline-portal></meterline-portal>` : A;
 }
};
define("meterline-preview", MeterlinePreview);

// src/charts/spark.ts
var WIDTH = 96, HEIGHT2 = 22;
function spark(values, look = "") {
 let places = values.slice(0, values.findLastIndex((value) => value !== null) + 1).map(positionOrZero);
 if (places.length < 2) return A;
 let low = Math.min(0, ...places), span = Math.max(...places) - low || 1, points = places.map((place2, index) => {
  let x2 = pixel(1 + index * (WIDTH - 2) / (places.length - 1));
  return `${index === 0 ? "M" : "L"}${x2} ${pixel(HEIGHT2 - 2 - (place2 - low) / span * (HEIGHT2 - 4))}`;
 });
 return b2`<svg class="spark ${look}" viewBox="0 0 ${WIDTH} ${HEIGHT2}" aria-hidden="true">${w`<path d=${points.join("")} />`}</svg>`;
}

// src/parts/figure.ts
function figure(text, exact, name, explain) {
 return b2`<button class="figure" type="button" data-value=${exact} aria-label="${name}: ${text}" @click=${explain} ${tint(text)}>${text}</button>`;
}

// src/parts/files.ts
async function save(path, query, name) {
 let content = await client.download(path, query), link = document.createElement("a");
 link.href = URL.createObjectURL(content), link.download = name, link.click(), URL.revokeObjectURL(link.href);
}
async function copy(text) {
 try {
  return await navigator.clipboard.writeText(text), !0;
 } catch (error) {
  if (error instanceof DOMException || error instanceof TypeError) return !1;
  throw error;
 }
}
function curlOf(path, query) {
 return `curl -H "Authorization: Bearer $METERLINE_PORTAL_TOKEN" '${new URL(client.url(path, query), location.href).href.replaceAll("'", "%27")}'`;
}

// src/parts/curl.ts
function curlButton({ t: t5 }, path, query, say) {
 let onClick = async () => say(t5(await copy(curlOf(path, query)) ? "explore.copied" : "explore.copyFailed"));
 return b2`<button class="button is-icon" type="button" title=${t5("explore.copyCurl")} aria-label=${t5("explore.copyCurl")} @click=${onClick}>${icon("terminal")}</button>`;
}

// src/parts/attempt.ts
async function attempted(action, onProblem) {
 try {
  await action();
 } catch (error) {
  if (!(error instanceof Problem)) throw error;
  onProblem(error);
 }
}

// src/parts/popover.ts
function closeLeft(event) {
 let details = event.currentTarget;
 event.relatedTarget instanceof Node && details.contains(event.relatedTarget) || (details.open = !1);
}
function closeByKey(event) {
 let details = event.currentTarget;
 event.key !== "Escape" || !details.open || (event.stopPropagation(), details.open = !1, details.querySelector("summary")?.focus());
}

// src/resource.ts
var Resource = class {
 constructor(host, wanted, options = {}) {
  this.host = host;
  this.wanted = wanted;
  this.options = options;
  this.data = null;
  this.problem = null;
  this.isWaiting = !1;
  this.key = "";
  this.current = null;
  this.controller = null;
  this.isBehind = !1;
  this.unwatch = null;
  host.addController(this);
 }
 hostConnected() {
  this.options.isWatched !== !1 && (this.unwatch = client.watch(() => this.refresh()));
 }
 hostDisconnected() {
  this.unwatch?.(), this.unwatch = null, this.controller?.abort(), this.controller = null, this.key = "";
 }
 hostUpdate() {
  let wanted = this.wanted(), key = wanted === null ? "" : JSON.stringify(wanted);
  key !== this.key && (this.key = key, this.current = wanted, this.problem = null, this.controller?.abort(), this.controller = null, this.isWaiting = wanted !== null, (this.options.isKept === !1 || wanted === null) && (this.data = null), wanted !== null && this.load(wanted));
 }
 refresh() {
  this.controller !== null ? this.isBehind = !0 : this.current !== null && this.load(this.current);
 }
 async load(wanted) {
  let controller = this.controller = new AbortController();
  this.isBehind = !1;
  try {
   this.data = await client.get(wanted.path, wanted.query ?? {}, controller.signal), this.problem = null;
  } catch (error) {
   if (controller.signal.aborted) return;
   if (!(error instanceof Problem)) throw error;
   this.isWaiting && (this.data = null), this.problem = error, this.options.onProblem?.(error);
  }
  controller.signal.aborted || (this.controller = null, this.isWaiting = !1, this.host.requestUpdate(), this.isBehind && this.load(wanted));
 }
};

// src/styles/explorer.css
var explorer_default = `.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; }
.bar .spacer { flex: 1; }
.bar .break { flex-basis: 100%; }
.choices { display: contents; }
.sheet-opener { display: none; }
.sheet .popover .panel { position: static; margin-top: 4px; }
.sheet { display: grid; gap: 16px; justify-items: start; }
.filters { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; }

meterline-saved-views { display: inline-block; container-type: normal; }

.behind { display: flex; align-items: center; gap: 8px; font-size: 13px; }

.popover { position: relative; }
.popover summary { list-style: none; }
.popover summary::-webkit-details-marker { display: none; }
.popover .panel {
 position: absolute;
 z-index: 3;
 top: calc(100% + 4px);
 left: 0;
 display: grid;
 gap: 12px;
 width: max-content;
 min-width: 240px;
 max-width: min(320px, 86vw);
 padding: 14px;
 border: 1px solid var(--_line-strong);
 border-radius: var(--_radius-control);
 background: var(--_raised);
 font-size: 13px;
}

.popover form { display: grid; gap: 10px; }
.popover label { display: grid; gap: 4px; color: var(--_text-2); }
.saved li { display: flex; align-items: center; justify-content: space-between; gap: 8px; }
.saved .button:first-child { overflow: hidden; text-overflow: ellipsis; }

.button.only { width: 24px; height: 24px; vertical-align: middle; opacity: 0; }
tr:hover .only, .only:focus-visible { opacity: 1; }
.is-equal { color: var(--_positive); }
.is-unequal { color: var(--_warning); }
.figure .icon { width: 13px; height: 13px; vertical-align: -2px; }
.buckets { font-size: 12px; }
.buckets tbody th { white-space: nowrap; }
.proven td { padding-top: 0; border: 0; text-align: right; }

@media (hover: none) { .button.only { opacity: 1; } }

/* The same choices as one sheet, where a row of them would fill the screen. */
@container (max-width: 720px) {
 .choices { display: none; }
 .sheet-opener { display: inline-flex; }
 .bar .break, .label, .only { display: none; }
 .bar .filters .popover { display: none; }
}

/* Within the small element of the saved views the container is the button itself. */
:host(meterline-saved-views) .label { display: inline; }
@media (max-width: 720px) { :host(meterline-saved-views) .label { display: none; } }
`;

// src/views/saved_views.ts
var MeterlineSavedViews = class extends MeterlineElement {
 constructor() {
  super();
  this.views = new Resource(this, () => this.isOpen ? { path: "views" } : null);
  this.onToggle = (event) => {
   this.isOpen = event.currentTarget.open;
  };
  this.onSave = (event) => {
   event.preventDefault();
   let form2 = event.currentTarget, name = String(new FormData(form2).get("name")).trim();
   this.attempt(async () => {
    await client.post("views", { name, query: this.page }), form2.reset();
   });
  };
  this.context = null, this.page = "", this.problem = null, this.isOpen = !1;
 }
 static {
  this.styles = MeterlineElement.stylesWith(explorer_default);
 }
 static {
  this.properties = {
   context: { attribute: !1 },
   page: { attribute: !1 },
   problem: { state: !0 },
   isOpen: { state: !0 }
  };
 }
 render() {
  let { context } = this;
  if (context === null) return A;
  let { t: t5 } = context, own = this.page.split("?", 1)[0] ?? "", views = (this.views.data ?? []).filter(({ query }) => query.split("?", 1)[0] === own), problem = this.problem ?? this.views.problem;
  return b2`<div class="reset"><details class="popover" @toggle=${this.onToggle} @focusout=${closeLeft} @keydown=${closeByKey}>
   <summary class="button" aria-label=${t5("explore.views")}>${icon("bookmark")}<span class="label">${t5("explore.views")}</span></summary>
   <div class="panel">
    ${views.length === 0 ? b2`<p class="note">${t5("explore.viewsNone")}</p>` : b2`<ul class="saved">${views.map((view) => b2`<li>
     <button class="button is-bare" type="button" @click=${() => this.show(view)}>${view.name}</button>
     ${view.isPreset ? A : b2`<button class="button is-bare is-icon" type="button" aria-label=${t5("explore.viewDelete", { name: view.name })}
      @click=${() => this.forget(view)}>${icon("close")}</button>`}</li>`)}</ul>`}
    <form @submit=${this.onSave}>
     <label>${t5("explore.viewName")}<input class="input" name="name" required maxlength="80" autocomplete="off" /></label>
     <button class="button is-primary">${t5("explore.viewSave")}</button>
    </form>
    ${problem === null ? A : b2`<p class="note" role="alert">${problem.detail || problem.title} ${problem.remedy}</p>`}
   </div>
  </details></div>`;
 }
 show(view) {
  this.renderRoot.querySelector("details")?.removeAttribute("open"), this.notify("view-chosen", { query: view.query.split("?", 2)[1] ?? "" });
 }
 forget(view) {
  this.attempt(() => client.remove(`views/${encodeURIComponent(view.id)}`));
 }
 async attempt(action) {
  this.problem = null, await attempted(action, (problem) => this.problem = problem), this.views.refresh();
 }
};
define("meterline-saved-views", MeterlineSavedViews);

// src/views/spans.ts
var SPANS = ["1", "3", "6", "12"];

// src/views/choices.ts
function choose(name, options, chosen, change) {
 return b2`<select class="select" aria-label=${name} @change=${(event) => change(event.currentTarget.value)}>
  ${options.map(([value, text]) => b2`<option value=${value} ?selected=${value === chosen} .selected=${value === chosen}>${text}</option>`)}
 </select>`;
}
function renderChoices(context, choices, groups, own, change) {
 let { t: t5 } = context;
 return b2`${own}
  ${choose(t5("explore.span"), SPANS.map((span) => [span, t5(`span.${span}`)]), choices.span, (span) => change({ span: span === "1" ? null : span }))}
  <div class="segments" role="group" aria-label=${t5("window")}>
   ${choices.windows.map((window) => b2`<button type="button" aria-pressed=${window === choices.window}
    @click=${() => change({ window })}>${t5(`window.${window}`)}</button>`)}
  </div>
  ${groups.length < 2 ? A : choose(t5("explore.group"), groups, choices.groupBy, (groupBy) => change({ groupBy }))}
  <div class="segments" role="group" aria-label=${t5("explore.chart")}>
   ${[...CHART_KINDS, "table"].map((kind) => b2`<button type="button" aria-pressed=${kind === choices.chart}
    title=${t5(`explore.${kind}`)} aria-label=${t5(`explore.${kind}`)} @click=${() => change({ chart: kind })}>${icon(kind)}</button>`)}
  </div>
  <label class="toggle"><input type="checkbox" .checked=${choices.isCompared}
   @change=${() => change({ compare: choices.isCompared ? "none" : null })} />${t5("explore.compare")}</label>`;
}
function renderFilters(context, filters, properties, hasAny, change) {
 let { t: t5, words } = context;
 if (properties.length === 0 && filters.length === 0 && !hasAny) return A;
 let add = (event) => {
  event.preventDefault();
  let form2 = event.currentTarget, given = new FormData(form2), [property, value] = [String(given.get("property")).trim(), String(given.get("value") ?? "").trim()];
  property !== "" && (change(value === "" ? { groupBy: property } : { filter: [.../* @__PURE__ */ new Set([...filters, `${property}:${value}`])] }), form2.reset(), form2.closest("details")?.removeAttribute("open"));
 };
 return b2`<div class="filters">
  ${filters.map((filter) => {
  let text = filterText(context, filter);
  return b2`<span class="chip is-removable">${text}<button type="button" aria-label=${t5("explore.filterRemove", { filter: text })}
    @click=${() => change({ filter: filters.filter((each) => each !== filter) })}>${icon("close")}</button></span>`;
 })}
  ${properties.length === 0 ? A : form(context, t5("explore.filterAdd"), add, b2`<label>${t5("explore.filterProperty")}
   <select class="select" name="property">${properties.map((name) => b2`<option value=${name}>${words.property(name)}</option>`)}</select></label>
   <label>${t5("explore.filterValue")}<input class="input" name="value" required maxlength="256" autocomplete="off" /></label>`)}
  ${hasAny ? form(context, t5("explore.byOther"), add, b2`<label>${t5("explore.filterProperty")}<input class="input" name="property" required maxlength="64" autocomplete="off" /></label>
   <label>${t5("explore.filterAny")}<input class="input" name="value" maxlength="256" autocomplete="off" /></label>`) : A}
 </div>`;
}
function form({ t: t5 }, name, add, fields) {
 return b2`<details class="popover" @focusout=${closeLeft} @keydown=${closeByKey}>
  <summary class="button is-bare">${icon("filter")}${name}</summary>
  <form class="panel" @submit=${add}>${fields}<button class="button is-primary">${t5("explore.filterApply")}</button></form>
 </details>`;
}
function filterText({ words }, filter) {
 let colon = filter.indexOf(":"), [property, value] = [filter.slice(0, colon), filter.slice(colon + 1)];
 return `${words.property(property)}: ${words.value(property, value)}`;
}
function renderActions(context, actions) {
 let { t: t5 } = context, copyLink = async () => actions.say(t5(await copy(location.href) ? "explore.copied" : "explore.copyFailed")), { query } = actions;
 return b2`
  <meterline-saved-views .context=${context} .page=${actions.page} @view-chosen=${(event) => actions.show(event.detail.query)}></meterline-saved-views>
  <button class="button is-icon" type="button" title=${t5("explore.copyLink")} aria-label=${t5("explore.copyLink")}
   @click=${copyLink}>${icon("link")}</button>
  ${query === null ? A : b2`
   ${curlButton(context, actions.path, query, actions.say)}
   <button class="button" type="button" aria-label=${t5("explore.csv")} @click=${() => attempted(() => save(`${actions.path}.csv`, query, `${actions.path}.csv`), actions.onProblem)}>
    ${icon("download")}<span class="label">${t5("explore.csv")}</span></button>`}`;
}

// src/format.ts
var DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?$/, CURRENCY = /^[A-Z]{3}$/;
var NUMERIC_PARTS = /* @__PURE__ */ new Set(["integer", "group", "decimal", "fraction"]);
function isDecimal(text) {
 return /^-?[0-9]+(\.[0-9]+)?$/.test(text);
}
function isNegative(text) {
 return text.startsWith("-") && /[1-9]/.test(text);
}
function isZero(text) {
 return !/[1-9]/.test(text);
}
var Format = class {
 constructor(locale, timeZone) {
  this.numbers = /* @__PURE__ */ new Map();
  this.dates = /* @__PURE__ */ new Map();
  this.locale = knownLocale(locale), this.timeZone = knownTimeZone(timeZone);
  let plain = new Intl.NumberFormat(this.locale, { useGrouping: !1 });
  this.digits = Array.from({ length: 10 }, (_2, digit) => plain.format(digit)), this.separator = plain.formatToParts(0.5).find((part2) => part2.type === "decimal")?.value ?? ".";
 }
 decimal(text) {
  return this.render(text, {}, 0);
 }
 change(text) {
  return this.render(text, { signDisplay: "exceptZero" }, 0);
 }
 money(text, currency) {
  return this.inCurrency(text, currency, {});
 }
 moneyChange(text, currency) {
  return this.inCurrency(text, currency, { signDisplay: "exceptZero" });
 }
 percent(text) {
  return this.render(text, { style: "percent" }, 0);
 }
 percentChange(text) {
  return this.render(text, { style: "percent", signDisplay: "exceptZero" }, 0);
 }
 tick(value, currency) {
  let compact = { notation: "compact", maximumFractionDigits: 2 }, options = currency === void 0 || !CURRENCY.test(currency) ? compact : { ...compact, style: "currency", currency, minimumFractionDigits: 0 };
  return this.number(options).format(value).replace("-", "−");
 }
 plural(text) {
  return new Intl.PluralRules(this.locale).select(Number(text));
 }
 day(instant, isLong = !1) {
  return this.date(instant, isLong ? { weekday: "short", month: "short", day: "numeric", year: "numeric" } : { month: "short", day: "numeric" });
 }
 month(instant, isShort = !1) {
  return this.date(instant, { month: isShort ? "short" : "long", year: "numeric" });
 }
 time(instant) {
  return this.date(instant, { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
 }
 moment(instant, hasYear = !0) {
  return this.date(instant, {
   month: "short",
   day: "numeric",
   year: hasYear ? "numeric" : void 0,
   hour: "numeric",
   minute: "2-digit",
   timeZoneName: "short"
  });
 }
 period(start, end) {
  let last = new Date(Date.parse(end) - 1);
  return this.dateFormat({ month: "short", day: "numeric", year: "numeric" }).formatRange(new Date(start), last);
 }
 bucket(start, window) {
  return window === "hour" ? this.date(start, { hour: "numeric" }) : window === "month" ? this.month(start, !0) : this.day(start);
 }
 bucketInFull(start, end, window) {
  return window === "hour" ? this.moment(start) : window === "month" ? this.month(start) : window === "week" ? this.period(start, end) : this.day(start, !0);
 }
 bucketKey(start, window) {
  let date = this.localDate(start);
  if (window !== "hour") return window === "month" ? date.slice(0, 7) : date;
  let offset = this.part(start, { timeZoneName: "longOffset" }, "timeZoneName").replace("GMT", "") || "Z";
  return `${date}T${this.hour(start)}${offset}`;
 }
 civilDate(date, daysAfter = 0) {
  let noon = Date.parse(`${date}T12:00:00Z`) + daysAfter * 864e5;
  return this.dateFormat({ timeZone: "UTC", month: "short", day: "numeric", year: "numeric" }).format(noon);
 }
 localDate(instant) {
  let numeric = { year: "numeric", month: "2-digit", day: "2-digit", numberingSystem: "latn", calendar: "gregory" };
  return ["year", "month", "day"].map((type) => this.part(instant, numeric, type, "en")).join("-");
 }
 hour(instant) {
  return this.part(instant, { hour: "2-digit", hourCycle: "h23" }, "hour", "en");
 }
 weekPlace(instant) {
  let noon = Date.parse(`${this.localDate(instant)}T12:00:00Z`), monday = new Date(noon - (new Date(noon).getUTCDay() + 6) % 7 * 864e5), utc = { timeZone: "UTC" };
  return {
   row: this.dateFormat({ ...utc, weekday: "short" }).format(noon),
   column: this.dateFormat({ ...utc, month: "short", day: "numeric" }).format(monday)
  };
 }
 weekdays() {
  let weekday = this.dateFormat({ timeZone: "UTC", weekday: "short" });
  return Array.from({ length: 7 }, (_2, day) => weekday.format(Date.UTC(2024, 0, 1 + day, 12)));
 }
 inCurrency(text, currency, sign) {
  if (!CURRENCY.test(currency)) return this.render(text, sign, 0);
  let options = { ...sign, style: "currency", currency };
  return this.render(text, options, this.number(options).resolvedOptions().maximumFractionDigits ?? 0);
 }
 render(text, options, placesMin) {
  let match = DECIMAL.exec(text);
  if (match === null) return text;
  let [, sign = "", whole = "0", fraction = ""] = match, digits = this.group(whole, fraction.padEnd(placesMin, "0")), unit = isZero(text) ? 0 : sign === "-" ? -1 : 1, isPlaced = !1;
  return this.number(options).formatToParts(unit).map((part2) => part2.type === "minusSign" ? "−" : NUMERIC_PARTS.has(part2.type) ? isPlaced ? "" : (isPlaced = !0, digits) : part2.value).join("");
 }
 group(whole, fraction) {
  let grouped = this.number({}).format(BigInt(whole));
  return fraction === "" ? grouped : grouped + this.separator + Array.from(fraction, (digit) => this.digits[Number(digit)]).join("");
 }
 number(options) {
  let key = JSON.stringify(options), format = this.numbers.get(key);
  return format === void 0 && this.numbers.set(key, format = new Intl.NumberFormat(this.locale, options)), format;
 }
 dateFormat(options, locale = this.locale) {
  let key = locale + JSON.stringify(options), format = this.dates.get(key);
  return format === void 0 && (format = new Intl.DateTimeFormat(locale, { timeZone: this.timeZone, ...options }), this.dates.set(key, format)), format;
 }
 date(instant, options) {
  return this.dateFormat(options).format(new Date(instant));
 }
 part(instant, options, type, locale = this.locale) {
  return this.dateFormat(options, locale).formatToParts(new Date(instant)).find((part2) => part2.type === type)?.value ?? "";
 }
};
function knownLocale(locale) {
 try {
  return Intl.NumberFormat.supportedLocalesOf(locale)[0] ?? "en";
 } catch (error) {
  if (error instanceof RangeError) return "en";
  throw error;
 }
}
function knownTimeZone(timeZone) {
 try {
  return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
 } catch (error) {
  if (error instanceof RangeError) return "UTC";
  throw error;
 }
}

// src/parts/change.ts
function changeOf(context, change) {
 if (change === null) return A;
 let look = isZero(change) ? "" : isNegative(change) ? "down" : "up";
 return b2`<span class=${look}>${context.format.percentChange(change)}</span>`;
}

// src/parts/explained.ts
function explainedDrawer(context, explained, close) {
 return b2`<meterline-drawer heading=${explained?.title ?? ""} close-text=${context.t("explain.close")}
  .isOpen=${explained !== null} @drawer-close=${close}>
  ${explained === null ? A : body(context, explained, close)}
 </meterline-drawer>`;
}
function body(context, explained, close) {
 let { action, fresh } = explained, run = () => {
  close(), action?.run();
 };
 return b2`<div class="reset explained">
  <p class="explained-figure">${explained.text}</p>
  <p class="explained-sentence">${explained.sentence}</p>
  <dl class="rows">${explained.rows.map(([name, value]) => b2`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  ${explained.more ?? A}
  ${action === void 0 ? A : b2`<p><button class="button is-primary" type="button" @click=${run}>${action.text}</button></p>`}
  ${fresh === null || fresh.asOf === "" ? A : b2`<p class="small mono">${context.t("explain.asOf", { asOf: fresh.asOf })}</p>`}
 </div>`;
}

// src/parts/period_name.ts
function periodName(format, span, isShort = !1) {
 return format.localDate(span.start).endsWith("-01") && format.localDate(span.end).endsWith("-01") && Date.parse(span.end) - Date.parse(span.start) < 27648e5 ? format.month(span.start, isShort) : format.period(span.start, span.end);
}

// src/parts/heading.ts
function ofContract(period) {
 return period.billingPeriod.includes("~") ? ` · ${period.contract}` : "";
}
function periodSwitch(context, chosen, choose2) {
 let { periods, t: t5, format } = context;
 if (chosen === void 0) return A;
 let index = periods.indexOf(chosen), step = (to, name) => {
  let target = periods[to];
  return b2`<button class="button is-icon" type="button" aria-label=${t5(`period.${name}`)} ?disabled=${target === void 0}
   @click=${() => target !== void 0 && choose2(target.billingPeriod)}>${icon(name)}</button>`;
 }, onChange = (event) => choose2(event.currentTarget.value);
 return b2`<span class="period-switch controls">
  ${step(index + 1, "previous")}
  <select class="select" aria-label=${t5("period.choose")} @change=${onChange}>
   ${periods.map((period) => b2`<option value=${period.billingPeriod} ?selected=${period === chosen} .selected=${period === chosen}>
    ${periodName(format, period)}${ofContract(period)}</option>`)}
  </select>
  ${step(index - 1, "next")}
 </span>`;
}
function heading(parts) {
 return b2`<header class="page-head">
  <div>
   <h1 class="page-title">${parts.title} ${parts.badge ?? A}</h1>
   ${parts.sub === void 0 ? A : b2`<p class="page-sub">${parts.sub}</p>`}
  </div>
  <span class="spacer"></span>
  ${parts.freshness ?? A}
  ${parts.period ?? A}
  ${parts.actions ?? A}
 </header>`;
}

// src/parts/states.ts
function skeleton(t5, heights) {
 return b2`<div class="card bones" role="status" aria-label=${t5("loading")}>
  ${heights.map((height, index) => b2`<span class="bone" ${place({ height: `${height}px`, width: `${100 - index * 23 % 50}%` })}></span>`)}
 </div>`;
}
function emptyState(title, text, action = A) {
 return b2`<div class="card empty"><h2>${title}</h2><p>${text}</p>${action}</div>`;
}
function problemState(t5, problem, context, retry) {
 let kind = kindOf(problem), seller = context?.session.seller || "…", canRetry = kind === "unavailable" || kind === "expired" && !client.isHosted;
 return b2`<div class="card empty" role="alert" data-problem=${kind}>
  <h2>${t5(`problem.${kind}`)}</h2>
  <p>${whatToDo(t5, problem, seller)}</p>
  ${problem.requestId === "" ? A : b2`<p class="small mono">${t5("problem.request", { id: problem.requestId })}</p>`}
  ${canRetry ? b2`<button class="button controls" type="button" @click=${retry}>${t5("problem.retry")}</button>` : A}
 </div>`;
}
function whatToDo(t5, problem, seller) {
 let kind = kindOf(problem);
 return kind === "refused" ? [problem.detail, problem.remedy].filter((text) => text !== "").join(" ") : kind === "expired" && !client.isHosted ? t5("problem.expiredEmbed") : t5({
  expired: seller === "…" ? "problem.expiredUnknown" : "problem.expiredText",
  forbidden: seller === "…" ? "problem.forbiddenUnknown" : "problem.forbiddenText",
  missing: "problem.missingText"
 }[kind] ?? "problem.unavailableText", { seller });
}
function refusal(t5, problem) {
 return [problem.detail, problem.remedy].filter((text) => text !== "").join(" ") || shortProblem(t5, problem);
}
function shortProblem(t5, problem) {
 let kind = kindOf(problem);
 return kind === "refused" ? problem.title : t5(`problem.${kind}`);
}

// src/brand.ts
var COLOUR = /^#[0-9a-f]{6}$/i, OWN_ACCENT = "#2a5bd7", FONT = /^[\w -]{1,64}$/;
function applyBrand(element, branding) {
 let set = (name, value) => element.style.setProperty(`--_brand-${name}`, value), dark = COLOUR.test(branding.accentDark) ? branding.accentDark : branding.accent;
 COLOUR.test(branding.accent) && set("accent", `light-dark(${branding.accent}, ${dark})`), COLOUR.test(branding.accentInk) && set("accent-ink", `light-dark(${branding.accentInk}, #0d1015)`), Number.isInteger(branding.radius) && set("radius", `${branding.radius}px`), branding.font !== null && FONT.test(branding.font) && set("font", `"${branding.font}", var(--_page-font, system-ui, sans-serif)`), COLOUR.test(branding.accent) && branding.accent !== OWN_ACCENT && set("c1", `light-dark(${branding.accent}, ${dark})`), branding.series.slice(0, 7).forEach((colour, index) => COLOUR.test(colour) && set(`c${index + 1}`, colour));
}

// src/languages.ts
var LANGUAGES = { en: "English", de: "Deutsch", fr: "Français" }, KEPT_AS = "meterline-language";
function languageOf(locale) {
 let [language = ""] = locale.toLowerCase().split("-");
 return Object.hasOwn(LANGUAGES, language) ? language : "en";
}
async function textsOf(language) {
 try {
  return (await import(new URL(`./texts_${language}.js`, import.meta.url).href)).TEXTS;
 } catch (error) {
  throw new Problem(0, error instanceof Error ? error.message : "texts");
 }
}
function chosenLanguage() {
 try {
  return localStorage.getItem(KEPT_AS) ?? "";
 } catch (error) {
  if (error instanceof DOMException) return "";
  throw error;
 }
}
function keepLanguage(language) {
 try {
  localStorage.setItem(KEPT_AS, language);
 } catch (error) {
  if (!(error instanceof DOMException)) throw error;
 }
}

// src/context.ts
var LOCALE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/, opened = null, isAsked = !1, configured = 0;
client.addEventListener("configured", () => {
 configured += 1, isAsked && (opened = null), isAsked = !1;
});
function openContext() {
 return opened ??= load().catch((error) => {
  throw opened = null, error;
 }), opened;
}
function textsWithoutSession() {
 return translator({});
}
function changeLanguage(language) {
 keepLanguage(language), client.dispatchEvent(new Event("configured"));
}
function known(locale) {
 return LOCALE.test(locale) ? locale : null;
}
async function load() {
 await client.started, isAsked = !0;
 let asked = configured, chosen = client.isHosted ? new URLSearchParams(location.search).get("lang") ?? chosenLanguage() : "", [session, periods] = await Promise.all([
  client.get("session", { locale: known(chosen || client.locale) }),
  client.get("periods")
 ]), usual = client.locale || (session.locale ?? navigator.language), locale = chosen === "" || languageOf(chosen) === languageOf(usual) ? usual : languageOf(chosen), language = languageOf(locale), texts = await textsOf(language);
 if (asked !== configured) return openContext();
 speak(texts);
 let format = new Format(locale, session.timeZone), words = new Words(session.labels, format);
 return { session, format, language, t: translator(session.texts), words, periods };
}
function chosenPeriod(context, billingPeriod) {
 let begun = (period) => Date.parse(period.start) <= Date.now();
 return context.periods.find((period) => period.billingPeriod === billingPeriod) ?? context.periods.find(begun) ?? context.periods[0];
}

// src/parts/freshness.ts
var LATE_AFTER_MS = 3e4;
function age(context, milliseconds) {
 let seconds = Math.round(milliseconds / 1e3);
 return seconds < 120 ? context.t("age.seconds", { count: seconds }) : seconds < 7200 ? context.t("age.minutes", { count: Math.round(seconds / 60) }) : seconds < 172800 ? context.t("age.hours", { count: Math.round(seconds / 3600) }) : context.t("age.days", { count: Math.round(seconds / 86400) });
}
var MeterlineFreshness = class extends MeterlineElement {
 static {
  this.properties = {
   context: { attribute: !1 },
   freshness: { attribute: !1 }
  };
 }
 constructor() {
  super(), this.context = null, this.freshness = null;
 }
 connectedCallback() {
  super.connectedCallback(), this.timer = setInterval(() => this.requestUpdate(), 1e3);
 }
 disconnectedCallback() {
  super.disconnectedCallback(), clearInterval(this.timer);
 }
 render() {
  let { context, freshness } = this;
  if (context === null || freshness === null) return A;
  let { text, look } = wording(context, freshness, Date.now()), { asOf } = freshness.fresh, title = freshness.problem?.detail || asOf && context.t("explain.asOf", { asOf });
  return b2`<span class="reset"><span class="chip ${look}" data-as-of=${asOf} title=${title}>
   <span class="dot"></span><span>${text}</span>
  </span></span>`;
 }
};
function wording(context, freshness, nowMs) {
 let { t: t5, format } = context, { problem, isFinal, isFilled } = freshness, until = latest(freshness.fresh.completeUntil, client.completeUntil);
 if (problem !== null) return { text: t5("fresh.stale", { reason: shortProblem(t5, problem) }), look: "is-late" };
 if (isFinal) return { text: t5("fresh.final"), look: "is-final" };
 if (!isFilled) return { text: t5("fresh.filling"), look: "is-late" };
 if (until === null) return { text: t5("fresh.unknown"), look: "" };
 let time = format.time(until), passed = nowMs - Date.parse(until);
 return passed <= LATE_AFTER_MS ? { text: t5("fresh.live", { time }), look: "is-live" } : { text: t5("fresh.late", { time, age: age(context, passed) }), look: "is-late" };
}
function latest(shown, said) {
 return shown !== null && said !== "" && Date.parse(said) > Date.parse(shown) ? said : shown;
}
define("meterline-freshness", MeterlineFreshness);

// src/state.ts
var MemoryPlace = class {
 constructor(query = "") {
  this.query = query;
 }
 read() {
  return this.query;
 }
 write(query) {
  this.query = query;
 }
}, AddressPlace = class {
 read() {
  return location.search;
 }
 write(query, isReplaced) {
  let address = location.pathname + (query && `?${query}`);
  isReplaced ? history.replaceState(null, "", address) : history.pushState(null, "", address);
 }
}, State = class extends EventTarget {
 constructor(place2 = new MemoryPlace()) {
  super();
  this.place = place2;
  this.params = new URLSearchParams(place2.read());
 }
 get(name) {
  return this.params.get(name) ?? "";
 }
 all(name) {
  return this.params.getAll(name);
 }
 toString() {
  return queryOf(this.params);
 }
 after(changes) {
  return queryOf(changed(this.params, changes));
 }
 change(changes, isReplaced = !1) {
  let params = changed(this.params, changes);
  queryOf(params) !== this.toString() && (this.params = params, this.place.write(this.toString(), isReplaced), this.dispatchEvent(new Event("change")));
 }
 become(query) {
  this.place.write(query, !0), this.reread();
 }
 reread() {
  this.params = new URLSearchParams(this.place.read()), this.dispatchEvent(new Event("change"));
 }
};
function changed(params, changes) {
 let next = new URLSearchParams(params);
 for (let [name, value] of Object.entries(changes)) {
  next.delete(name);
  let values = value === null || value === "" ? [] : typeof value == "string" ? [value] : value;
  for (let each of values) next.append(name, each);
 }
 return next;
}
function queryOf(params) {
 let sorted = new URLSearchParams(params);
 return sorted.sort(), sorted.toString();
}

// src/view.ts
var MeterlineView = class extends MeterlineElement {
 constructor() {
  super();
  this.listened = null;
  this.followed = "";
  this.attributesObserver = new MutationObserver(() => this.requestUpdate());
  this.onProblem = (problem) => this.report(problem);
  this.onRefused = (problem) => {
   this.context !== null && (this.notice = refusal(this.context.t, problem)), this.report(problem);
  };
  this.begin = () => {
   this.failure = null, openContext().then(
    (context) => {
     this.context = context, applyBrand(this, context.session.branding);
    },
    (error) => {
     if (!(error instanceof Problem)) throw error;
     this.failure = error, this.report(error);
    }
   );
  };
  this.onState = () => {
   this.notice = "", this.notify("meterline-state-changed", { query: this.state.toString() }), this.requestUpdate();
  };
  this.state = new State(), this.context = null, this.failure = null, this.notice = "";
 }
 static {
  this.properties = {
   state: { attribute: !1 },
   context: { state: !0 },
   failure: { state: !0 },
   notice: { state: !0 }
  };
 }
 connectedCallback() {
  super.connectedCallback(), client.addEventListener("configured", this.begin), this.attributesObserver.observe(this, { attributes: !0 }), this.begin();
 }
 disconnectedCallback() {
  super.disconnectedCallback(), client.removeEventListener("configured", this.begin), this.attributesObserver.disconnect(), this.listenTo(null);
 }
 willUpdate(_changes) {
  this.isConnected && this.listenTo(this.state);
  let billingPeriod = this.isOpen ? this.period?.billingPeriod ?? "" : "";
  billingPeriod !== this.followed && (this.followed = billingPeriod, client.follow(billingPeriod));
 }
 render() {
  let { context } = this;
  if (this.failure !== null) {
   let t5 = context?.t ?? textsWithoutSession();
   return b2`<div class="reset">${problemState(t5, this.failure, context, this.begin)}</div>`;
  }
  return context === null ? b2`<div class="reset"><div class="page">${skeleton(textsWithoutSession(), [28, 40, 16, 200])}</div></div>` : context.session.views.includes(this.view) ? b2`<div class="reset"><div class="page">${this.renderPage(context)}</div></div>` : b2`<div class="reset">${problemState(context.t, new Problem(403, "forbidden"), context, this.begin)}</div>`;
 }
 choice(name) {
  return this.state.get(name) || (this.getAttribute(name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)) ?? "");
 }
 change(changes) {
  this.state.change(changes);
 }
 get period() {
  return this.context === null ? void 0 : chosenPeriod(this.context, this.choice("billingPeriod"));
 }
 get isOpen() {
  return this.context !== null && this.context.session.views.includes(this.view);
 }
 renderResource(context, resource, bones, render) {
  return resource.data !== null ? b2`<div class="page ${resource.isWaiting ? "is-waiting" : ""}" aria-busy=${resource.isWaiting}>${render(resource.data)}</div>` : resource.problem !== null ? problemState(context.t, resource.problem, context, () => resource.refresh()) : skeleton(context.t, bones);
 }
 renderFreshness(resource, isFinal) {
  let { data, problem } = resource;
  if (data === null) return A;
  let freshness = { fresh: data, problem, isFinal, isFilled: data.filled ?? !0 };
  return b2`<meterline-freshness .context=${this.context} .freshness=${freshness}></meterline-freshness>`;
 }
 renderCurl(context, path, query) {
  return b2`<span class="note" role="status">${this.notice}</span>
   <span class="controls">${curlButton(context, path, query, (text) => this.notice = text)}</span>`;
 }
 listenTo(state) {
  this.listened !== state && (this.listened?.removeEventListener("change", this.onState), state?.addEventListener("change", this.onState), this.listened = state);
 }
};

// src/pages.ts
var Pages = class {
 constructor(host, wanted, options = {}) {
  this.host = host;
  this.wanted = wanted;
  this.options = options;
  this.later = [];
  this.isLoading = !1;
  this.key = "";
  this.first = new Resource(host, () => this.firstWanted(), options);
 }
 get all() {
  return this.first.data === null ? [] : [this.first.data, ...this.later];
 }
 get next() {
  return this.all.at(-1)?.next ?? null;
 }
 async more() {
  let [wanted, after, key] = [this.wanted(), this.next, this.key];
  if (!(wanted === null || after === null || this.isLoading)) {
   this.isLoading = !0, this.host.requestUpdate();
   try {
    let page = await client.get(wanted.path, { ...wanted.query, after });
    key === this.key && (this.later = [...this.later, page]);
   } catch (error) {
    if (!(error instanceof Problem)) throw error;
    this.options.onProblem?.(error);
   } finally {
    this.isLoading = !1, this.host.requestUpdate();
   }
  }
 }
 firstWanted() {
  let wanted = this.wanted(), key = JSON.stringify(wanted);
  return key !== this.key && (this.later = []), this.key = key, wanted;
 }
};

// src/parts/events.ts
function eventTable(context, events, unit) {
 let { t: t5 } = context;
 return b2`<table class="events">
  <thead><tr><th scope="col">${t5("explain.when")}</th><th scope="col" class="right">${t5("explain.value")}</th>
   <th scope="col" class="right">${t5("explain.trace")}</th></tr></thead>
  <tbody>${events.map((event) => renderEvent(context, event, unit))}</tbody>
 </table>`;
}
function renderEvent(context, event, unit) {
 let { t: t5, format, words } = context, properties = Object.entries(event.properties);
 return b2`<tr data-event=${event.id}>
  <th scope="row"><details><summary>${format.moment(event.time, !1)}</summary>
   <dl class="properties">${properties.map(([name, value]) => b2`<div><dt>${words.property(name)}</dt><dd>${words.value(name, value)}</dd></div>`)}
    ${event.subject === "" ? A : b2`<div><dt>${t5("explain.subject")}</dt><dd>${event.subject}</dd></div>`}
    <div><dt>${t5("explain.source")}</dt><dd>${event.source}</dd></div></dl></details>
   <span class="mono small">${event.id}</span>${renderCorrection(context, event)}</th>
  <td class="right" data-value=${event.value}>${event.value === "" ? "–" : isDecimal(event.value) ? words.quantity(event.value, unit) : event.value}</td>
  <td class="right">${renderTrace(context, event)}</td>
 </tr>`;
}
function renderCorrection({ t: t5 }, { correction, takenBack, reason }) {
 let marks = [...correction === null ? [] : [correction], ...takenBack ? ["takenBack"] : []];
 return marks.length === 0 ? A : b2`<span class="corrected">${marks.map((mark) => b2`<span class="badge is-draft" data-correction=${mark} title=${t5(`event.${mark}Text`)}>${t5(`event.${mark}`)}</span>`)}
  ${reason === null ? A : b2`<span class="small">${reason}</span>`}</span>`;
}
function renderTrace(context, { traceId, reportTraceId }) {
 return traceId !== null ? traceLink(context, traceId, "explain.traceOpen") : reportTraceId === null ? "–" : traceLink(context, reportTraceId, "explain.reportTraceOpen");
}
function traceLink({ session, t: t5 }, traceId, title) {
 let short = b2`<span class="mono" title=${traceId}>${traceId.slice(0, 8)}…</span>`, template = session.traceLink ?? "";
 if (!template.startsWith("https://") || !template.includes("{traceId}")) return short;
 let href = template.replaceAll("{traceId}", encodeURIComponent(traceId));
 return b2`<a href=${href} target="_blank" rel="noopener noreferrer" title=${t5(title, { trace: traceId })}>${short}</a>`;
}

// src/styles/line.css
var line_default = `:host { container-type: normal; }

.explanation { display: grid; grid-template-columns: minmax(0, 1fr); gap: 20px; font-size: 13px; }
.explained-sentence { font-size: 14px; }
.section-title { font: 650 13px/1.4 var(--_font); margin-bottom: 6px; }
.section-head { display: flex; justify-content: space-between; align-items: baseline; }
.steps dd { font-weight: 500; white-space: nowrap; }
.steps .result { border-top: 2px solid var(--_text); font-weight: 650; }
.steps .result dt { color: var(--_text); }
.result .small { display: block; font-weight: 400; }

.stair { display: grid; gap: 2px; }
.stair li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 12px; padding: 8px 0 8px 12px; border-left: 3px solid var(--_line); }
.stair li.is-here { border-left-color: var(--_accent); }
.bound::first-letter { text-transform: uppercase; }
.stair .right { font-weight: 500; }
.stair .fill { grid-column: 1 / -1; height: 4px; margin-top: 4px; border-radius: 2px; background: var(--_line); overflow: clip; }
.stair .fill span { display: block; height: 100%; background: var(--_c1); forced-color-adjust: none; }

.events td, .events th:not(:first-child) { padding-inline: 6px 0; }
.events summary { cursor: pointer; white-space: nowrap; }
.events .mono.small { display: block; font-size: 11px; }
.corrected { display: flex; flex-wrap: wrap; gap: 4px 6px; align-items: baseline; padding-top: 2px; font-weight: 400; }
.properties { display: grid; gap: 2px; padding: 6px 0 6px 12px; font-size: 12px; }
.properties > div { display: grid; grid-template-columns: 84px minmax(0, 1fr); gap: 8px; }
.properties dt { color: var(--_text-2); }
.properties dd { margin: 0; overflow-wrap: anywhere; }
.more { display: grid; justify-content: center; padding-top: 12px; }
`;

// src/views/bucket.ts
var EVENTS_A_PAGE = "25", MeterlineBucket = class extends MeterlineElement {
 constructor() {
  super();
  this.onProblem = (problem) => this.report(problem);
  this.onRefused = (problem) => {
   this.context !== null && (this.notice = refusal(this.context.t, problem)), this.report(problem);
  };
  this.detail = new Resource(
   this,
   () => this.query === null ? null : { path: "usage/bucket", query: this.query },
   { isKept: !1, onProblem: this.onProblem }
  );
  this.events = new Pages(
   this,
   () => this.query === null ? null : { path: "usage/events", query: { ...this.query, limit: EVENTS_A_PAGE } },
   { isKept: !1, onProblem: this.onRefused }
  );
  this.context = null, this.query = null, this.notice = "";
 }
 static {
  this.styles = MeterlineElement.stylesWith(line_default);
 }
 static {
  this.properties = {
   context: { attribute: !1 },
   query: { attribute: !1 },
   notice: { state: !0 }
  };
 }
 render() {
  let { context, detail } = this;
  if (context === null || this.query === null) return A;
  let body2 = detail.data !== null ? this.renderDetail(context, detail.data) : detail.problem !== null ? problemState(context.t, detail.problem, context, () => detail.refresh()) : skeleton(context.t, [24, 24, 24, 120]);
  return b2`<div class="reset explanation">${body2}</div>`;
 }
 renderDetail(context, detail) {
  return b2`
   ${detail.properties.filter(({ values }) => values.length > 1).map((top) => renderTop(context, top, detail.unit))}
   ${this.renderEvents(context, detail)}
   ${this.notice === "" ? A : b2`<p class="note" role="status">${this.notice}</p>`}`;
 }
 renderEvents(context, detail) {
  let { t: t5, format } = context, { first, all } = this.events, events = all.flatMap((page) => page.events), total = String(all[0]?.total ?? detail.eventCount), shown = first.data === null ? "" : t5("explain.eventsOf", { shown: format.decimal(String(events.length)), total: format.decimal(total) });
  return b2`<section>
   <div class="section-head"><h3 class="section-title">${t5("explain.events")}</h3><span class="small" data-events=${total}>${shown}</span></div>
   ${first.problem !== null && first.data === null ? problemState(t5, first.problem, context, () => first.refresh()) : eventTable(context, events, detail.unit)}
   ${this.events.next === null ? A : b2`<p class="more"><button class="button" type="button" ?disabled=${this.events.isLoading}
    @click=${() => this.events.more()}>${t5("explain.eventsMore")}</button></p>`}
  </section>`;
 }
};
function renderTop(context, top, unit) {
 let { t: t5, format, words } = context, left = top.count - top.values.length;
 return b2`<section data-property=${top.property}>
  <h3 class="section-title">${t5("explore.groupBy", { property: words.property(top.property) })}</h3>
  <dl class="rows">${top.values.map(({ key, label, quantity, share }) => b2`<div data-key=${key}><dt>${label}</dt>
   <dd data-value=${quantity}>${words.quantity(quantity, unit)}${share === null ? A : b2` <span class="small">${format.percent(share)}</span>`}</dd></div>`)}</dl>
  ${left === 0 ? A : b2`<p class="small">${t5("bucket.more", { count: left })}</p>`}
 </section>`;
}
define("meterline-bucket", MeterlineBucket);

// src/views/explorer_tables.ts
function seriesTable(context, data, table) {
 let { t: t5, format } = context, cellOf = (value) => table.unit === "" ? table.print(value) : format.decimal(value);
 return b2`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${table.heading}>
  <table>
   <thead><tr>
    <th scope="col">${table.heading}</th><th scope="col" class="right narrow-hidden">${t5("explore.trend")}</th>
    <th scope="col" class="right">${table.valueHeading}${unitOf(table.unit)}</th><th scope="col" class="right">${t5("explore.share")}</th>
   </tr></thead>
   <tbody>${data.series.map((series, index) => b2`<tr data-series=${series.key}>
    <th scope="row">${swatch(lookOf(index, series.isOther))}${series.label}${renderOnly(context, table, series)}</th>
    <td class="right narrow-hidden">${spark(series.values, lookOf(index, series.isOther))}</td>
    <td class="right">${figure(cellOf(series.total), series.total, series.label, () => table.explain(series))}</td>
    <td class="right">${series.share === null ? "–" : format.percent(series.share)}</td>
   </tr>`)}</tbody>
   <tfoot><tr>
    <th scope="row">${t5("explore.total")}</th><td class="narrow-hidden"></td>
    <td class="right" data-figure="table-total" data-value=${data.total}>${figure(cellOf(data.total), data.total, t5("explore.total"), table.explainTotal)}</td>
    <td></td>
   </tr>${data.line === null ? A : b2`<tr class="proven"><td colspan="4">${renderLine(context, data.line, table)}</td></tr>`}</tfoot>
  </table></div>
  ${data.series.length > 1 && data.series.every(({ share }) => share === null) ? b2`<p class="note">${t5("explore.notAdded")}</p>` : A}
 </section>`;
}
function renderOnly(context, table, series) {
 let changes = table.only(series);
 if (changes === null) return A;
 let text = context.t("explore.only", { value: series.label });
 return b2` <button class="button is-bare is-icon only controls" type="button" title=${text} aria-label=${text}
  @click=${() => table.change(changes)}>${icon("filter")}</button>`;
}
function renderLine({ t: t5 }, line, table) {
 let text = line.equals ? t5(table.isWhole ? "explore.equalsInvoice" : "explore.equalsLine") : t5(table.isWhole ? "explore.differsInvoice" : "explore.differsLine", { value: table.print(line.quantity) });
 return b2`<button class="figure ${line.equals ? "is-equal" : "is-unequal"}" type="button" data-equals=${line.equals}
  @click=${() => table.openLine(line.href)}>${line.equals ? icon("check") : icon("warning")} ${text}</button>`;
}
function unitOf(unit) {
 return unit === "" ? A : b2`<span class="unit"> · ${unit}</span>`;
}
function bucketTable(context, data, model, unit, explain) {
 let { t: t5, format } = context, hasTotal = data.series.length > 1, cell = (value, index, key, name) => b2`<td class="right">
  ${value === null ? "–" : figure(unit === "" ? model.print(value) : format.decimal(value), value, `${name}, ${model.buckets[index]?.full ?? ""}`, () => explain(index, key))}</td>`;
 return b2`<div class="scroll" role="region" tabindex="0" aria-label=${model.name}><table class="buckets">
  <thead><tr>
   <th scope="col">${t5("explore.start")}${unitOf(unit)}</th>
   ${model.series.map((series) => b2`<th scope="col" class="right">${swatch(series.look)}${series.label}</th>`)}
   ${hasTotal ? b2`<th scope="col" class="right">${t5("explore.total")}</th>` : A}
   ${data.compare === null ? A : b2`<th scope="col" class="right">${t5("explore.previous")}</th>`}
  </tr></thead>
  <tbody>${model.buckets.map((bucket, index) => b2`<tr data-bucket=${bucket.key}>
   <th scope="row">${bucket.full}</th>
   ${model.series.map((series) => cell(series.values[index] ?? null, index, series.key, series.label))}
   ${hasTotal ? cell(data.totals[index] ?? null, index, null, t5("explore.total")) : A}
   ${data.compare === null ? A : cell(model.previous?.[index] ?? null, index, null, t5("explore.previous"))}
  </tr>`)}</tbody>
 </table></div>`;
}

// src/views/explorer.ts
var UNNAMED = "~", WINDOWS = ["hour", "day", "week", "month"], MeterlineExplorer = class extends MeterlineView {
 constructor() {
  super();
  this.meters = new Resource(this, () => this.isOpen ? { path: "meters" } : null, { onProblem: this.onProblem });
  this.explored = new Resource(this, () => this.wanted(), { onProblem: this.onProblem });
  this.explained = null, this.isSheetOpen = !1;
 }
 static {
  this.styles = MeterlineElement.stylesWith(explorer_default);
 }
 static {
  this.properties = {
   explained: { state: !0 },
   isSheetOpen: { state: !0 }
  };
 }
 unit(_context, _data) {
  return "";
 }
 get hasAnyProperty() {
  return !1;
 }
 renderPage(context) {
  let { t: t5 } = context, period = this.period;
  if (period === void 0) return emptyState(t5("explore.empty"), t5("explore.emptyText"));
  let choices = this.choices();
  return b2`
   ${heading({
   title: t5(`view.${this.view}`),
   freshness: this.renderFreshness(this.explored, this.chosenPeriods(context, choices.span).every(({ state }) => state === "final")),
   period: periodSwitch(context, period, (billingPeriod) => this.change({ billingPeriod }))
  })}
   <div class="bar controls">
    <div class="choices">${this.renderChoices(context, choices)}</div>
    <button class="button sheet-opener" type="button" @click=${() => this.isSheetOpen = !0}>
     ${icon("sliders")}${t5("explore.choices")}</button>
    <span class="break"></span>
    ${this.renderFilters(context)}
    <span class="spacer"></span>
    <span class="note" role="status">${this.notice}</span>
    ${renderActions(context, this.actions())}
   </div>
   ${this.renderResource(context, this.explored, [20, 36, 220, 24, 24, 24], (data) => this.renderExplored(context, data, choices))}
   ${this.renderExplained(context)}
   <meterline-drawer heading=${t5("explore.choices")} close-text=${t5("explore.close")} .isOpen=${this.isSheetOpen}
    @drawer-close=${() => this.isSheetOpen = !1}>
    ${this.isSheetOpen ? b2`<div class="reset sheet">${this.renderChoices(context, choices)}
     ${this.renderFilters(context)}</div>` : A}
   </meterline-drawer>`;
 }
 change(changes) {
  super.change({ bucket: null, series: null, behind: null, ...changes });
 }
 choices() {
  let floor = WINDOWS.indexOf(this.context?.session.windowMin ?? "hour"), span = SPANS.find((each) => each === this.choice("span")) ?? "1", windows = WINDOWS.filter((window, index) => index >= floor && !(window === "hour" && span !== "1")), wished = this.choice("window"), usual = span === "1" ? "day" : span === "3" ? "week" : "month";
  return {
   windows,
   span,
   window: windows.find((window) => window === wished) ?? windows.find((window) => window === usual) ?? "month",
   chart: CHART_KINDS.find((kind) => kind === this.choice("chart")) ?? (this.choice("chart") === "table" ? "table" : "bars"),
   groupBy: this.choice("groupBy") || this.usualGroup,
   isCompared: this.choice("compare") !== "none"
  };
 }
 get usualGroup() {
  return "";
 }
 query() {
  let own = this.ownQuery(), period = this.period;
  if (!this.isOpen || own === null || period === void 0) return null;
  let { window, span, groupBy, isCompared } = this.choices();
  return {
   ...own,
   ...this.range(span),
   window,
   groupBy: groupBy || null,
   filter: this.state.all("filter"),
   compare: isCompared ? "previous" : null
  };
 }
 explain(explained) {
  this.explained = { ...explained, fresh: this.explored.data };
 }
 wanted() {
  let query = this.query();
  return query === null ? null : { path: this.path, query };
 }
 range(span) {
  let { context, period } = this;
  if (context === null || period === void 0) return {};
  let first = this.chosenPeriods(context, span).at(-1);
  return span === "1" || first === void 0 ? { billingPeriod: period.billingPeriod } : { from: context.format.localDate(first.start), until: context.format.localDate(period.end) };
 }
 chosenPeriods({ periods }, span) {
  let index = this.period === void 0 ? -1 : periods.indexOf(this.period);
  return index < 0 ? [] : periods.slice(index, index + Number(span));
 }
 renderChoices(context, choices) {
  return renderChoices(context, choices, this.groups(context), this.renderOwnChoices(context), (changes) => this.change(changes));
 }
 renderFilters(context) {
  return renderFilters(context, this.state.all("filter"), this.properties(), this.hasAnyProperty, (changes) => this.change(changes));
 }
 actions() {
  return {
   path: this.path,
   query: this.query(),
   page: `/${this.path}?${this.state.toString()}`,
   say: (text) => this.notice = text,
   onProblem: this.onRefused,
   show: (query) => this.change(replacing(this.state.toString(), query))
  };
 }
 renderExplored(context, answer, choices) {
  let { t: t5 } = context, data = this.named(context, answer), hasFilters = this.state.all("filter").length > 0;
  if (data.buckets.length === 0 || !data.eventCount && data.totals.every((total) => total === null)) {
   let clear = b2`<button class="button controls" type="button" @click=${() => this.change({ filter: null, item: null })}>${t5("explore.clear")}</button>`;
   return emptyState(t5("explore.empty"), t5(hasFilters ? "explore.emptyFiltered" : "explore.emptyText"), hasFilters ? clear : A);
  }
  let model = this.model(context, data), open2 = (event) => this.openBucket(context, data, event.detail);
  return b2`
   ${this.renderKpis(context, data)}
   <section class="card">
    <div class="card-head"><h2 class="card-title">${model.name}</h2>
     <span class="hint">${t5("period.days", { zone: context.words.zone(data.timeZone) })}</span><span class="spacer"></span>
     ${choices.chart === "bars" || choices.chart === "line" ? this.renderLegend(context, data) : A}</div>
    ${choices.chart === "table" ? bucketTable(context, data, model, this.unit(context, data), (index, series) => this.openBucket(context, data, { index, series })) : b2`<meterline-chart kind=${choices.chart} .model=${model} @bucket-open=${open2}></meterline-chart>`}
   </section>
   ${this.renderExtra(context, data)}
   ${seriesTable(context, data, {
   print: (value) => this.print(context, data, value),
   unit: this.unit(context, data),
   heading: data.groupBy === null ? data.label : this.groupText(context, data.groupBy),
   valueHeading: t5(this.view === "cost" ? "explore.amount" : "explore.quantity"),
   isWhole: this.view === "cost" && this.state.all("item").length === 0,
   only: (series) => this.only(data, series),
   change: (changes) => this.change(changes),
   explain: (series) => this.explainSeries(context, data, series),
   explainTotal: () => this.explainTotal(context, data),
   openLine: (href) => this.openPath(href)
  })}`;
 }
 named(context, data) {
  let { t: t5 } = context, isCost = this.view === "cost", label = isCost ? t5("view.cost") : data.label, series = data.series.map((each) => each.isOther ? { ...each, label: t5("explore.other") } : !isCost || each.key !== "" || each.label === "–" ? each : { ...each, label: data.groupBy === null ? label : t5("explore.notBy", { property: this.groupText(context, data.groupBy) }) });
  return { ...data, label, series };
 }
 groupText(context, groupBy) {
  return groupBy === "item" ? context.t("invoice.item") : context.words.property(groupBy);
 }
 model(context, data) {
  let { t: t5, format } = context, { window } = data;
  return {
   name: t5(`by.${window}`, { what: data.label }),
   keysHint: t5("explore.chartKeys"),
   totalText: t5("explore.total"),
   previousText: t5("explore.previous"),
   buckets: data.buckets.map(({ start, end }) => ({
    key: format.bucketKey(start, window),
    label: axisLabel(context, start, window, data.buckets.length),
    full: bucketName(context, { start, end }, window),
    ...heatPlace(context, start, window)
   })),
   rows: window === "day" ? format.weekdays() : [],
   series: data.series.map((series, index) => ({
    key: series.key,
    label: series.label,
    look: lookOf(index, series.isOther),
    values: series.values
   })),
   totals: data.totals,
   previous: data.compare === null ? null : data.buckets.map((_2, index) => previousAt(data, index)?.value ?? null),
   print: (value) => this.print(context, data, value),
   tick: (value) => this.tick(context, data, value)
  };
 }
 renderKpis(context, data) {
  let { t: t5, format } = context, { compare } = data, isOpen = this.period?.state === "open", before = compare?.samePoint ?? null, first = data.series.find(({ isOther }) => !isOther), title = t5(isOpen ? "explore.soFar" : "explore.inAll", { what: data.label });
  return b2`<dl class="card kpis">
   <div class="kpi"><dt>${title}</dt>
    <dd class="big" data-figure="total">${figure(this.print(context, data, data.total), data.total, title, () => this.explainTotal(context, data))}</dd>
    <dd class="small">${format.period(data.period.start, data.period.end)}</dd></div>
   ${compare === null ? A : b2`<div class="kpi"><dt>${t5(before === null ? "explore.changeWhole" : "explore.change")}</dt>
    <dd class="big">${compare.change === null ? "–" : changeOf(context, compare.change)}</dd>
    <dd class="small">${before === null ? t5("explore.was", { total: this.print(context, data, compare.total) }) : t5("explore.wasDays", { total: this.print(context, data, before.total), days: before.days })}</dd></div>`}
   ${data.eventCount === null ? A : this.renderEvents(context, data, String(data.eventCount))}
   ${data.series.length < 2 || first === void 0 ? A : b2`<div class="kpi"><dt>${t5("explore.largest", { name: first.label })}</dt>
    <dd class="big">${figure(this.print(context, data, first.total), first.total, first.label, () => this.explainSeries(context, data, first))}</dd>
    <dd class="small">${first.share === null ? "" : t5("explore.shareOf", { share: format.percent(first.share) })}</dd></div>`}
  </dl>`;
 }
 renderEvents(context, data, count) {
  let { t: t5, format } = context, shown = figure(format.decimal(count), count, t5("explore.events"), () => this.explainEvents(context, data, count));
  return b2`<div class="kpi"><dt>${t5("explore.events")}</dt>
   <dd class="big">${shown}</dd><dd class="small">${t5("explore.eventsHint")}</dd></div>`;
 }
 renderLegend(context, data) {
  return b2`<ul class="legend">
   ${data.series.length < 2 ? A : data.series.map((series, index) => b2`<li>${swatch(lookOf(index, series.isOther))}${series.label}</li>`)}
   ${data.compare === null || data.buckets.length > 120 ? A : b2`<li><span class="dash"></span>${context.t("explore.previous")}</li>`}
  </ul>`;
 }
 explainTotal(context, data) {
  let { t: t5, format } = context;
  this.explain({
   title: data.label,
   text: this.print(context, data, data.total),
   sentence: t5("explore.explainTotal", { period: format.period(data.period.start, data.period.end), zone: context.words.zone(data.timeZone) }),
   rows: [
    ...data.series.map((series) => [series.label, this.print(context, data, series.total)]),
    ...data.eventCount === null ? [] : [[t5("explore.events"), format.decimal(String(data.eventCount))]]
   ],
   action: this.lineAction(context, data)
  });
 }
 explainEvents(context, data, count) {
  let { t: t5, format } = context;
  this.explain({
   title: t5("explore.events"),
   text: format.decimal(count),
   sentence: t5("explore.explainEvents", { period: format.period(data.period.start, data.period.end) }),
   rows: [],
   action: this.lineAction(context, data)
  });
 }
 explainSeries(context, data, series) {
  let period = periodName(context.format, data.period);
  this.explain({
   title: series.label,
   text: this.print(context, data, series.total),
   sentence: context.t("explore.explainSeries", { series: series.label, period }),
   rows: series.share === null ? [] : [[context.t("explore.share"), context.format.percent(series.share)]],
   action: this.lineAction(context, data)
  });
 }
 openBucket({ format }, data, { index, series }) {
  let bucket = data.buckets[index];
  bucket !== void 0 && this.change({ bucket: format.bucketKey(bucket.start, data.window), series: series === "" ? UNNAMED : series });
 }
 renderExplained(context) {
  let close = () => {
   this.explained = null, this.change({ bucket: null, series: null });
  };
  return explainedDrawer(context, this.explained ?? this.openedBucket(context) ?? this.openedBesides(context), close);
 }
 openedBesides(_context) {
  return null;
 }
 openedBucket(context) {
  let data = this.explored.data === null ? null : this.named(context, this.explored.data), key = this.state.get("bucket"), index = data === null || key === "" ? -1 : data.buckets.findIndex(({ start }) => context.format.bucketKey(start, data.window) === key), bucket = data?.buckets[index];
  if (data === null || bucket === void 0) return null;
  let opened2 = this.state.get("series"), series = data.series.length < 2 ? void 0 : data.series.find(({ key: own }) => (own || UNNAMED) === opened2), value = (series === void 0 ? data.totals[index] : series.values[index]) ?? "0", name = bucketName(context, bucket, data.window);
  return {
   title: series === void 0 ? name : `${series.label} · ${name}`,
   text: this.print(context, data, value),
   sentence: this.bucketSentence(context, bucket),
   rows: this.bucketRows(context, data, index),
   more: this.renderBehind(context, data, bucket, series),
   action: this.lineAction(context, data),
   fresh: data
  };
 }
 renderBehind(context, data, bucket, series) {
  let behind = context.session.views.includes("usage") ? this.behind(context, data, series) : null, query = this.query();
  if (behind === null || query === null) return;
  let asked = { ...query, item: null, groupBy: null, compare: null, meter: behind.meter, filter: behind.filter, bucket: bucket.start };
  return b2`${behind.choice ?? A}<meterline-bucket .context=${context} .query=${asked}></meterline-bucket>`;
 }
 bucketSentence(context, { start, end }) {
  let { t: t5, format } = context;
  return t5(this.view === "cost" ? "explore.explainCost" : "explore.explainBucket", { start: format.moment(start), end: format.moment(end) });
 }
 bucketRows(context, data, index) {
  let rows = data.series.flatMap((series) => {
   let value = series.values[index] ?? null;
   return value === null ? [] : [[series.label, this.print(context, data, value)]];
  }), previous = previousAt(data, index);
  if (previous === null) return rows;
  let name = bucketName(context, previous.bucket, data.window);
  return [...rows, [context.t("explore.previousOf", { bucket: name }), this.print(context, data, previous.value)]];
 }
 lineAction(context, data) {
  let href = data.line?.href;
  return href === void 0 ? void 0 : { text: context.t("explore.openLine"), run: () => this.openPath(href) };
 }
 openPath(href) {
  let [path = "", query = ""] = href.split("?", 2);
  this.navigate(path, query);
 }
};
function previousAt({ compare }, index) {
 let place2 = compare?.aligned[index] ?? null;
 if (compare === null || place2 === null) return null;
 let [bucket, value] = [compare.buckets[place2], compare.totals[place2] ?? null];
 return bucket === void 0 || value === null ? null : { bucket, value };
}
function bucketName({ format }, bucket, window) {
 return window === "month" ? periodName(format, bucket) : format.bucketInFull(bucket.start, bucket.end, window);
}
function replacing(old, next) {
 let params = new URLSearchParams(next), changes = {};
 for (let name of new URLSearchParams(old).keys()) changes[name] = null;
 for (let name of params.keys()) changes[name] = params.getAll(name);
 return changes;
}
function axisLabel({ format }, start, window, count) {
 return window !== "hour" || count <= 48 ? format.bucket(start, window) : format.hour(start) === "00" ? format.day(start) : "";
}
function heatPlace(context, start, window) {
 let { format } = context;
 return window === "hour" ? { row: format.day(start), column: format.hour(start) } : window === "day" ? format.weekPlace(start) : { row: "", column: format.bucket(start, window) };
}

// src/views/cost.ts
var MeterlineCost = class extends MeterlineExplorer {
 constructor() {
  super(...arguments);
  this.view = "cost";
  this.path = "cost";
 }
 get usualGroup() {
  return "item";
 }
 ownQuery() {
  return { item: this.state.all("item") };
 }
 groups({ t: t5, words }) {
  return [
   ["item", t5("explore.groupItem")],
   ...this.properties().map((name) => [name, t5("explore.groupBy", { property: words.property(name) })])
  ];
 }
 print({ format }, data, value) {
  return format.money(value, data.currency);
 }
 tick({ format }, data, value) {
  return format.tick(value, data.currency);
 }
 renderOwnChoices(context) {
  let items = this.state.all("item"), { t: t5, words } = context;
  return b2`${items.map((item) => b2`<span class="chip is-removable">${words.item(item)}<button type="button"
   aria-label=${t5("explore.filterRemove", { filter: words.item(item) })}
   @click=${() => this.change({ item: items.filter((each) => each !== item) })}>${icon("close")}</button></span>`)}`;
 }
 renderExtra(context, data) {
  let { t: t5, format } = context, prices = data.unitPrices.filter((price) => price !== null), last = prices.at(-1);
  if (prices.length < 2 || last === void 0) return A;
  let text = format.money(last, data.currency), explain = () => this.explain({
   title: t5("explore.unitPrice"),
   text,
   sentence: t5("explore.unitPriceHint"),
   rows: data.buckets.flatMap(({ start, end }, index) => {
    let price = data.unitPrices[index] ?? null;
    return price === null ? [] : [[format.bucketInFull(start, end, data.window), format.money(price, data.currency)]];
   })
  });
  return b2`<section class="card card-head">
   <h2 class="card-title">${t5("explore.unitPrice")}</h2><span class="hint">${t5("explore.unitPriceHint")}</span>
   <span class="spacer"></span>${spark(data.unitPrices, "s1")}${figure(text, last, t5("explore.unitPrice"), explain)}
  </section>`;
 }
 only(data, series) {
  return series.isOther || series.key === "" || data.series.length < 2 ? null : data.groupBy === "item" ? { item: [series.key] } : data.groupBy === null ? null : { filter: [...this.state.all("filter"), `${data.groupBy}:${series.key}`] };
 }
 behind({ t: t5 }, data, series) {
  let isItem = data.groupBy === "item" && series !== void 0, names = [...new Set(isItem ? [data.meters[series.key] ?? ""] : Object.values(data.meters))].filter((name) => name !== "").sort(), meters = (this.meters.data ?? []).filter(({ name }) => names.includes(name)), meter = meters.find(({ name }) => name === this.state.get("behind")) ?? meters[0];
  if (meter === void 0 || !isItem && series?.key === "") return null;
  let isGroup = !isItem && data.groupBy !== null && series !== void 0 && !series.isOther, filter = [...this.state.all("filter"), ...isGroup ? [`${data.groupBy}:${series.key}`] : []].filter((each) => meter.groupBy.includes(each.slice(0, each.indexOf(":"))));
  if (meters.length < 2) return { meter: meter.name, filter };
  let { bucket, series: key } = { bucket: this.state.get("bucket"), series: this.state.get("series") }, options = meters.map(({ name, label }) => [name, label]), change = (behind) => this.change({ behind, bucket, series: key });
  return { meter: meter.name, filter, choice: b2`<label class="behind">${t5("bucket.meter")} ${choose(t5("bucket.meter"), options, meter.name, change)}</label>` };
 }
 properties() {
  return [...new Set((this.meters.data ?? []).flatMap(({ groupBy }) => groupBy))].sort();
 }
};
define("meterline-cost", MeterlineCost);

// src/parts/proof.ts
function proofBadge({ verification, isChecking, t: t5, ask, proven, hint, check }) {
 return verification === null ? b2`<div class="badge-box">${hint === void 0 ? A : b2`<p class="hint">${hint}</p>`}
   <button class="button" type="button" ?disabled=${isChecking} @click=${check}>${isChecking ? t5("explain.checking") : ask}</button></div>` : verification.ok ? b2`<div class="verdict is-proven" role="status" data-proof="ok">${icon("check")}<p><b>${t5("explain.proven")}</b> ${proven}
    ${verification.digest === null ? A : b2`<span class="mono">${shortDigest(verification.digest)}</span>`}</p></div>` : b2`<div class="verdict is-broken" role="alert" data-proof="broken">${icon("warning")}<div><b>${t5("explain.broken")}</b>
    <ul>${verification.problems.map((problem) => b2`<li>${problem}</li>`)}</ul></div></div>`;
}
function shortDigest(digest) {
 return digest.length > 16 ? `${digest.slice(0, 6)}…${digest.slice(-4)}` : digest;
}

// src/styles/invoice.css
var invoice_default = `.sheets { display: grid; grid-template-columns: minmax(0, 3fr) minmax(340px, 2fr); gap: 16px; align-items: start; }
.paper { position: sticky; top: 16px; padding: 32px 36px; }
.actions { display: inline-flex; flex-wrap: wrap; gap: 8px; }
.paper-head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 8px 24px; margin-bottom: 28px; }
.seller { font: 650 16px/1.4 var(--_font); }
.paper th .small { display: block; }
.paper th .paper-only { display: none; }
.total { font: 650 18px/1.3 var(--_font); }
.paper .note { margin-top: 16px; }
.paper .note + .note { margin-top: 4px; }
tr.is-chosen > * { background: var(--_tint); }
tr.is-chosen .small, tr.is-chosen .unit { color: var(--_text); }
tr.is-chosen > :first-child { box-shadow: inset 3px 0 0 var(--_accent); padding-left: 10px; }
.pending { margin-top: 24px; padding: 12px 16px 4px; border: 1px dashed var(--_line-strong); border-radius: var(--_radius-control); }
.back { display: inline-flex; align-items: center; gap: 4px; padding: 0; border: 0; background: none; color: var(--_text-2); font-size: 13px; cursor: pointer; }
.back:hover { color: var(--_accent); }
.back .icon { width: 12px; height: 12px; }
.panel-head { display: flex; align-items: baseline; justify-content: space-between; gap: 12px; margin-bottom: 12px; }
.proof { display: grid; gap: 12px; margin-top: 20px; padding-top: 12px; border-top: 1px solid var(--_line); font-size: 11px; color: var(--_text-2); }
.proof dl { display: grid; gap: 2px; }
.proof dl > div { display: grid; grid-template-columns: 52px minmax(0, 1fr); gap: 8px; }

.badge-box { display: grid; gap: 8px; justify-items: start; }
.verdict { display: flex; gap: 12px; align-items: flex-start; padding: 12px 14px; border: 1px solid; border-radius: var(--_radius-control); font-size: 13px; }
.verdict .icon { margin-top: 2px; stroke-width: 2; }
.verdict > :last-child { color: var(--_text); }
.is-proven { color: var(--_positive); background: color-mix(in oklab, var(--_positive) 8%, var(--_surface)); }
.is-broken { color: var(--_negative); background: color-mix(in oklab, var(--_negative) 8%, var(--_surface)); }
.is-broken li { margin-top: 4px; }

@container (max-width: 900px) {
 .sheets { grid-template-columns: minmax(0, 1fr); }
 .paper { position: static; }
}

@container (max-width: 560px) {
 .paper { padding: 20px 16px; }
 .paper-head .right { text-align: left; }
 .paper td .unit { display: block; }
}

@media print {
 .sheets { display: block; }
 .paper { position: static; padding: 0; }
 .paper th .paper-only { display: block; }
 tr { break-inside: avoid; }
 tr.is-chosen > * { background: none; box-shadow: none; padding-left: 0; }
}

.compared .small { display: block; font-weight: 400; }
.compared td, .compared th { vertical-align: top; }

/* Three columns of figures have room on a phone when the name stands above them. */
@container (max-width: 560px) {
 .compared tr { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); }
 .compared th:first-child { grid-column: 1 / -1; padding-bottom: 0; }
 .compared td { border-top: 0; white-space: normal; padding-inline: 0 4px; }
 .compared tfoot td { border-top: 0; }
 .compared thead th { padding-inline: 0 4px; white-space: normal; }
}

@container (max-width: 340px) {
 .paper { padding: 16px 10px; }
 .paper th, .paper td { padding-inline: 3px; }
}
.below { display: block; }
`;

// src/views/comparison.ts
var MeterlineComparison = class extends MeterlineElement {
 constructor() {
  super();
  this.onProblem = (problem) => this.report(problem);
  this.comparison = new Resource(this, () => this.wanted, { isKept: !1, onProblem: this.onProblem });
  this.context = null, this.wanted = null, this.explained = null;
 }
 static {
  this.styles = MeterlineElement.stylesWith(invoice_default);
 }
 static {
  this.properties = {
   context: { attribute: !1 },
   wanted: { attribute: !1 },
   explained: { state: !0 }
  };
 }
 render() {
  let { context, comparison } = this;
  if (context === null || this.wanted === null) return A;
  let body2 = comparison.data !== null ? this.renderComparison(context, comparison.data) : comparison.problem !== null ? problemState(context.t, comparison.problem, context, () => comparison.refresh()) : skeleton(context.t, [24, 24, 24, 24, 28]);
  return b2`<div class="reset">${body2}${explainedDrawer(context, this.explained, () => this.explained = null)}</div>`;
 }
 renderComparison(context, data) {
  let { t: t5, format } = context, { left, right, currency } = data, total = (value, text, name) => figure(text, value, name, () => this.explainTotal(context, data));
  return b2`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${t5("compare.title")}>
   <table class="compared">
    <thead><tr><th scope="col">${t5("invoice.item")}</th><th scope="col" class="right">${nameOf(context, left)}</th>
     <th scope="col" class="right">${nameOf(context, right)}</th><th scope="col" class="right">${t5("compare.difference")}</th></tr></thead>
    <tbody>${data.items.map((item) => this.renderItem(context, data, item))}</tbody>
    <tfoot><tr><th scope="row">${t5("invoice.total")}</th>
     <td class="right" data-figure="left">${total(left.total, format.money(left.total, currency), titleOf(context, left))}</td>
     <td class="right" data-figure="right">${total(right.total, format.money(right.total, currency), titleOf(context, right))}</td>
     <td class="right" data-figure="difference"><span class=${lookOf3(data.totalChange)}>
      ${total(data.totalChange, format.moneyChange(data.totalChange, currency), t5("compare.difference"))}</span>
      <span class="small">${changeOf(context, data.change)}</span></td>
    </tr></tfoot>
   </table></div></section>`;
 }
 renderItem(context, data, item) {
  let { t: t5, format, words } = context, explain = () => this.explainItem(context, data, item), name = item.kind === "adjustment" ? `${item.label} · ${t5("invoices.adjusted")}` : item.label, side = (shown) => b2`<td class="right">${shown === null ? "–" : b2`
   ${figure(format.money(shown.amount, data.currency), shown.amount, name, explain)}
   ${isUncounted(item) ? A : b2`<span class="small" data-value=${shown.quantity}>${words.quantity(shown.quantity, item.unit)}</span>`}
   ${shown.unitPrice === null ? A : b2`<span class="small" data-value=${shown.unitPrice}>× ${format.money(shown.unitPrice, data.currency)}</span>`}`}</td>`;
  return b2`<tr data-item=${item.item} data-kind=${item.kind}>
   <th scope="row">${name}</th>${side(item.left)}${side(item.right)}
   <td class="right"><span class=${lookOf3(item.amountChange)}>${figure(format.moneyChange(item.amountChange, data.currency), item.amountChange, name, explain)}</span>
    ${item.quantityChange === null ? A : b2`<span class="small" data-value=${item.quantityChange}>
     ${format.change(item.quantityChange)} ${words.unit(item.unit, item.quantityChange)}</span>`}
    ${item.unitPriceChange === null ? A : b2`<span class="small" data-value=${item.unitPriceChange}>${format.moneyChange(item.unitPriceChange, data.currency)}</span>`}</td>
  </tr>`;
 }
 explainItem(context, data, item) {
  let { t: t5, format, words } = context, rows = [[data.left, item.left], [data.right, item.right]].flatMap(([invoice, side]) => side === null ? [] : [
   [titleOf(context, invoice), format.money(side.amount, data.currency)],
   ...isUncounted(item) ? [] : [[t5("explore.quantity"), words.quantity(side.quantity, item.unit)]],
   ...side.unitPrice === null ? [] : [[t5("explore.unitPrice"), format.money(side.unitPrice, data.currency)]]
  ]);
  this.explained = { title: item.label, text: format.moneyChange(item.amountChange, data.currency), sentence: t5("compare.explainItem"), rows, fresh: data };
 }
 explainTotal(context, data) {
  let { t: t5, format } = context;
  this.explained = {
   title: t5("compare.difference"),
   text: format.moneyChange(data.totalChange, data.currency),
   sentence: t5("compare.explainTotal"),
   rows: data.items.map((item) => [item.label, format.moneyChange(item.amountChange, data.currency)]),
   fresh: data
  };
 }
};
function titleOf({ t: t5, format }, { number, period }) {
 return number ?? `${t5("invoice.draft")} ${periodName(format, period)}`;
}
function nameOf(context, shown) {
 return b2`${shown.number ?? context.t("invoice.draft")}<span class="small">${periodName(context.format, shown.period)}</span>`;
}
function lookOf3(change) {
 return isZero(change) ? "" : isNegative(change) ? "down" : "up";
}
function isUncounted({ kind }) {
 return kind === "fixed" || kind === "discount" || kind === "agreed" || kind === "credit";
}
define("meterline-comparison", MeterlineComparison);

// src/parts/prices.ts
function priceInWords(context, item, currency) {
 let { t: t5, format, words } = context, money = (amount) => format.money(amount ?? "0", currency), quantity = (value) => words.quantity(value ?? "1", item.unit), unit = item.unit === "" ? t5("price.unit") : words.unit(item.unit, "1"), said = item.included === null ? [] : [t5("price.included", { included: quantity(item.included) })];
 item.perKey.length > 0 && said.unshift(t5("price.perKey", { names: item.perKey.join(", ") })), item.calendar !== "" && said.push(`${item.calendar}.`), item.isEachEvent && said.push(t5("price.eachEvent")), item.isTogether && said.push(t5("price.together"));
 let fee = ({ flat }) => flat === null ? "" : t5("price.fee", { fee: money(flat) });
 switch (item.model) {
  case "fixed":
   said.push(t5("price.fixed", { amount: money(item.amount) }));
   break;
  case "perUnit":
   said.push(t5(isZero(item.unitPrice ?? "0") ? "price.freeUnit" : item.included === null ? "price.perUnit" : "price.perFurther", { unit, price: money(item.unitPrice) }));
   break;
  case "package":
   said.push(t5("price.package", { size: quantity(item.blockSize), price: money(item.amount) }));
   break;
  case "graduated":
   said.push(...item.tiers.map((tier, index) => t5(sliceOf(tier, index), { unit, price: money(tier.unitPrice), upTo: quantity(tier.upTo) }) + fee(tier) + "."));
   break;
  case "volume":
  case "stairstep": {
   let isVolume = item.model === "volume", bounds = item.tiers.map((tier) => t5(tier.upTo === null ? "price.beyond" : "price.upTo", {
    upTo: quantity(tier.upTo),
    price: isZero((isVolume ? tier.unitPrice : tier.flat) ?? "0") ? t5("price.free") : isVolume ? t5("price.each", { price: money(tier.unitPrice) }) : money(tier.flat)
   }) + (isVolume ? fee(tier) : ""));
   said.push(t5(`price.${item.model}`, { tiers: bounds.join("; ") }));
   break;
  }
  case "percentage":
  case "costPlus":
   said.push(t5(`price.${item.model}`, { percent: format.decimal(item.percent ?? "0") }));
   break;
  case "dynamic":
   said.push(t5(item.factor === "1" ? "price.dynamic" : "price.dynamicTimes", { factor: format.decimal(item.factor ?? "1") }));
   break;
  case "formula":
   said.push(t5("price.formula", { formula: item.formula }));
   break;
  case "matrix":
   said.push(...item.rows.map(({ values, price }) => `${values === "" ? t5("price.otherwise") : values}: ${priceInWords(context, price, currency)}`));
   break;
  case "graduatedPercentage": {
   let shares = item.tiers.map((tier) => t5(tier.upTo === null ? "price.beyond" : "price.upTo", {
    upTo: quantity(tier.upTo),
    price: isZero(tier.percent ?? "0") ? t5("price.free") : t5("price.percent", { percent: format.decimal(tier.percent ?? "0") })
   }) + fee(tier));
   said.push(t5("price.graduatedPercentage", { tiers: shares.join("; ") }));
  }
 }
 return item.eventFee !== null && said.push(t5(item.freeEvents === null ? "price.eventFee" : "price.eventFeeBeyond", { fee: money(item.eventFee), free: format.decimal(item.freeEvents ?? "0") })), item.eventMinimum !== null && said.push(t5("price.eventMinimum", { amount: money(item.eventMinimum) })), item.eventMaximum !== null && said.push(t5("price.eventMaximum", { amount: money(item.eventMaximum) })), item.times !== null && said.push(t5("price.times", { times: format.decimal(item.times) })), item.maximum !== null && said.push(t5("price.maximum", { maximum: money(item.maximum) })), item.minimum !== null && said.push(t5("price.minimum", { minimum: money(item.minimum) })), said.join(" ");
}
function sliceOf({ upTo, unitPrice }, index) {
 return isZero(unitPrice ?? "0") ? upTo === null ? "price.freeRest" : index === 0 ? "price.freeFirst" : "price.freeSlice" : upTo === null ? index === 0 ? "price.perUnitSlice" : "price.sliceRest" : index === 0 ? "price.sliceFirst" : "price.slice";
}
function stepsInWords(context, steps, tiers, price, unit, currency) {
 let { t: t5, format, words } = context, priced = [...tiers], isInRows = tiers.some(({ row: row2 }) => row2 !== "");
 return steps.map((step) => {
  let money = step.value.includes("/") ? `${step.value} ${currency}` : format.money(step.value, currency);
  switch (step.name) {
   case "quantity":
    return { ...step, text: t5("step.quantity"), shown: words.quantity(step.value, unit) };
   case "billable":
    return { ...step, text: t5("step.billable"), shown: words.quantity(step.value, unit) };
   case "converted":
    return { ...step, text: t5("step.converted"), shown: words.quantity(step.value, price?.unit ?? unit) };
   case "read":
    return { ...step, shown: format.decimal(step.value) };
   case "row":
    return { ...step, shown: words.quantity(step.value, unit) };
   // Of which row it is taken stands in the portal's own words.
   case "included":
    return isInRows ? { ...step, shown: words.quantity(step.value, price?.unit ?? unit) } : { ...step, text: t5("step.included", { included: words.quantity(price?.included ?? "0", price?.unit ?? unit) }), shown: words.quantity(step.value, price?.unit ?? unit) };
   // Its name, and how much: "Start: 500 off, 400 remain". What each row keeps of it stands in the portal's own words.
   case "usage_discount":
    return { ...step, text: step.text.includes(" off, ") ? `${t5("step.discount")} (${step.text.replace(/ off, .*$/, "")})` : step.text, shown: words.quantity(step.value, price?.unit ?? unit) };
   case "package":
   case "tier": {
    let tier = priced.shift();
    if (tier === void 0) return { ...step, shown: money };
    let blanks = { quantity: format.decimal(tier.quantity), price: format.money(tier.unitPrice, currency), size: words.quantity(price?.blockSize ?? "1", unit) };
    return { ...step, text: (tier.row === "" ? "" : `${tier.row}: `) + t5(`step.${step.name}`, blanks), shown: money };
   }
   case "days":
    return step.days === null || step.ofDays === null ? { ...step, shown: money } : { ...step, text: t5("step.days", { days: step.days, ofDays: step.ofDays }), shown: money };
   case "multiplier":
   case "flat":
   case "maximum":
   case "minimum":
   case "fixed":
   case "base":
   case "total":
    return { ...step, text: t5(`step.${step.name}`), shown: money };
   // Its name, and how much: "Loyal: 10 % off".
   case "discount":
    return { ...step, text: `${t5("step.discount")} (${step.text.replace(/ off$/, "")})`, shown: money };
   default:
    return { ...step, shown: money };
  }
 });
}

// src/parts/stair.ts
function stair(context, tiers, unit, currency) {
 let { t: t5, format, words } = context, top = largest(tiers.map(({ quantity }) => quantity).filter(isDecimal));
 return b2`<ol class="stair">${tiers.map((tier) => {
  let bound = tier.upTo === null ? t5("explain.tierAbove") : t5("explain.tierUpTo", { upTo: words.quantity(tier.upTo, unit) }), flat = tier.flat === null || isZero(tier.flat) ? A : b2` ${t5("plan.tierFlat", { flat: format.money(tier.flat, currency) })}`;
  return b2`<li class=${tier.here ? "is-here" : ""} data-tier=${tier.upTo ?? ""}>
   <span class="bound">${tier.row === "" ? "" : `${tier.row}: `}${bound}${tier.here ? b2` <span class="badge">${t5("explain.tierHere")}</span>` : A}</span>
   <span class="right" data-value=${tier.amount}>${format.money(tier.amount, currency)}</span>
   <span class="small">${format.decimal(tier.quantity)} × ${format.money(tier.unitPrice, currency)}${flat}</span>
   <span class="fill" aria-hidden="true"><span ${place({ width: isDecimal(tier.quantity) ? `${(part(tier.quantity, top) * 100).toFixed(2)}%` : "0%" })}></span></span>
  </li>`;
 })}</ol>`;
}

// src/views/line.ts
var EVENTS_A_PAGE2 = "10", MeterlineLine = class extends MeterlineElement {
 constructor() {
  super();
  this.onProblem = (problem) => this.report(problem);
  this.onRefused = (problem) => {
   this.context !== null && (this.notice = refusal(this.context.t, problem)), this.report(problem);
  };
  this.explanation = new Resource(
   this,
   () => this.line === null ? null : { path: `${this.path}/explain`, query: this.query },
   { isKept: !1, onProblem: this.onProblem }
  );
  this.events = new Pages(
   this,
   () => this.line === null || this.line.meter === "" ? null : { path: `${this.path}/events`, query: { ...this.query, limit: EVENTS_A_PAGE2 } },
   { isKept: !1, onProblem: this.onRefused }
  );
  this.context = null, this.invoice = "", this.query = {}, this.line = null, this.currency = "", this.verification = null, this.isVerifying = !1, this.notice = "";
 }
 static {
  this.styles = MeterlineElement.stylesWith(invoice_default, line_default);
 }
 static {
  this.properties = {
   context: { attribute: !1 },
   invoice: { attribute: !1 },
   query: { attribute: !1 },
   line: { attribute: !1 },
   currency: { attribute: !1 },
   verification: { state: !0 },
   isVerifying: { state: !0 },
   notice: { state: !0 }
  };
 }
 willUpdate(changes) {
  let before = changes.get("line");
  changes.has("line") && before?.id !== this.line?.id && (this.verification = null, this.notice = "");
 }
 render() {
  let { context, explanation } = this;
  if (context === null || this.line === null) return A;
  let found = explanation.data, body2 = found !== null ? this.renderExplanation(context, found) : explanation.problem !== null ? problemState(context.t, explanation.problem, context, () => explanation.refresh()) : skeleton(context.t, [48, 24, 24, 24]);
  return b2`<div class="reset explanation">${body2}</div>`;
 }
 get path() {
  return `${this.invoice}/lines/${encodeURIComponent(this.line?.id ?? "")}`;
 }
 renderExplanation(context, found) {
  let { t: t5, format } = context, { unit, billedBefore } = found.line;
  return b2`
   ${found.price === null ? A : b2`<p class="explained-sentence">${priceInWords(context, found.price, this.currency)}</p>`}
   <section>
    <h3 class="section-title">${t5("explain.steps")}</h3>
    <dl class="rows steps">
     ${stepsInWords(context, found.steps, found.tiers, found.price, unit, this.currency).map((step) => b2`<div data-step=${step.name}><dt>${step.text}</dt>
      <dd data-value=${step.value}>${step.shown}</dd></div>`)}
     ${billedBefore === null ? A : b2`<div><dt>${t5("step.billedBefore")}</dt><dd data-value=${billedBefore}>−${format.money(billedBefore, this.currency)}</dd></div>`}
     <div class="result"><dt>${t5("invoice.amount")}<span class="small">${t5("step.rounded")}</span></dt><dd data-value=${found.line.amount}>${format.money(found.line.amount, this.currency)}</dd></div>
    </dl>
   </section>
   ${found.tiers.length < 2 ? A : b2`<section><h3 class="section-title">${t5("explain.tiers")}</h3>${stair(context, found.tiers, unit, this.currency)}</section>`}
   ${this.renderProof(context, found)}
   ${this.notice === "" ? A : b2`<p class="note" role="status">${this.notice}</p>`}
   ${found.days.length < 2 ? A : b2`<section><h3 class="section-title">${t5("explain.days")}</h3>
    <meterline-chart kind="bars" height="120" .model=${daysModel(context, found)}></meterline-chart></section>`}
   ${found.line.meter === "" ? A : this.renderEvents(context, found)}
   ${found.asOf === "" ? A : b2`<p class="small mono">${t5("explain.asOf", { asOf: found.asOf })}</p>`}`;
 }
 renderProof(context, found) {
  let { t: t5, format } = context;
  if (found.line.meter === "") return b2`<p class="hint">${t5("explain.noEvents")}</p>`;
  if (found.evidence === null) return A;
  let count = String(this.verification?.counted ?? found.eventCount), events = t5(format.plural(count) === "one" ? "invoice.events.one" : "invoice.events.other", { count: format.decimal(count) });
  return b2`<section><h3 class="section-title">${t5("explain.proof")}</h3>${proofBadge({
   verification: this.verification,
   isChecking: this.isVerifying,
   t: t5,
   ask: t5("explain.check"),
   hint: t5("explain.notChecked"),
   proven: t5("explain.provenText", { events }),
   check: () => this.verify()
  })}</section>`;
 }
 renderEvents(context, found) {
  let { t: t5, format } = context, { first, all } = this.events, events = all.flatMap((page) => page.events), total = all[0]?.total ?? found.eventCount;
  return b2`<section>
   <div class="section-head"><h3 class="section-title">${t5("explain.events")}</h3>
    <span class="small">${t5("explain.eventsOf", { shown: format.decimal(String(events.length)), total: format.decimal(String(total)) })}</span></div>
   ${first.problem !== null && first.data === null ? problemState(t5, first.problem, context, () => first.refresh()) : b2`
    ${eventTable(context, events, found.line.unit)}`}
   ${this.events.next === null ? A : b2`<p class="more"><button class="button" type="button" ?disabled=${this.events.isLoading}
    @click=${() => this.events.more()}>${t5("explain.eventsMore")}</button></p>`}
  </section>`;
 }
 async verify() {
  this.isVerifying = !0, await attempted(async () => {
   this.verification = await client.get(`${this.path}/verify`, this.query);
  }, this.onRefused), this.isVerifying = !1;
 }
};
function daysModel(context, found) {
 let { t: t5, format, words } = context;
 return {
  name: t5("explain.days"),
  keysHint: t5("explore.chartKeys"),
  totalText: t5("explore.total"),
  previousText: "",
  buckets: found.days.map(({ window: { start, end } }) => ({
   key: format.bucketKey(start, "day"),
   label: format.bucket(start, "day"),
   full: format.bucketInFull(start, end, "day"),
   row: "",
   column: ""
  })),
  rows: [],
  series: [{ key: found.line.item, label: found.line.label, look: "s1", values: found.days.map(({ quantity }) => quantity) }],
  totals: null,
  previous: null,
  print: (value) => words.quantity(value, found.line.unit),
  tick: (value) => format.tick(value)
 };
}
define("meterline-line", MeterlineLine);

// src/views/invoice.ts
var NARROW_BELOW_PX = 900, MeterlineInvoice = class extends MeterlineView {
 constructor() {
  super();
  this.view = "invoices";
  this.invoice = new Resource(
   this,
   () => this.isOpen && this.number !== "" ? { path: this.path, query: this.query } : null,
   { onProblem: this.onProblem }
  );
  this.observer = new ResizeObserver(([entry]) => this.isNarrow = (entry?.contentRect.width ?? 0) < NARROW_BELOW_PX);
  this.number = "draft", this.isNarrow = !1, this.verification = null, this.isVerifying = !1, this.explained = null;
 }
 static {
  this.styles = MeterlineElement.stylesWith(invoice_default);
 }
 static {
  this.properties = {
   number: {},
   isNarrow: { state: !0 },
   verification: { state: !0 },
   isVerifying: { state: !0 },
   explained: { state: !0 }
  };
 }
 connectedCallback() {
  super.connectedCallback(), this.observer.observe(this);
 }
 disconnectedCallback() {
  super.disconnectedCallback(), this.observer.disconnect();
 }
 willUpdate(changes) {
  super.willUpdate(changes), changes.has("number") && (this.verification = null);
 }
 renderPage(context) {
  let { t: t5 } = context, data = this.invoice.data, isDraft = this.isDraft, badge = data === null ? A : b2`<span class="badge is-${data.status}">${t5(`invoice.${data.status}`)}</span>`;
  return b2`
   ${heading({
   title: isDraft ? t5("invoices.live") : t5("invoice.title", { number: this.number }),
   badge,
   sub: b2`<button class="back controls" type="button" @click=${() => this.navigate("/invoices", this.state.after({ line: null, with: null }))}>
     ${icon("previous")}${t5("invoice.back")}</button>`,
   // What is final says so by its badge.
   freshness: data?.status === "final" ? A : this.renderFreshness(this.invoice, !1),
   period: isDraft ? periodSwitch(context, this.period, (label) => this.choosePeriod(context, label)) : A,
   actions: data === null ? A : this.renderActions(context)
  })}
   ${this.notice === "" ? A : b2`<p class="note" role="status">${this.notice}</p>`}
   ${this.other === "" ? this.renderResource(context, this.invoice, [24, 16, 200, 28], (found) => this.renderInvoice(context, found)) : b2`<meterline-comparison .context=${context} .wanted=${this.compared}></meterline-comparison>`}
   ${explainedDrawer(context, this.explained, () => this.explained = null)}`;
 }
 get isDraft() {
  return this.number === "draft";
 }
 get path() {
  return `invoices/${encodeURIComponent(this.number)}`;
 }
 get query() {
  return this.isDraft ? { billingPeriod: this.period?.billingPeriod ?? null } : {};
 }
 get other() {
  let other = this.choice("with");
  return other === this.number ? "" : other;
 }
 get compared() {
  let hasDraft = this.isDraft || this.other === "draft";
  return { path: `${this.path}/compare`, query: { with: this.other, billingPeriod: hasDraft ? this.period?.billingPeriod ?? null : null } };
 }
 renderComparing(context) {
  let { t: t5, format, periods } = context, options = periods.flatMap((period, index) => {
   let name = period.invoice ?? (index === 0 ? "draft" : null);
   return name === null || name === this.number ? [] : [[name, `${periodName(format, period)} · ${period.invoice ?? t5("invoice.draft")}`]];
  });
  return options.length === 0 ? A : choose(
   t5("compare.with"),
   [["", this.other === "" ? t5("compare.with") : t5("compare.end")], ...options],
   this.other,
   (other) => this.change({ with: other, line: null })
  );
 }
 renderActions(context) {
  let { t: t5 } = context, { path: shown, query = {} } = this.other === "" ? { path: this.path, query: this.query } : this.compared, file = (path, name) => () => attempted(() => save(path, this.query, name), this.onRefused);
  return b2`<span class="actions controls">
   ${this.renderComparing(context)}
   <button class="button" type="button" @click=${() => print()}>${icon("print")}${t5("invoice.print")}</button>
   <button class="button" type="button" @click=${file(`${this.path}.csv`, `${this.number}.csv`)}>${icon("download")}${t5("invoice.csv")}</button>
   <button class="button" type="button" @click=${file(this.isDraft ? this.path : `${this.path}.json`, `${this.number}.json`)}>${icon("download")}${t5("invoice.json")}</button>
   ${curlButton(context, shown, query, (text) => this.notice = text)}
  </span>`;
 }
 renderInvoice(context, found) {
  let { t: t5 } = context, data = { ...found, lines: named(context, found.lines) }, chosen = [...data.lines, ...data.pending?.lines ?? []].find(({ id }) => id === this.choice("line")), panel = chosen === void 0 ? A : b2`<meterline-line .context=${context} .invoice=${this.path} .query=${this.query}
   .line=${chosen} .currency=${data.currency}></meterline-line>`, close = () => this.change({ line: null });
  return b2`<div class="sheets">
   <article class="card paper">${this.renderPaper(context, data, chosen)}</article>
   ${this.isNarrow ? b2`<meterline-drawer heading=${chosen?.label ?? ""} close-text=${t5("explain.close")} .isOpen=${chosen !== void 0} @drawer-close=${close}>${panel}</meterline-drawer>` : b2`<aside class="card panel controls">${chosen === void 0 ? b2`<p class="hint">${t5("invoice.choose")}</p>` : b2`<header class="panel-head"><h2 class="card-title">${chosen.label}</h2><span class="small mono">${chosen.id}</span></header>${panel}`}</aside>`}
  </div>`;
 }
 renderPaper(context, data, chosen) {
  let { t: t5, format } = context, total = format.money(data.total, data.currency);
  return b2`
   <header class="paper-head">
    <div><p class="seller">${data.seller || context.session.seller}</p>
     <p class="hint">${t5("invoice.bills", { customer: data.customerName || data.customer })}</p></div>
    <div class="right"><p>${data.number ?? t5("invoice.draft")}</p>
     <p class="hint">${format.period(data.period.start, data.period.end)}</p>
     <p class="hint">${t5("period.days", { zone: context.words.zone(data.timeZone) })}</p></div>
   </header>
   <table>
    <thead><tr><th scope="col">${t5("invoice.item")}</th><th scope="col" class="right">${t5("invoice.quantity")}</th>
     <th scope="col" class="right">${t5("invoice.amount")}</th></tr></thead>
    <tbody>${data.lines.map((line) => this.renderLine(context, data, line, chosen))}</tbody>
    <tfoot><tr><th scope="row" colspan="2">${t5(data.status === "draft" ? "invoice.totalSoFar" : "invoice.total")}</th>
     <td class="right total" data-figure="total" data-value=${data.total}>${figure(total, data.total, t5("invoice.total"), () => this.explainTotal(context, data, total))}</td></tr></tfoot>
   </table>
   ${data.pending === null ? A : this.renderPending(context, data, data.pending, chosen)}
   <p class="note">${t5("invoice.noteRounding")}</p>
   ${data.isCredit ? b2`<p class="note">${t5("invoice.noteCredit")}</p>` : A}
   ${data.digest === null ? A : this.renderProof(context, data, data.digest)}`;
 }
 renderLine(context, data, line, chosen) {
  let { t: t5, format, words } = context, isChosen = line === chosen, amount = format.money(line.amount, data.currency), explain = () => this.change({ line: isChosen ? null : line.id }), count = String(line.eventCount), origin = line.kind === "discount" ? t5("step.discount") : line.kind === "fixed" ? t5("invoice.oncePeriod") : line.kind === "agreed" ? t5("invoice.agreed") : line.kind === "credit" ? t5("invoice.credit") : t5(format.plural(count) === "one" ? "invoice.events.one" : "invoice.events.other", { count: format.decimal(count) });
  return b2`<tr class=${isChosen ? "is-chosen" : ""} data-line=${line.id} aria-current=${isChosen ? "true" : "false"}>
   <th scope="row">${line.label}
    <span class="small">${line.adjustsLineId === null ? origin : `${t5("invoice.adjusts", { line: line.adjustsLineId })} · ${periodName(format, line.period)}`}</span>
    ${line.tiers.map((tier) => b2`<span class="small paper-only">${tierText(context, tier, data.currency)}</span>`)}</th>
   <td class="right" data-value=${line.quantity}>${line.meter === "" && line.quantity === "1" ? "" : b2`${figure(format.decimal(line.quantity), line.quantity, line.label, explain)}
    <span class="unit">${words.unit(line.unit, line.quantity)}</span>
    ${line.pricedQuantity === null || line.kind === "adjustment" ? A : b2`<span class="small below" data-priced=${line.pricedQuantity}>${t5("explore.billed", { quantity: format.decimal(line.pricedQuantity) })}</span>`}`}</td>
   <td class="right">${figure(amount, line.amount, line.label, explain)}</td>
  </tr>`;
 }
 renderPending(context, data, pending, chosen) {
  let { t: t5, format } = context;
  return b2`<section class="pending">
   <h3 class="card-title">${t5("invoice.pending")}</h3>
   <p class="hint">${t5("invoice.pendingText", { amount: format.money(pending.amount, data.currency), period: pending.nextInvoice ?? "" })}</p>
   <table><tbody>${pending.lines.map((line) => this.renderLine(context, data, line, chosen))}</tbody></table>
  </section>`;
 }
 renderProof(context, data, digest) {
  let { t: t5 } = context;
  return b2`<footer class="proof">
   <dl>
    <div><dt>${t5("invoice.digest")}</dt><dd class="mono">${digest}</dd></div>
    ${data.chain === null ? A : b2`<div><dt>${t5("invoice.chain")}</dt><dd class="mono">${data.chain}</dd></div>`}
   </dl>
   <div class="controls">${proofBadge({
   verification: this.verification,
   isChecking: this.isVerifying,
   t: t5,
   ask: t5("invoice.verify"),
   proven: t5("invoice.verified"),
   check: () => this.verify()
  })}</div>
  </footer>`;
 }
 explainTotal({ t: t5, format }, data, text) {
  this.explained = {
   title: t5("invoice.total"),
   text,
   fresh: data,
   sentence: t5("invoice.explainTotal", { count: data.lines.length }),
   rows: data.lines.map((line) => [line.label, format.money(line.amount, data.currency)])
  };
 }
 async verify() {
  this.isVerifying = !0, await attempted(async () => {
   this.verification = await client.get(`${this.path}/verify`);
  }, this.onRefused), this.isVerifying = !1;
 }
 choosePeriod(context, billingPeriod) {
  let period = context.periods.find((each) => each.billingPeriod === billingPeriod);
  period?.invoice === void 0 || period.invoice === null ? this.change({ billingPeriod, line: null }) : this.navigate(`/invoices/${encodeURIComponent(period.invoice)}`, this.state.after({ line: null, with: null, billingPeriod: null }));
 }
};
function tierText({ t: t5, format }, tier, currency) {
 let flat = tier.flat === null ? "" : ` ${t5("plan.tierFlat", { flat: format.money(tier.flat, currency) })}`;
 return `${format.decimal(tier.quantity)} × ${format.money(tier.unitPrice, currency)}${flat} = ${format.money(tier.amount, currency)}`;
}
define("meterline-invoice", MeterlineInvoice);

// src/styles/invoices.css
var invoices_default = `.draft { display: grid; grid-template-columns: minmax(0, 1fr) auto auto; align-items: center; gap: 12px 24px; border-left: 3px solid var(--_warning); }
.draft .amount { font: 650 24px/1.2 var(--_font); letter-spacing: -0.02em; }
.more { display: grid; justify-content: center; padding-top: 16px; }
tr.is-link { cursor: pointer; }
.button.compare { width: 24px; height: 24px; vertical-align: middle; }
tbody .badge { margin-left: 6px; }

@container (max-width: 560px) {
 .draft { grid-template-columns: minmax(0, 1fr); }
 .draft .button { justify-content: center; }
}
`;

// src/views/invoices.ts
var TREND_MIN = 3, MeterlineInvoices = class extends MeterlineView {
 constructor() {
  super();
  this.view = "invoices";
  this.pages = new Pages(this, () => this.isOpen ? { path: "invoices" } : null, { onProblem: this.onRefused });
  this.sought = "";
 }
 static {
  this.styles = MeterlineElement.stylesWith(invoices_default);
 }
 static {
  this.properties = { sought: { state: !0 } };
 }
 renderPage(context) {
  return b2`
   ${heading({ title: context.t("view.invoices"), freshness: this.renderFreshness(this.pages.first, this.pages.first.data?.draft === null), actions: this.renderCurl(context, "invoices", {}) })}
   ${this.renderResource(context, this.pages.first, [64, 24, 24, 24, 24], (first) => this.renderInvoices(context, first))}`;
 }
 renderInvoices(context, first) {
  let { t: t5 } = context, all = this.pages.all.flatMap((page) => page.invoices);
  return first.draft === null && all.length === 0 ? emptyState(t5("invoices.empty"), t5("invoices.emptyText")) : b2`
   ${first.draft === null ? A : this.renderDraft(context, first.draft)}
   ${all.length === 0 ? emptyState(t5("invoices.empty"), t5("invoices.emptyText")) : this.renderTable(context, all)}`;
 }
 renderDraft(context, draft) {
  let { t: t5, format } = context, open2 = () => this.open("draft", draft.billingPeriod);
  return b2`<section class="card draft">
   <div>
    <h2 class="card-title">${t5("invoices.live")} <span class="badge is-draft">${t5("invoice.draft")}</span></h2>
    <p class="hint">${periodName(format, draft.period)} · ${t5("invoices.liveHint")}</p>
   </div>
   <p class="amount" data-figure="draft">${figure(format.money(draft.total, draft.currency), draft.total, t5("invoices.live"), open2)}</p>
   <button class="button is-primary controls" type="button" @click=${open2}>${t5("overview.openLive")}</button>
  </section>`;
 }
 renderTable(context, all) {
  let { t: t5 } = context, sought = this.sought.trim().toLowerCase(), shown = all.filter((invoice) => `${invoice.number} ${periodName(context.format, invoice.period)} ${invoice.billingPeriod}`.toLowerCase().includes(sought)), totals = all.slice(0, 24).map(({ total }) => total).reverse();
  return b2`<section class="card">
   <div class="card-head">
    <input class="input controls" type="search" aria-label=${t5("invoices.search")} placeholder=${t5("invoices.search")} .value=${this.sought}
     @input=${(event) => this.sought = event.currentTarget.value} />
    <span class="spacer"></span>
    ${totals.length < TREND_MIN ? A : b2`<span class="hint narrow-hidden">${t5("invoices.trend", { count: totals.length })} ${spark(totals, "s1")}</span>`}
   </div>
   ${shown.length === 0 ? b2`<p class="hint">${t5("invoices.noneFound", { text: this.sought })}</p>` : b2`
   <div class="scroll" role="region" tabindex="0" aria-label=${t5("view.invoices")}><table>
    <thead><tr>
     <th scope="col">${t5("invoices.number")}</th><th scope="col">${t5("invoices.period")}</th>
     <th scope="col" class="right narrow-hidden">${t5("invoices.lines")}</th><th scope="col" class="narrow-hidden">${t5("invoices.finalized")}</th>
     <th scope="col" class="right">${t5("invoices.total")}</th>
    </tr></thead>
    <tbody>${shown.map((invoice) => this.renderRow(context, invoice, all[all.indexOf(invoice) + 1]))}</tbody>
   </table></div>`}
   ${this.pages.next === null ? A : b2`<p class="more controls"><button class="button" type="button" ?disabled=${this.pages.isLoading}
    @click=${() => this.pages.more()}>${t5("invoices.more")}</button></p>`}
  </section>`;
 }
 renderRow(context, invoice, before) {
  let { t: t5, format } = context, open2 = () => this.open(invoice.number, null);
  return b2`<tr class="is-link" data-invoice=${invoice.number} @click=${open2}>
   <th scope="row"><span class="mono">${invoice.number}</span>${this.renderCompare(context, invoice, before)}
    ${invoice.isCredit ? b2`<span class="badge">${t5("invoices.credit")}</span>` : A}
    ${invoice.hasAdjustments ? b2`<span class="badge">${t5("invoices.adjusted")}</span>` : A}</th>
   <td>${periodName(format, invoice.period)}</td>
   <td class="right narrow-hidden">${invoice.lineCount}</td>
   <td class="narrow-hidden">${format.day(invoice.finalizedAt, !0)}</td>
   <td class="right">${figure(format.money(invoice.total, invoice.currency), invoice.total, invoice.number, open2)}</td>
  </tr>`;
 }
 renderCompare({ t: t5 }, { number }, before) {
  if (before === void 0) return A;
  let text = t5("compare.before", { number });
  return b2` <button class="button is-bare is-icon compare controls" type="button" title=${text} aria-label=${text} @click=${(event) => {
   event.stopPropagation(), this.open(number, null, before.number);
  }}>${icon("compare")}</button>`;
 }
 open(name, billingPeriod, other = null) {
  this.navigate(`/invoices/${encodeURIComponent(name)}`, this.state.after({ line: null, with: other, billingPeriod }));
 }
};
define("meterline-invoices", MeterlineInvoices);

// node_modules/lit-html/directive-helpers.js
var { I: t4 } = j;
var m2 = {}, p3 = (o5, t5 = m2) => o5._$AH = t5;

// node_modules/lit-html/directives/keyed.js
var i6 = e4(class extends i5 {
 constructor() {
  super(...arguments), this.key = A;
 }
 render(r4, t5) {
  return this.key = r4, t5;
 }
 update(r4, [t5, e5]) {
  return t5 !== this.key && (p3(r4), this.key = t5), e5;
 }
});

// src/seller/lines.ts
function listOf(text) {
 return text.split(/[,\n]/).map((name) => name.trim()).filter((name) => name !== "");
}
function rowsOf(text) {
 return text.split(`
`).map((name) => name.trim()).filter((name) => name !== "");
}
function linesOfPresets(presets = []) {
 return presets.map(({ name, query }) => `${name} = ${query}`).join(`
`);
}
function presetsOf(text) {
 return Object.entries(entriesOf(text)).map(([name, query]) => ({ name, query }));
}
function linesOf(entries = {}) {
 return Object.entries(entries).map(([name, text]) => `${name} = ${text}`).join(`
`);
}
function entriesOf(text) {
 let found = {};
 for (let line of text.split(`
`)) {
  if (line.trim() === "") continue;
  let at = line.indexOf("="), name = (at < 0 ? line : line.slice(0, at)).trim(), value = at < 0 ? name : line.slice(at + 1).trim();
  name !== "" && value !== "" && (found[name] = value);
 }
 return found;
}
function linesOfTexts(texts = {}) {
 return Object.entries(texts).map(([locale, entry]) => linesOf(prefixed(locale, " ", entry.texts ?? {}))).filter((text) => text !== "").join(`
`);
}
function textsOf2(text) {
 let found = {};
 for (let [name, each] of Object.entries(entriesOf(text))) {
  let [locale = "", key = ""] = name.split(/\s+/, 2), entry = found[locale] ??= { texts: {} };
  entry.texts = { ...entry.texts, [key]: each };
 }
 return found;
}
function linesOfUnits(units = {}) {
 return linesOf(Object.fromEntries(Object.entries(units).map(([unit, { one, other }]) => [unit, `${one}, ${other}`])));
}
function unitsOf(text) {
 return Object.fromEntries(Object.entries(entriesOf(text)).map(([unit, words]) => {
  let [one = unit, other = one] = listOf(words);
  return [unit, { one, other }];
 }));
}
function linesOfValues(values = {}) {
 return Object.entries(values).map(([property, entry]) => linesOf(prefixed(property, ": ", entry.labels ?? {}))).filter((text) => text !== "").join(`
`);
}
function valuesOf(text) {
 let found = {};
 for (let [name, label] of Object.entries(entriesOf(text))) {
  let at = name.indexOf(":");
  if (at < 0) continue;
  let entry = found[name.slice(0, at).trim()] ??= { labels: {} };
  entry.labels = { ...entry.labels, [name.slice(at + 1).trim()]: label };
 }
 return found;
}
function prefixed(prefix, divider, entries) {
 return Object.fromEntries(Object.entries(entries).map(([key, text]) => [`${prefix}${divider}${key}`, text]));
}

// src/styles/operator.css
var operator_default = `.frame { min-height: 100dvh; padding: 0 32px 48px; background: var(--_bg); }
.wide-page { margin: 0 auto; }
.page { max-width: none; }
.wide-page { max-width: 1480px; padding-top: 24px; }
.bar { display: flex; align-items: center; gap: 16px; margin: 0 -32px; padding: 8px 32px; border-bottom: 1px solid var(--_line); background: var(--_surface); }
.bar nav { flex: 1; min-width: 0; overflow-x: auto; scrollbar-width: none; }
.bar ul { display: flex; gap: 4px; }
.bar a { display: block; padding: 8px 12px; border-radius: var(--_radius-control); color: var(--_text-2); font: 500 14px/1.3 var(--_font); text-decoration: none; white-space: nowrap; }
.bar a:hover { color: var(--_text); background: var(--_tint); }
.bar a:focus-visible { outline-offset: -2px; }
.bar a[aria-current="page"] { color: var(--_text); font-weight: 650; background: var(--_tint-strong); box-shadow: inset 0 -2px 0 var(--_accent); }
.sign-in { display: grid; gap: 14px; max-width: 460px; margin: 12vh auto 0; justify-items: start; }
.stack { display: grid; gap: 14px; align-content: start; grid-template-columns: minmax(0, 1fr); }
.sign-in label, .stack > label, .colour > label { display: grid; gap: 4px; width: 100%; font-size: 13px; color: var(--_text-2); }
.stack > label .input:not([type="file"]), .colour .input { width: 100%; }
.stack .select { justify-self: start; }
input[type="file"].input { height: auto; padding: 6px; max-width: 100%; }
textarea.input { height: auto; padding: 8px 12px; font: 400 12px/1.5 var(--_mono); white-space: pre; overflow-x: auto; resize: vertical; field-sizing: content; min-height: 64px; max-height: 260px; min-width: 0; width: 100%; }
.search, .buttons, .inline { display: inline-flex; align-items: center; gap: 8px; }
.inline { font-size: 13px; color: var(--_text-2); }
.buttons { justify-content: end; flex-wrap: wrap; }
.search .input { width: 270px; }
.choices { display: flex; flex-wrap: wrap; align-items: end; gap: 8px 16px; }
.choices > label:not(.toggle, .inline) { display: grid; gap: 4px; font-size: 13px; color: var(--_text-2); }
.group details[open] > summary { padding-bottom: 12px; }
.group summary { display: grid; grid-template-columns: minmax(120px, 200px) minmax(0, 1fr) auto; gap: 2px 16px; align-items: baseline; padding: 0; }
.group summary > .card-title:nth-last-child(2) { grid-column: 1 / 3; }
.group .hint { padding-top: 12px; }
.group summary > .mono { grid-area: 2 / 2; }
.group summary > .small:last-child { grid-area: 1 / 3; }
.group summary > .card-title::before { content: "▸ " / ""; color: var(--_text-2); }
.group details[open] .card-title::before { content: "▾ " / ""; }
.badge.is-bad { color: var(--_negative); }
.toggle.is-long { height: auto; min-height: 32px; align-items: start; padding-block: 6px; }
.stack > label.toggle { display: inline-flex; }
.toggle.is-long input { flex: none; }
.checks { display: flex; flex-wrap: wrap; gap: 0 16px; }
.below { display: block; }
.below.mono, .command code span, .moments { white-space: nowrap; }
.more { display: grid; justify-content: center; padding-top: 16px; }
.late { color: var(--_warning); }
.wide { min-width: 180px; max-width: 44ch; }
.command { display: flex; align-items: baseline; gap: 4px; }
.is-over { color: var(--_text-2); }
.button.is-danger { border-color: var(--_negative); color: var(--_negative); }
.fill-cell { width: 22%; min-width: 80px; vertical-align: middle; }
.fill { display: block; height: 8px; border-radius: 4px; background: var(--_tint); overflow: clip; }
.fill > span { display: block; height: 100%; background: var(--_c1); forced-color-adjust: none; }
details > summary { cursor: pointer; padding: 6px 0; font-size: 13px; }
.prices dt { flex: none; }
.rows.prices > * { display: grid; grid-template-columns: minmax(90px, 160px) minmax(0, 1fr); }
.rows.prices dd { max-width: 80ch; text-align: left; text-wrap: pretty; }
dialog.card { width: min(460px, calc(100vw - 32px)); color: var(--_text); background: var(--_raised); }
dialog::backdrop { background: rgb(0 0 0 / 45%); }
fieldset { margin: 0; }
legend { float: left; width: 100%; padding: 0; font: 650 16px/1.4 var(--_font); }
legend + * { clear: both; }
.split { display: grid; grid-template-columns: minmax(320px, 420px) minmax(0, 1fr); gap: 24px; align-items: start; }
.preview { position: sticky; top: 16px; }
.stage { height: min(78vh, 860px); border: 1px solid var(--_line-strong); border-radius: var(--_radius); overflow: clip; background: var(--_surface); }
.stage.phone { width: min(390px, 100%); margin-inline: auto; }
.stage iframe { display: block; border: 0; transform-origin: 0 0; }
.colour { display: grid; grid-template-columns: minmax(0, 1fr) 44px; gap: 4px 8px; align-items: end; }
.colour input[type="color"] { width: 44px; height: 32px; padding: 2px; border: 1px solid var(--_line-strong); border-radius: var(--_radius-control); background: var(--_surface); }
.verdict-line { grid-column: 1 / -1; font-size: 12px; }
.snippet { display: grid; gap: 8px; justify-items: start; }
.snippet pre { width: 100%; margin: 0; padding: 12px; overflow-x: auto; border: 1px solid var(--_line); border-radius: var(--_radius-control); background: var(--_bg); font-size: 12px; }

@container (max-width: 900px) {
 .split { grid-template-columns: minmax(0, 1fr); }
 .preview { position: static; }
}

@container (max-width: 560px) {
 .frame { padding: 0 16px 16px; }
 .bar { flex-wrap: wrap; justify-content: space-between; margin: 0 -16px; padding: 8px 16px; gap: 8px; }
 .bar nav { order: 1; flex-basis: 100%; mask-image: linear-gradient(to right, #000 calc(100% - 24px), transparent); }
 .bar ul { width: max-content; padding-right: 24px; }
 .rows.prices > * { grid-template-columns: minmax(0, 1fr); gap: 2px; }
 .search { width: 100%; }
 .group summary { grid-template-columns: minmax(0, 1fr); }
 .group summary > :is(.mono, .small:last-child, .card-title:nth-last-child(2)) { grid-area: auto; }
 .search .input { flex: 1; }
 /* Each row is a card: nothing lies beyond the edge of the screen. */
 .scroll:has(> .stacks) { overflow: visible; }
 .stacks, .stacks tbody, .stacks tfoot { display: block; }
 .stacks thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
 .stacks tr { display: grid; gap: 4px; padding: 12px 0; border-top: 1px solid var(--_line); }
 .stacks tfoot tr { border-top: 2px solid var(--_text); }
 .stacks tbody tr:first-child { border-top: 0; }
 .stacks :is(th, td) { border: 0; padding: 0; }
 .stacks :is(tbody, tfoot) th { font-weight: 650; }
 .stacks td { display: flex; justify-content: space-between; gap: 4px 16px; flex-wrap: wrap; max-width: none; text-align: right; }
 .stacks :is(td:empty, .fill-cell, .narrow-hidden) { display: none; }
 .stacks td::before { content: attr(data-head); flex: none; color: var(--_text-2); }
 .stacks td[data-head=""] { justify-content: end; }
 .stacks td[data-head=""]::before { content: none; }
 .stacks .below { flex-basis: 100%; }
 .stacks td.wide { display: block; text-align: left; min-width: 0; }
 .stacks td.wide::before { display: block; }
 .stacks .command { flex-wrap: wrap; }
}
`;

// src/seller/words.ts
var spoken2 = {};
function s4(text, blanks = {}) {
 return told(text, blanks);
}
function told(text, blanks = {}) {
 return filled(spoken2[text] ?? text, blanks);
}
function sellerLanguage() {
 return languageOf(chosenLanguage() || navigator.language);
}
function sellerLocale() {
 let language = sellerLanguage();
 return language === languageOf(navigator.language) ? navigator.language : language;
}
async function speakTo(language) {
 let [kit, own] = await Promise.all([textsOf(language), ownTexts(language)]);
 speak(kit), spoken2 = own;
}
async function ownTexts(language) {
 if (language === "en") return {};
 try {
  return (await import(new URL(`./seller_${language}.js`, import.meta.url).href)).TEXTS;
 } catch (error) {
  throw new Problem(0, error instanceof Error ? error.message : "texts");
 }
}

// src/seller/page.ts
var LOOKS = { ">": "right", "~": "narrow-hidden" }, SellerPage = class extends MeterlineElement {
 constructor() {
  super();
  this.t = textsWithoutSession();
  this.format = new Format(sellerLocale(), Intl.DateTimeFormat().resolvedOptions().timeZone);
  this.profile = new Resource(
   this,
   () => this.hasWords ? { path: "operator/profile" } : null,
   { isWatched: !1, onProblem: (problem) => this.onProblem(problem) }
  );
  this.onProblem = (problem) => {
   this.notice = refusal(this.t, problem), this.report(problem);
  };
  this.notice = "";
 }
 static {
  this.styles = MeterlineElement.stylesWith(operator_default);
 }
 static {
  this.properties = { notice: { state: !0 } };
 }
 get hasWords() {
  return !1;
 }
 get words() {
  let { items = {}, meters = {}, units = {} } = this.profile.data?.spec.labels ?? {};
  return new Words({ items, meters, units, properties: {}, values: {} }, this.format);
 }
 monthName(billingPeriod) {
  return /^\d{4}-\d{2}$/.test(billingPeriod) ? this.format.month(`${billingPeriod}-15T12:00:00Z`) : billingPeriod;
 }
 updated() {
  for (let table of this.renderRoot.querySelectorAll("table")) {
   let heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent?.trim() ?? "");
   for (let row2 of table.querySelectorAll("tbody tr, tfoot tr"))
    [...row2.children].forEach((cell, place2) => cell.setAttribute("data-head", heads[place2] ?? ""));
  }
 }
 render() {
  return b2`<div class="reset"><div class="page">${this.renderPage()}
   ${this.notice === "" ? A : b2`<p class="note" role="alert">${this.notice}</p>`}</div></div>`;
 }
 pages(wanted) {
  return new Pages(this, wanted, { isWatched: !1, onProblem: this.onProblem });
 }
 renderData(resource, render) {
  return resource.data !== null ? b2`<div class="page ${resource.isWaiting ? "is-waiting" : ""}" aria-busy=${resource.isWaiting}>${render(resource.data)}</div>` : resource.problem !== null ? problemState(this.t, resource.problem, null, () => resource.refresh()) : skeleton(this.t, [28, 24, 24, 24]);
 }
 renderTable(label, pages, columns, rowsOf2, render, empty) {
  return this.renderData(pages.first, () => {
   let rows = pages.all.flatMap(rowsOf2);
   return rows.length === 0 && pages.next === null ? emptyState(empty.title, empty.text) : b2`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${label}><table class="stacks">
    <thead><tr>${columns.map((column) => b2`<th scope="col" class=${LOOKS[column[0] ?? ""] ?? ""}>${column === "" ? "" : s4(column.replace(/^[>~]/, ""))}</th>`)}</tr></thead>
    <tbody>${rows.map(render)}</tbody></table></div>${this.renderMore(pages)}</section>`;
  });
 }
 renderMore(pages) {
  return pages.next === null ? A : b2`<p class="more"><button class="button" type="button" ?disabled=${pages.isLoading} @click=${() => pages.more()}>${s4("Show more")}</button></p>`;
 }
};

// src/seller/branding.ts
var VIEWS = ["overview", "usage", "cost", "invoices", "plan"], MODES = [["COLOR_MODE_AUTO", "As the browser is set"], ["COLOR_MODE_LIGHT", "Always light"], ["COLOR_MODE_DARK", "Always dark"]], FLOORS = [["WINDOW_FLOOR_HOUR", "Hours"], ["WINDOW_FLOOR_DAY", "Days"], ["WINDOW_FLOOR_MONTH", "Months"]], VERDICTS = {
 lighttrue: "{ratio}:1 on the light surface: it can be read.",
 lightfalse: "{ratio}:1 on the light surface: 4.5:1 is needed.",
 darktrue: "{ratio}:1 on the dark surface: it can be read.",
 darkfalse: "{ratio}:1 on the dark surface: 4.5:1 is needed."
}, PREVIEW_AFTER_MS = 350, TOKEN_MS = 8 * 6e4, DESKTOP_PX = 1200, PHONE_PX = 390, NARROW_PX = 600, MeterlineSellerBranding = class extends SellerPage {
 constructor() {
  super();
  this.session = { customer: "", made: null, until: 0 };
  this.timer = 0;
  this.turn = 0;
  this.observer = new ResizeObserver(() => this.fit());
  this.onMessage = (event) => {
   let frame = this.stage?.querySelector("iframe")?.contentWindow;
   event.source === frame && event.origin === location.origin && event.data?.type === READY && this.show();
  };
  this.onCustomer = (event) => {
   this.customer = valueOf(event).trim(), this.show();
  };
  this.onLogo = async (event) => {
   let file = event.currentTarget.files?.[0];
   if (file === void 0) return;
   let bytes = new Uint8Array(await file.arrayBuffer());
   this.change({ logoPng: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) });
  };
  this.onVersion = async (event) => {
   let version = valueOf(event);
   try {
    this.open(await client.get("operator/profile", { version })), this.notice = "";
   } catch (error) {
    if (!(error instanceof Problem)) throw error;
    this.onProblem(error);
   }
  };
  this.onSave = async () => {
   this.isSaving = !0;
   try {
    this.open(await client.post("operator/profile", { spec: this.spec })), this.notice = s4("Saved as version {version}. Customers see it when they open their next page.", { version: this.stored?.version ?? 0 });
   } catch (error) {
    if (!(error instanceof Problem)) throw error;
    this.onProblem(error);
   } finally {
    this.isSaving = !1;
   }
  };
  this.stored = null, this.failure = null, this.spec = {}, this.tried = null, this.customers = [], this.customer = "", this.device = innerWidth < NARROW_PX ? "phone" : "desktop", this.mode = "light", this.isSaving = !1;
 }
 static {
  this.properties = {
   ...SellerPage.properties,
   stored: { state: !0 },
   failure: { state: !0 },
   spec: { state: !0 },
   tried: { state: !0 },
   customers: { state: !0 },
   customer: { state: !0 },
   device: { state: !0 },
   mode: { state: !0 },
   isSaving: { state: !0 }
  };
 }
 connectedCallback() {
  super.connectedCallback(), addEventListener("message", this.onMessage), this.begin();
 }
 disconnectedCallback() {
  super.disconnectedCallback(), removeEventListener("message", this.onMessage), clearTimeout(this.timer), this.observer.disconnect();
 }
 updated() {
  super.updated();
  let stage = this.stage;
  stage !== null && this.observer.observe(stage), this.fit();
 }
 renderPage() {
  return this.failure !== null ? problemState(this.t, this.failure, null, () => {
   this.begin();
  }) : this.stored === null ? skeleton(this.t, [28, 40, 200]) : b2`${heading({ title: s4("Branding"), actions: this.renderActions(this.stored) })}
   <div class="split"><form class="stack" @submit=${(event) => event.preventDefault()}>${this.renderForm(this.stored)}</form>${this.renderPreview()}</div>`;
 }
 renderActions(stored) {
  let isOld = stored.version !== (stored.versions[0] ?? 0);
  return b2`<label class="inline">${s4("Version")}<select class="select" @change=${this.onVersion} aria-label=${s4("Version")}>
    ${stored.versions.length === 0 ? b2`<option>${s4("default")}</option>` : stored.versions.map((version) => b2`<option value=${version} ?selected=${version === stored.version}>${version === stored.versions[0] ? s4("{version} (in force)", { version }) : version}</option>`)}
   </select></label>
   <button class="button is-primary" type="button" ?disabled=${this.isSaving || (this.tried?.problems.length ?? 0) > 0} @click=${this.onSave}>${isOld ? s4("Restore version {version}", { version: stored.version }) : s4("Save")}</button>`;
 }
 renderForm(stored) {
  let { spec } = this, { labels = {} } = spec, text = (name, label, hint, placeholder = "") => b2`<label>${label}
   <input class="input" .value=${String(spec[name] ?? "")} placeholder=${placeholder} aria-describedby=${`hint-${name}`} @input=${(event) => this.change({ [name]: valueOf(event) })} />
   <span id=${`hint-${name}`} class="small">${hint}${this.renderProblem(name)}</span></label>`, area = (label, hint, value, change, placeholder = "") => b2`<label>${label}
   <textarea class="input" rows="3" spellcheck="false" .value=${value} placeholder=${placeholder} @change=${(event) => this.change(change(valueOf(event)))}></textarea>
   <span class="small">${hint}</span></label>`, select = (name, label, options) => b2`<label>${label}
   <select class="select" @change=${(event) => this.change({ [name]: valueOf(event) })}>${options.map(([value, word]) => b2`<option value=${value} ?selected=${value === spec[name]}>${s4(word)}</option>`)}</select></label>`, toggle = (name, label) => b2`<label class="toggle is-long"><input type="checkbox"
   .checked=${spec[name] ?? !1} @change=${() => this.change({ [name]: !(this.spec[name] ?? !1) })} />${label}</label>`, labelled = (part2) => ({ labels: { ...this.spec.labels, ...part2 } });
  return b2`
   <fieldset class="card stack"><legend>${s4("Looks")}</legend>
    ${text("sellerName", s4("Your name"), s4("As customers read it. Empty: as invoices name it."))}
    ${this.renderColour("accent", s4("Accent on light"))}${this.renderColour("accentDark", s4("Accent on dark"))}
    <label>${s4("Logo")}<input class="input" type="file" accept="image/png" @change=${this.onLogo} /><span class="small">${s4("PNG, at most 128 KiB.")}
     ${spec.logoPng ? b2`<button class="button is-bare" type="button" @click=${() => this.change({ logoPng: "" })}>${s4("Remove the logo")}</button>` : A}${this.renderProblem("logo_png")}</span></label>
    <label>${s4("Corners")}<span class="inline"><input type="range" min="0" max="24" .value=${String(spec.radiusPx ?? 10)} @input=${(event) => this.change({ radiusPx: Number.parseInt(valueOf(event), 10) })} /><output>${spec.radiusPx ?? 10} px</output></span></label>
    ${text("font", s4("Font"), s4("One font that your customers' machines have. Empty: that of the portal."), "Inter")}
    ${select("mode", s4("Light or dark"), MODES)}
    <label>${s4("Colours of charts")}<input class="input" .value=${(spec.series ?? []).join(", ")} placeholder="#2a5bd7, #b7702e" @change=${(event) => this.change({ series: listOf(valueOf(event)) })} />
     <span class="small">${s4("At most eight, in order. Empty: those of the portal.")}${this.renderProblem("series")}</span></label>
   </fieldset>
   <fieldset class="card stack"><legend>${s4("What customers see")}</legend>
    <div class="checks" role="group" aria-label=${s4("Pages")}>${VIEWS.map((view) => b2`<label class="toggle"><input type="checkbox" .checked=${this.shows(view)} @change=${() => this.toggle(view)} />${this.t(`view.${view}`)}</label>`)}</div>
    ${select("windowFloor", s4("Smallest window of usage and cost"), FLOORS)}
    ${area(s4("Hidden properties"), s4("One a line: customers neither see them nor group by them."), (spec.hiddenProperties ?? []).join(`
`), (value) => ({ hiddenProperties: listOf(value) }), "cost_center")}
    ${toggle("anyProperty", s4("Customers may ask by any property that is not hidden, also by those that no meter groups by."))}
    ${toggle("showsCorrectionReasons", s4("Customers read why an event of theirs was voided or replaced."))}
    ${area(s4("Hidden items"), s4("One a line: part of Other in the cost explorer and on the first page, left out of the prices; lines of invoices are never hidden."), (spec.hiddenItems ?? []).join(`
`), (value) => ({ hiddenItems: rowsOf(value) }), "Support discount")}
    ${area(s4("Views for everybody"), s4("One a line: name = path and query of a page. Every customer finds them among the saved views."), linesOfPresets(spec.presets), (value) => ({ presets: presetsOf(value) }), "Flights by airport = /usage?meter=flights&groupBy=origin")}
    ${area(s4("Hidden meters"), s4("One a line: their usage is not shown by itself; what it costs stays on the invoice."), (spec.hiddenMeters ?? []).join(`
`), (value) => ({ hiddenMeters: listOf(value) }), "internal_retries")}
   </fieldset>
   <fieldset class="card stack"><legend>${s4("Words")}</legend>
    ${area(s4("Meters"), s4("name = word for customers"), linesOf(labels.meters), (value) => labelled({ meters: entriesOf(value) }), "flights = Flights")}
    ${area(s4("Items"), s4("item of a plan = word for customers"), linesOf(labels.items), (value) => labelled({ items: entriesOf(value) }))}
    ${area(s4("Properties"), s4("name = word for customers"), linesOf(labels.properties), (value) => labelled({ properties: entriesOf(value) }), "origin = Airport")}
    ${area(s4("Values"), s4("property: value = word for customers"), linesOfValues(labels.values), (value) => labelled({ values: valuesOf(value) }), "origin: EWR = Newark")}
    ${area(s4("Units"), s4("unit = word for one, word for several"), linesOfUnits(labels.units), (value) => labelled({ units: unitsOf(value) }), "flight = flight, flights")}
    ${area(s4("Texts"), s4("language key = text. They are chosen by the reader's language."), linesOfTexts(spec.texts), (value) => ({ texts: textsOf2(value) }), "de view.usage = Verbrauch")}
    <p class="small">${this.renderProblem("labels")}${this.renderProblem("texts")}</p>
   </fieldset>
   <fieldset class="card stack"><legend>${s4("Links and embedding")}</legend>
    ${text("traceLink", s4("Address of a trace"), s4("With {traceId} in it once. Empty: traces are not linked."), "https://traces.example.com/trace/{traceId}")}
    ${area(s4("Origins that may embed"), s4("One a line, exactly as browsers name them."), (spec.allowedOrigins ?? []).join(`
`), (value) => ({ allowedOrigins: listOf(value) }), "https://app.example.com")}
    <p class="small">${this.renderProblem("allowed_origins")}</p>
    ${this.renderSnippet(stored)}
   </fieldset>`;
 }
 renderColour(name, label) {
  let value = this.spec[name] ?? "", verdict = (this.tried ?? this.stored)?.verdicts.find(({ field }) => field === name), change = (event) => this.change({ [name]: valueOf(event).toLowerCase() });
  return b2`<div class="colour" role="group" aria-label=${label}><label>${label}<input class="input" .value=${value} maxlength="7" spellcheck="false" @input=${change} /></label>
   <input type="color" aria-label=${s4("{label}, by eye", { label })} .value=${/^#[0-9a-f]{6}$/.test(value) ? value : "#000000"} @input=${change} />
   ${verdict === void 0 ? A : this.renderVerdict(verdict)}</div>`;
 }
 renderVerdict({ field, surface, ratio, isReadable, better }) {
  return ratio === null ? b2`<p class="verdict-line late" data-verdict=${field}>${s4("Write a colour as # and six hexadecimal digits.")}</p>` : b2`<p class="verdict-line ${isReadable ? "" : "late"}" data-verdict=${field}>${s4(VERDICTS[`${surface === "dark" ? "dark" : "light"}${isReadable}`], { ratio })}
   ${better === null ? A : b2`<button class="button is-bare" type="button" @click=${() => this.change({ [field]: better })}>${s4("Take {colour}", { colour: better })}</button>`}</p>`;
 }
 renderProblem(name) {
  let snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), found = this.tried?.problems.filter(({ field }) => field === snake || field.startsWith(`${snake}[`) || field.startsWith(`${snake}.`)) ?? [];
  return found.length === 0 ? A : b2` <b class="late" role="alert">${found.map(({ message }) => message).join(" ")}</b>`;
 }
 renderSnippet({ publicUrl }) {
  let snippet = `<script type="module">
 import { configure } from "${publicUrl}/ui/v1/kit.js";
 configure({
  baseUrl: "${publicUrl}",
  fetchToken: () => fetch("/my/portal-token").then((response) => response.text()),
 });
<\/script>
<meterline-portal></meterline-portal>`;
  return b2`<div class="snippet"><p class="small">${s4("Put this into your page. Your server answers /my/portal-token with the token of a session that it makes.")}</p>
   <pre class="mono" tabindex="0" aria-label=${s4("Embed snippet")}>${snippet}</pre><button class="button" type="button" @click=${() => this.onCopy(snippet)}>${s4("Copy")}</button></div>`;
 }
 renderPreview() {
  let segments = (label, options, chosen, choose2) => b2`<div class="segments" role="group" aria-label=${label}>
   ${options.map(([value, text]) => b2`<button type="button" aria-pressed=${value === chosen} @click=${() => choose2(value)}>${text}</button>`)}</div>`;
  return b2`<aside class="stack preview" aria-label=${s4("Preview")}>
   <div class="choices">
    <label class="inline">${s4("Customer")}<input class="input" list="customers" .value=${this.customer} @change=${this.onCustomer} /></label>
    <datalist id="customers">${this.customers.map(({ key, name }) => b2`<option value=${key}>${name}</option>`)}</datalist>
    ${segments(s4("Size"), [["desktop", s4("Desktop")], ["phone", s4("Phone")]], this.device, (device) => this.device = device)}
    ${segments(s4("Colours"), [["light", s4("Light")], ["dark", s4("Dark")]], this.mode, (mode) => this.onMode(mode))}
   </div>
   <div class="stage ${this.device}"><iframe src="/seller/preview" title=${s4("The portal as this customer would see it")}></iframe></div>
   <p class="small">${s4("The pages are real, with this customer's figures. They follow the form, and nobody else sees them before it is saved.")}</p>
  </aside>`;
 }
 get stage() {
  return this.renderRoot.querySelector(".stage");
 }
 fit() {
  let stage = this.stage, frame = stage?.querySelector("iframe");
  if (stage === null || frame === null || frame === void 0) return;
  let width = this.device === "phone" ? PHONE_PX : DESKTOP_PX, scale = Math.min(1, stage.clientWidth / width);
  frame.style.width = `${width}px`, frame.style.height = `${Math.round(stage.clientHeight / scale)}px`, frame.style.transform = `scale(${scale})`;
 }
 async begin() {
  this.failure = null;
  try {
   let [stored, { customers }] = await Promise.all([
    client.get("operator/profile"),
    client.get("operator/customers")
   ]);
   this.customers = customers, this.customer = customers[0]?.key ?? "", this.open(stored);
  } catch (error) {
   if (!(error instanceof Problem)) throw error;
   this.failure = error, this.report(error);
  }
 }
 open(stored) {
  this.stored = stored, this.spec = stored.spec, this.tried = null, this.show();
 }
 change(changes) {
  this.spec = { ...this.spec, ...changes }, this.notice = "", this.show();
 }
 shows(view) {
  let { pages = [] } = this.spec;
  return pages.length === 0 || pages.includes(pageOf(view));
 }
 toggle(view) {
  let shown = VIEWS.filter((each) => each === view ? !this.shows(each) : this.shows(each));
  shown.length > 0 ? this.change({ pages: shown.length === VIEWS.length ? [] : shown.map(pageOf) }) : this.requestUpdate();
 }
 show() {
  clearTimeout(this.timer), this.timer = setTimeout(() => {
   this.preview();
  }, PREVIEW_AFTER_MS);
 }
 async preview() {
  let turn = ++this.turn, frame = this.stage?.querySelector("iframe")?.contentWindow;
  if (!(this.customer === "" || frame === null || frame === void 0))
   try {
    let made = await this.previewSession(), body2 = { spec: this.spec, customer: this.customer, locale: sellerLanguage(), session: made?.id ?? "" }, tried = await client.post("operator/profile/preview", body2);
    if (turn !== this.turn || (this.tried = tried, tried.session === null || made === null)) return;
    let logoUrl = tried.logo === null ? null : `data:image/png;base64,${tried.logo}`, session = { ...tried.session, mode: this.mode, branding: { ...tried.session.branding, logoUrl } }, message = { type: "meterline-preview", token: made.token ?? "", session };
    frame.postMessage(message, location.origin);
   } catch (error) {
    if (!(error instanceof Problem)) throw error;
    this.onProblem(error);
   }
 }
 async previewSession() {
  let { customer, made, until } = this.session;
  if (customer === this.customer && made !== null && Date.now() < until) return made;
  try {
   let fresh = await client.post("operator/sessions", { customer: this.customer, kind: "embed", reason: "preview of the portal's looks" });
   return this.session = { customer: this.customer, made: fresh, until: Date.now() + TOKEN_MS }, fresh;
  } catch (error) {
   if (!(error instanceof Problem)) throw error;
   return this.onProblem(error), null;
  }
 }
 onMode(mode) {
  this.mode = mode, this.show();
 }
 async onCopy(snippet) {
  this.notice = await copy(snippet) ? s4("The snippet is copied.") : s4("The browser does not allow copying; select the snippet instead.");
 }
};
function pageOf(view) {
 return `PORTAL_PAGE_${view.toUpperCase()}`;
}
function valueOf(event) {
 return event.currentTarget.value;
}
define("meterline-seller-branding", MeterlineSellerBranding);

// src/seller/findings.ts
var LEVELS = {
 error: { name: "Error", look: "is-bad" },
 warning: { name: "Warning", look: "is-draft" },
 info: { name: "Note", look: "" }
};
function findingsCard({ findings, findingCount }, words) {
 let title = s4("What is odd about the prices"), hint = b2`<p class="hint">${s4("Found by trying the newest version of each plan; meterline price lint tells the same.")}</p>`;
 if (findings.length === 0)
  return b2`<section class="card" data-findings="0" aria-label=${title}><h2 class="card-title">${s4("Nothing is odd about the prices")}</h2>${hint}</section>`;
 let isOpen = findings.some(({ level }) => level !== "info");
 return b2`<section class="card group" data-findings=${findingCount}><details ?open=${isOpen}>
  <summary><h2 class="card-title">${title}</h2><span class="small">${s4("Findings: {count}", { count: findingCount })}</span></summary>
  <div class="scroll" role="region" tabindex="0" aria-label=${title}><table class="stacks">
   <thead><tr><th scope="col">${s4("Item or meter")}</th><th scope="col">${s4("Level")}</th><th scope="col">${s4("Plan")}</th>
    <th scope="col" class="right">${s4("Quantity")}</th><th scope="col">${s4("Finding")}</th></tr></thead>
   <tbody>${findings.map((finding) => row(finding, words))}</tbody></table></div>
  ${findings.length < findingCount ? b2`<p class="note">${s4("The first {count} of {all}.", { count: findings.length, all: findingCount })}</p>` : A}
  ${hint}</details></section>`;
}
function subjectOf({ item, meter }, words) {
 return item !== null ? words.item(item) : meter === null ? "–" : words.meter(meter);
}
function row(finding, words) {
 let { level, code, plan, quantity, message } = finding;
 return b2`<tr data-code=${code}>
  <th scope="row">${subjectOf(finding, words)}</th><td><span class="badge ${LEVELS[level].look}">${s4(LEVELS[level].name)}</span></td>
  <td>${plan ?? "–"}</td><td class="right">${quantity === null ? "–" : b2`<span data-value=${quantity}>${words.quantity(quantity, "")}</span>`}</td>
  <td class="wide" lang="en">${message}</td></tr>`;
}

// src/seller/catalog.ts
var MeterlineSellerCatalog = class extends SellerPage {
 constructor() {
  super(...arguments);
  this.catalog = this.pages(() => ({ path: "operator/catalog" }));
  this.findings = new Resource(
   this,
   () => ({ path: "operator/catalog/findings" }),
   { isWatched: !1, onProblem: (problem) => this.onProblem(problem) }
  );
 }
 get hasWords() {
  return !0;
 }
 renderPage() {
  return b2`${heading({ title: s4("Catalog") })}
   ${this.findings.data === null ? A : findingsCard(this.findings.data, this.words)}
   ${this.renderData(this.catalog.first, ({ allContracts }) => {
   let plans = this.catalog.all.flatMap((page) => page.plans);
   return plans.length === 0 ? emptyState(s4("No plans yet"), s4("A plan appears here once it is applied: meterline apply -f catalog.yaml")) : b2`${plans.map((plan) => this.renderPlan(plan))}
     ${allContracts ? A : b2`<p class="note">${s4("There are more contracts than are shown here; meterline get contracts lists all.")}</p>`}
     ${this.renderMore(this.catalog)}`;
  })}`;
 }
 renderPlan(plan) {
  let inForce = plan.versions.find((version) => !version.isComing);
  return b2`<section class="card stack" data-plan=${plan.name} aria-label=${plan.name}>
   <div class="card-head"><h2 class="card-title">${plan.name}</h2><span class="small">${s4("Versions: {versions} · Contracts: {contracts}", { versions: plan.versionCount, contracts: plan.contractCount })}</span></div>
   ${plan.versions.map((version) => this.renderVersion(version, version === inForce))}
   ${plan.contracts.length === 0 ? b2`<p class="hint">${s4("Nobody is on this plan.")}</p>` : this.renderContracts(plan)}
  </section>`;
 }
 renderVersion(version, isInForce) {
  let since = version.effectiveFrom ?? version.createdAt, { words } = this;
  return b2`<details ?open=${isInForce || version.isComing} data-version=${version.version}><summary><b>${s4("Version {version}", { version: version.version })}</b>
   ${version.isComing ? b2`<span class="badge is-draft">${s4("Coming")}</span>` : isInForce ? b2`<span class="badge is-final">${s4("In force")}</span>` : A}
   <span class="small">${version.effectiveFrom === null && version.version === 1 ? s4("from the beginning") : s4("periods that start from {moment}", { moment: this.format.moment(since) })},
    ${version.currency}${version.description === "" ? A : b2` · ${version.description}`}</span></summary>
   <dl class="rows prices">${version.items.map((item) => b2`<div><dt>${words.item(item.item)}</dt><dd>${priceInWords({ t: this.t, format: this.format, words }, item, version.currency)}</dd></div>`)}</dl></details>`;
 }
 renderContracts(plan) {
  let row2 = (contract) => b2`<tr data-contract=${contract.contract}>
   <th scope="row">${contract.customer}</th><td class="mono">${contract.contract}</td>
   <td>${contract.end === null ? s4("from {start} on", { start: contract.start }) : s4("{start} until {end}", { start: contract.start, end: contract.end })}</td>
   <td>${contract.pinnedVersion === null ? s4("the one in force") : s4("always {version}", { version: contract.pinnedVersion })}</td>
   <td>${contract.isComing ? b2`<span class="badge is-draft">${s4("Coming")}</span> ` : A}${contract.effectiveFrom === null ? A : b2`<span class="small">${s4("on it from {start}", { start: contract.effectiveFrom })}</span>`}</td></tr>`;
  return b2`<details><summary>${s4("Who is on it")}</summary><div class="scroll" role="region" tabindex="0" aria-label=${s4("Contracts on {plan}", { plan: plan.name })}><table class="stacks">
   <thead><tr><th scope="col">${s4("Customer")}</th><th scope="col">${s4("Contract")}</th><th scope="col">${s4("Days")}</th><th scope="col">${s4("Version")}</th><th></th></tr></thead>
   <tbody>${plan.contracts.map(row2)}</tbody></table></div>
   ${plan.contracts.length < plan.contractCount ? b2`<p class="note">${s4("The first {count} of {all}.", { count: plan.contracts.length, all: plan.contractCount })}</p>` : A}</details>`;
 }
};
define("meterline-seller-catalog", MeterlineSellerCatalog);

// src/seller/customers.ts
var FLAGS = { noContract: "No contract now", adjusted: "Adjusted", credit: "Credit" }, LATE_AFTER_MS2 = 3e4, MeterlineSellerCustomers = class extends SellerPage {
 constructor() {
  super();
  this.customers = this.pages(() => ({ path: "operator/customers", query: { search: this.search } }));
  this.onSearch = (event) => {
   event.preventDefault(), this.search = String(new FormData(event.currentTarget).get("search")).trim();
  };
  this.onCancel = () => this.dialog.close();
  this.onClosed = () => {
   this.dialog.querySelector("form")?.reset();
  };
  this.onConfirm = async (event) => {
   event.preventDefault();
   let reason = String(new FormData(event.currentTarget).get("reason")).trim(), tab = open("", "_blank");
   try {
    let made = await client.post("operator/sessions", { customer: this.opening, kind: "operator", reason });
    if (made.url === null) return;
    if (tab === null) {
     this.link = made.url;
     return;
    }
    tab.opener = null, tab.location.href = made.url, this.dialog.close();
   } catch (error) {
    if (tab?.close(), !(error instanceof Problem)) throw error;
    this.dialog.close(), this.onProblem(error);
   }
  };
  this.search = "", this.opening = "", this.link = "";
 }
 static {
  this.properties = {
   ...SellerPage.properties,
   search: { state: !0 },
   opening: { state: !0 },
   link: { state: !0 }
  };
 }
 renderPage() {
  let search = b2`<form class="search controls" role="search" @submit=${this.onSearch}>
   <input class="input" name="search" type="search" maxlength="128" aria-label=${s4("Search by key or name")} placeholder=${s4("Search by key or name")} />
   <button class="button">${s4("Search")}</button></form>`;
  return b2`${heading({ title: s4("Customers"), actions: search })}
   ${this.renderTable(
   s4("Customers"),
   this.customers,
   ["Customer", ">Live bill", "~Last invoices", ">Last invoice", "~Complete to", "Look at", ""],
   ({ customers }) => customers,
   (row2) => this.renderRow(row2),
   this.search === "" ? { title: s4("No customers yet"), text: s4("A customer appears here once it is applied to the catalog: meterline apply -f catalog.yaml") } : { title: s4("Nobody is named so"), text: s4("Search for the beginning of the key, or of a word of the name.") }
  )}
   ${this.renderDialog()}`;
 }
 renderRow({ key, name, live, lastInvoice, trend, completeUntil, flags }) {
  let { format } = this, isLate = completeUntil !== null && Date.now() - Date.parse(completeUntil) > LATE_AFTER_MS2;
  return b2`<tr data-customer=${key}>
   <th scope="row">${name}${name === key ? A : b2` <span class="small mono">${key}</span>`}</th>
   <td class="right">${live === null ? "–" : b2`<span data-value=${live.total}>${format.money(live.total, live.currency)}</span>
    <span class="small below">${periodName(format, live.period)}</span>`}</td>
   <td class="narrow-hidden">${trend.length < 2 ? A : b2`<span data-trend=${trend.join(" ")}>${spark(trend)}<span class="unseen">${s4("{count} invoices", { count: trend.length })}</span></span>`}</td>
   <td class="right">${lastInvoice === null ? "–" : b2`<span data-value=${lastInvoice.total}>${format.money(lastInvoice.total, lastInvoice.currency)}</span>
    <span class="small below mono">${lastInvoice.number}</span>`}</td>
   <td class="narrow-hidden">${live === null ? "–" : completeUntil === null ? b2`<span class="small">${s4("not known")}</span>` : b2`<span class=${isLate ? "late" : ""}>${format.moment(completeUntil)}</span>`}</td>
   <td>${flags.map((flag) => b2`<span class="badge ${flag === "noContract" ? "is-draft" : ""}">${s4(FLAGS[flag])}</span> `)}</td>
   <td class="right"><button class="button" type="button" @click=${() => this.onOpen(key)}
    aria-label=${s4("Open as {name}", { name })}>${s4("Open as customer")}</button></td>
  </tr>`;
 }
 renderDialog() {
  return b2`<dialog class="card" aria-labelledby="opening" @close=${this.onClosed}>
   <form class="stack" method="dialog" @submit=${this.onConfirm}>
    <h2 id="opening" class="card-title">${s4("See what {customer} sees", { customer: this.opening })}</h2>
    <p class="hint">${s4("A session is made and recorded with your name and this reason. You can look at everything and change nothing.")}</p>
    <label>${s4("Reason")}<input class="input" name="reason" maxlength="200" required autocomplete="off" placeholder="ticket 4711" /></label>
    ${this.link === "" ? A : b2`<p class="note" role="status">${s4("The browser kept the new tab closed; open the pages here, once:")} <a href=${this.link} target="_blank" rel="noopener">${s4("the customer's pages")}</a></p>`}
    <div class="buttons"><button class="button" type="button" @click=${this.onCancel}>${s4("Cancel")}</button>
     <button class="button is-primary">${s4("Open in a new tab")}</button></div>
   </form></dialog>`;
 }
 get dialog() {
  return this.renderRoot.querySelector("dialog");
 }
 onOpen(key) {
  this.notice = "", this.link = "", this.opening = key, this.updateComplete.then(() => this.dialog.showModal());
 }
};
define("meterline-seller-customers", MeterlineSellerCustomers);

// src/seller/revenue.ts
var CUTS = [["customer", "By customer"], ["item", "By item"], ["plan", "By plan"]], HEADS = { customer: "Customer", item: "Item", plan: "Plan" }, MONTHS = ["1", "3", "6", "12"], MeterlineSellerRevenue = class extends SellerPage {
 constructor() {
  super();
  this.revenue = this.pages(() => ({
   path: "operator/revenue",
   query: { billingPeriod: this.month, months: this.months, by: this.by }
  }));
  this.onMonth = (event) => {
   let { value } = event.currentTarget;
   /^\d{4}-\d{2}$/.test(value) && (this.month = value);
  };
  this.onMonths = (event) => {
   this.months = event.currentTarget.value;
  };
  let query = new URLSearchParams(location.search), asked = query.get("billingPeriod") ?? "";
  this.month = /^\d{4}-\d{2}$/.test(asked) ? asked : (/* @__PURE__ */ new Date()).toISOString().slice(0, 7), this.months = MONTHS.find((count) => count === query.get("months")) ?? "1", this.by = CUTS.map(([cut]) => cut).find((cut) => cut === query.get("by")) ?? "customer";
 }
 static {
  this.properties = {
   ...SellerPage.properties,
   month: { state: !0 },
   months: { state: !0 },
   by: { state: !0 }
  };
 }
 updated() {
  super.updated();
  let query = new URLSearchParams({ billingPeriod: this.month, months: this.months, by: this.by });
  history.replaceState(null, "", `${location.pathname}?${query.toString()}`);
 }
 renderPage() {
  return b2`${heading({ title: s4("Revenue") })}
   <div class="choices controls">
    <label>${s4("Last month")}<input class="input" type="month" required .value=${this.month} @change=${this.onMonth} /></label>
    <label>${s4("Months")}<select class="select" @change=${this.onMonths}>${MONTHS.map((count) => b2`<option value=${count} ?selected=${count === this.months}>${count}</option>`)}</select></label>
    <div class="segments" role="group" aria-label=${s4("Rows")}>${CUTS.map(([cut, text]) => b2`<button type="button"
     aria-pressed=${cut === this.by} @click=${() => this.by = cut}>${s4(text)}</button>`)}</div>
   </div>
   ${this.renderData(this.revenue.first, (found) => this.renderRevenue(found))}`;
 }
 renderRevenue(found) {
  let { format } = this;
  if (found.rows.length === 0) return emptyState(s4("Nothing is billed in these months"), s4("Choose another month, or apply contracts that have a period in it."));
  let span = found.firstPeriod === found.billingPeriod ? this.monthName(found.billingPeriod) : s4("{first} to {last}", { first: this.monthName(found.firstPeriod), last: this.monthName(found.billingPeriod) });
  return b2`<dl class="card kpis">${found.totals.map((total) => b2`<div class="kpi" data-total=${total.currency}>
    <dt>${span}, ${total.currency}</dt><dd class="big" data-value=${total.amount}>${format.money(total.amount, total.currency)}</dd>
    <dd class="small">${s4("of it final: {amount}", { amount: format.money(total.final, total.currency) })}</dd></div>
    <div class="kpi"><dt>${s4("Bills")}</dt><dd class="big">${total.invoices + total.drafts}</dd>
    <dd class="small">${s4("{final} final, {live} live", { final: total.invoices, live: total.drafts })}</dd></div>`)}</dl>
   ${found.totals.map((total) => this.renderTotal(found, total.currency))}
   ${this.renderMore(this.revenue)}
   <p class="note">${s4("Each total is the exact sum of the totals of its invoices and live bills; the rows are the lines of the same bills.")}
    ${found.isWhole ? A : b2`<b>${s4("There are more bills than are added up at once: these are not all. Choose fewer months.")}</b>`}</p>`;
 }
 renderTotal(found, currency) {
  let { format } = this, rows = this.revenue.all.flatMap((page) => page.rows).filter((row3) => row3.currency === currency), total = found.totals.find((one) => one.currency === currency), top = largest(rows.map(({ amount }) => amount)), row2 = ({ key, label, amount, share, final, bills }) => b2`<tr data-row=${key}>
   <th scope="row">${label}${found.by === "customer" && label !== key ? b2` <span class="small mono">${key}</span>` : A}</th>
   <td class="right" data-value=${amount}>${format.money(amount, currency)}</td>
   <td class="fill-cell"><span class="fill" aria-hidden="true"><span ${place({ width: `${(part(amount, top) * 100).toFixed(2)}%` })}></span></span></td>
   <td class="right">${share === null ? "–" : format.percent(share)}</td>
   <td class="right">${format.money(final, currency)}</td><td class="right">${bills}</td></tr>`;
  return b2`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${s4("Revenue in {currency}", { currency })}><table class="stacks">
   <thead><tr><th scope="col">${s4(HEADS[found.by])}</th><th scope="col" class="right">${s4("Amount")}</th><th></th><th scope="col" class="right">${s4("Share")}</th>
    <th scope="col" class="right">${s4("Final")}</th><th scope="col" class="right">${s4("Bills")}</th></tr></thead>
   <tbody>${rows.map(row2)}</tbody>
   ${total === void 0 ? A : b2`<tfoot><tr><th scope="row">${s4("Total")}</th><td class="right" data-value=${total.amount}>${format.money(total.amount, currency)}</td>
    <td></td><td></td><td class="right">${format.money(total.final, currency)}</td><td class="right">${total.invoices + total.drafts}</td></tr></tfoot>`}
  </table></div></section>`;
 }
};
define("meterline-seller-revenue", MeterlineSellerRevenue);

// src/seller/sessions.ts
var KINDS = { embed: "Embedded", link: "Link", operator: "Seen as customer" }, MeterlineSellerSessions = class extends SellerPage {
 constructor() {
  super();
  this.sessions = this.pages(() => ({
   path: "operator/sessions",
   query: { customer: this.customer, ended: this.hasEnded ? "true" : "" }
  }));
  this.onFilter = (event) => {
   event.preventDefault(), this.customer = String(new FormData(event.currentTarget).get("customer")).trim();
  };
  this.onEnded = (event) => {
   this.hasEnded = event.currentTarget.checked;
  };
  this.hasEnded = !1, this.customer = "", this.revoking = "";
 }
 static {
  this.properties = {
   ...SellerPage.properties,
   hasEnded: { state: !0 },
   customer: { state: !0 },
   revoking: { state: !0 }
  };
 }
 renderPage() {
  return b2`${heading({ title: s4("Portal sessions") })}
   <form class="choices controls" @submit=${this.onFilter}>
    <label>${s4("Customer key")}<input class="input" name="customer" maxlength="128" .value=${this.customer} /></label>
    <button class="button">${s4("Show")}</button>
    <label class="toggle"><input type="checkbox" .checked=${this.hasEnded} @change=${this.onEnded} />${s4("Also those that ended in the last 30 days")}</label>
   </form>
   ${this.renderTable(
   s4("Sessions"),
   this.sessions,
   ["Customer", "Kind and reason", "Made by", "Opened", "Last used", "Ends", ""],
   ({ sessions }) => sessions,
   (row2) => this.renderRow(row2),
   { title: s4("Nobody is in"), text: s4("A session appears here when your platform makes one, or with meterline portal link --customer KEY.") }
  )}
   <p class="note">${s4("Every session is in the audit trail as well, with who made it and why: meterline audit list.")}</p>`;
 }
 renderRow(row2) {
  let { format } = this, moment = (time) => time === null ? "–" : format.moment(time);
  return b2`<tr data-session=${row2.id} class=${row2.isOver ? "is-over" : ""}>
   <th scope="row">${row2.customer}<span class="small mono below">${row2.id.slice(0, 8)}</span></th>
   <td class="wide">${s4(KINDS[row2.kind])}${row2.reason === "" ? A : b2`<span class="small below">${row2.reason}</span>`}</td>
   <td class="moments">${row2.createdBy}<span class="small below">${moment(row2.createdAt)}</span></td>
   <td class="moments">${row2.kind === "embed" ? "–" : row2.redeemedAt === null ? s4("not yet") : moment(row2.redeemedAt)}</td>
   <td class="moments">${moment(row2.lastUsedAt)}</td>
   <td class="moments">${row2.revokedAt === null ? moment(row2.endsAt) : b2`${s4("revoked")} <span class="small below">${moment(row2.revokedAt)}</span>`}</td>
   <td class="right">${row2.isOver ? A : this.renderRevoke(row2)}</td></tr>`;
 }
 renderRevoke({ id, customer }) {
  return this.revoking !== id ? b2`<button class="button" type="button" aria-label=${s4("Revoke the session of {customer}", { customer })} @click=${() => this.revoking = id}>${s4("Revoke")}</button>` : b2`<span class="buttons"><button class="button is-danger" type="button" @click=${() => this.onRevoke(id)}>${s4("End it now")}</button>
   <button class="button is-bare" type="button" @click=${() => this.revoking = ""}>${s4("Keep it")}</button></span>`;
 }
 async onRevoke(id) {
  this.revoking = "";
  try {
   await client.remove(`operator/sessions/${encodeURIComponent(id)}`), this.notice = s4("The session has ended."), this.sessions.first.refresh();
  } catch (error) {
   if (!(error instanceof Problem)) throw error;
   this.onProblem(error);
  }
 }
};
define("meterline-seller-sessions", MeterlineSellerSessions);

// src/seller/unbilled.ts
var MeterlineSellerUnbilled = class extends SellerPage {
 constructor() {
  super(...arguments);
  this.unbilled = this.pages(() => ({ path: "operator/unbilled" }));
 }
 get hasWords() {
  return !0;
 }
 renderPage() {
  let first = this.unbilled.first.data;
  return b2`${heading({ title: s4("Unbilled usage"), sub: s4("Usage that is counted or kept, and that no invoice will have as things are.") })}
   ${this.renderData(this.unbilled.first, () => this.renderGroups())}
   ${first === null || first.filled ? A : b2`<p class="note">${s4("A meter is still being counted from the past: more may follow.")}</p>`}`;
 }
 renderGroups() {
  let rows = this.unbilled.all.flatMap((page) => page.rows);
  if (rows.length === 0 && this.unbilled.next === null)
   return emptyState(s4("Everything is billed"), s4("All usage that was reported is on an invoice, or will be."));
  let groups = [...Map.groupBy(rows, ({ reason, detail, meter }) => JSON.stringify([reason, detail, meter])).values()];
  return b2`${groups.map((group) => this.renderGroup(group, groups.length === 1))}${this.renderMore(this.unbilled)}`;
 }
 renderGroup(rows, isOpen) {
  let [first] = rows;
  if (first === void 0) return A;
  let { format, words } = this, count = (number) => format.decimal(String(number)), customers = count(new Set(rows.map(({ customer }) => customer)).size), events = count(rows.reduce((sum2, { eventCount }) => sum2 + eventCount, 0)), name = first.meter === null ? s4("No meter") : words.meter(first.meter);
  return b2`<section class="card group"><details ?open=${isOpen} data-reason=${first.reason}>
   <summary><h2 class="card-title">${name}</h2><span class="why">${told(first.meaning)}</span>
    <span class="small mono">${first.detail ?? first.reason}</span>
    <span class="small">${s4("customers: {customers} · events: {events}", { customers, events })}${this.unbilled.next === null ? "" : "+"}</span></summary>
   <div class="scroll" role="region" tabindex="0" aria-label=${name}><table class="stacks">
    <thead><tr><th scope="col">${s4("Customer")}</th><th scope="col">${s4("Period")}</th><th scope="col" class="right">${s4("Events")}</th>
     <th scope="col" class="right">${s4("Quantity")}</th><th scope="col">${s4("From, to")}</th><th scope="col">${s4("What to do")}</th></tr></thead>
    <tbody>${rows.map((row2) => this.renderRow(row2))}</tbody></table></div></details></section>`;
 }
 renderRow(row2) {
  let { format, words } = this, moments = [row2.firstTime, row2.lastTime].filter((time) => time !== null).map((time) => format.moment(time));
  return b2`<tr data-reason=${row2.reason}>
   <th scope="row">${row2.customer ?? "–"}</th>
   <td class="moments">${row2.billingPeriod === null ? "–" : this.monthName(row2.billingPeriod)}${row2.contract === null ? A : b2`<span class="small mono below">${row2.contract}</span>`}</td>
   <td class="right" data-value=${row2.eventCount}>${format.decimal(String(row2.eventCount))}</td>
   <td class="right">${row2.quantity === null ? "–" : b2`<span data-value=${row2.quantity}>${words.quantity(row2.quantity, row2.unit)}</span>`}</td>
   <td class="small moments">${moments.map((moment) => b2`<span class="below">${moment}</span>`)}</td>
   <td class="wide"><span class="command"><code class="mono">${row2.command.split(" ").map((word) => b2`<span>${word}</span> `)}</code><button class="button is-bare" type="button" aria-label=${s4("Copy: {command}", { command: row2.command })}
    @click=${() => this.onCopy(row2.command)}>${s4("Copy")}</button></span></td></tr>`;
 }
 async onCopy(command) {
  this.notice = await copy(command) ? s4("The command is copied.") : s4("The browser does not allow copying; select the command instead.");
 }
};
define("meterline-seller-unbilled", MeterlineSellerUnbilled);

// src/views/operator.ts
var TABS = {
 customers: { name: "Customers", page: () => b2`<meterline-seller-customers></meterline-seller-customers>` },
 revenue: { name: "Revenue", page: () => b2`<meterline-seller-revenue></meterline-seller-revenue>` },
 catalog: { name: "Catalog", page: () => b2`<meterline-seller-catalog></meterline-seller-catalog>` },
 unbilled: { name: "Unbilled", page: () => b2`<meterline-seller-unbilled></meterline-seller-unbilled>` },
 sessions: { name: "Sessions", page: () => b2`<meterline-seller-sessions></meterline-seller-sessions>` },
 branding: { name: "Branding", page: () => b2`<meterline-seller-branding></meterline-seller-branding>` }
}, MeterlineOperator = class extends MeterlineElement {
 constructor() {
  super();
  this.onLanguage = (event) => {
   let language = event.currentTarget.value;
   keepLanguage(language), this.speak(language);
  };
  this.onSignIn = (event) => {
   event.preventDefault();
   let form2 = event.currentTarget, token = String(new FormData(form2).get("token")).trim();
   token !== "" && (form2.reset(), this.signIn(token));
  };
  this.onSignOut = () => {
   client.reset(), this.isSignedIn = !1;
  };
  this.onHash = () => {
   let token = decodeURIComponent(location.hash.slice(1));
   token !== "" && (history.replaceState(null, "", location.pathname + location.search), this.signIn(token));
  };
  this.onError = (event) => {
   event.detail.kind === "expired" && (this.notice = event.detail.detail || s4("The token is not good any more; give another one."), this.isSignedIn = !1);
  };
  this.onPopState = () => {
   this.tab = tabOf(location.pathname);
  };
  this.onLink = (event, tab) => {
   event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0 || (event.preventDefault(), history.pushState(null, "", `/seller/${tab}`), this.tab = tab);
  };
  this.isSignedIn = !1, this.language = null, this.tab = tabOf(location.pathname), this.notice = "";
 }
 static {
  this.styles = MeterlineElement.stylesWith(operator_default);
 }
 static {
  this.properties = { isSignedIn: { state: !0 }, language: { state: !0 }, tab: { state: !0 }, notice: { state: !0 } };
 }
 connectedCallback() {
  super.connectedCallback(), addEventListener("popstate", this.onPopState), addEventListener("hashchange", this.onHash), this.addEventListener("meterline-error", this.onError), this.onHash(), this.speak(sellerLanguage());
 }
 disconnectedCallback() {
  super.disconnectedCallback(), removeEventListener("popstate", this.onPopState), removeEventListener("hashchange", this.onHash), this.removeEventListener("meterline-error", this.onError);
 }
 render() {
  return this.language === null ? b2`<div class="reset frame"></div>` : b2`<div class="reset frame">
   ${this.isSignedIn ? this.renderPages() : this.renderSignIn()}
  </div>`;
 }
 updated() {
  this.renderRoot.querySelector("nav [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" }), document.title = `${s4(TABS[this.tab].name)} · Meterline`;
 }
 renderSignIn() {
  return b2`<main class="page"><form class="card sign-in" @submit=${this.onSignIn}>
   <h1 class="page-title">${s4("The seller's pages")}</h1>
   <p class="hint">${s4("They show all customers. Give a token of the suite with the scope read, or open the link that this command prints:")} <code class="mono">meterline portal seller</code>. ${s4("The token is kept until this page is closed or loaded again.")}</p>
   <label>${s4("Token")}<input class="input" name="token" type="password" required autocomplete="off" spellcheck="false" /></label>
   <button class="button is-primary">${s4("Sign in")}</button>
   ${this.notice === "" ? A : b2`<p class="note" role="alert">${this.notice}</p>`}
  </form></main>`;
 }
 renderPages() {
  return b2`<header class="bar controls"><nav aria-label=${s4("Pages")}><ul>${Object.keys(TABS).map((tab) => b2`<li><a href=${`/seller/${tab}`}
    aria-current=${tab === this.tab ? "page" : "false"} @click=${(event) => this.onLink(event, tab)}>${s4(TABS[tab].name)}</a></li>`)}</ul></nav>
   <select class="select" aria-label=${s4("Language")} @change=${this.onLanguage}>${Object.entries(LANGUAGES).map(([language, name]) => b2`<option
    value=${language} lang=${language} ?selected=${language === this.language}>${name}</option>`)}</select>
   <button class="button" type="button" @click=${this.onSignOut}>${s4("Sign out")}</button></header>
   <main class="wide-page">${i6(this.language, TABS[this.tab].page())}</main>`;
 }
 async speak(language) {
  try {
   await speakTo(language);
  } catch (error) {
   if (!(error instanceof Problem)) throw error;
   this.notice = error.message, this.language === null && await speakTo("en");
  }
  this.language = language, document.documentElement.lang = language;
 }
 signIn(token) {
  client.configure({ baseUrl: location.origin, fetchToken: () => Promise.resolve(token) }), this.notice = "", this.isSignedIn = !0;
 }
};
function tabOf(path) {
 let name = path.split("/")[2] ?? "";
 return name in TABS ? name : "customers";
}
define("meterline-operator", MeterlineOperator);

// src/script.ts
function script(name) {
 return import(new URL(`./${name}.js`, import.meta.url).href);
}

// src/styles/overview.css
var overview_default = `.bill { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 9fr); gap: 24px 40px; align-items: center; }
.hero { font: 650 40px/1.2 var(--_font); letter-spacing: -0.03em; margin: 2px 0 14px; }
.hero .figure { text-decoration-thickness: 2px; text-underline-offset: 0.18em; }
.growth-head { display: flex; justify-content: space-between; gap: 12px; margin-bottom: 4px; }

.items > li {
 display: grid;
 grid-template-columns: minmax(140px, 1.2fr) minmax(60px, 3fr) minmax(96px, auto);
 gap: 4px 20px;
 align-items: center;
 padding: 10px 0;
 border-top: 1px solid var(--_line);
}

.item-name { min-width: 0; overflow-wrap: anywhere; }
.item-name .small { display: block; }
.items .right { font-weight: 500; }
.track { display: block; height: 8px; border-radius: 4px; background: var(--_line); overflow: clip; }
.track .bar { display: block; height: 100%; min-width: 2px; border-radius: 4px; background: var(--_c1); forced-color-adjust: none; }
.track .bar.is-spent { background: var(--_warning); }

summary { cursor: pointer; }
.reasons > span { display: inline-block; margin-right: 14px; }

@container (max-width: 760px) {
 .bill { grid-template-columns: minmax(0, 1fr); }
}

@container (max-width: 560px) {
 .hero { font-size: 34px; }
 .items > li { grid-template-columns: minmax(0, 1fr) auto; }
 .items .track, .reasons { grid-row: 2; grid-column: 1 / -1; }
}

@media print { .track { print-color-adjust: exact; } }
`;

// src/views/overview.ts
var MeterlineOverview = class extends MeterlineView {
 constructor() {
  super();
  this.view = "overview";
  this.overview = new Resource(
   this,
   () => this.isOpen && this.period !== void 0 ? { path: "overview", query: { billingPeriod: this.period.billingPeriod } } : null,
   { onProblem: this.onProblem }
  );
  this.reasons = null;
  this.variance = new Resource(
   this,
   () => this.reasons === null || this.period === void 0 ? null : { path: "overview/variance", query: { billingPeriod: this.period.billingPeriod } },
   { onProblem: this.onProblem }
  );
  this.openReasons = async ({ currentTarget }) => {
   let details = currentTarget;
   try {
    this.reasons = details.open ? (await script("reasons")).renderReasons : null, this.requestUpdate();
   } catch {
    details.open = !1, this.notice = this.context?.t("problem.unavailable") ?? "";
   }
  };
  this.explained = null;
 }
 static {
  this.styles = MeterlineElement.stylesWith(overview_default);
 }
 static {
  this.properties = { explained: { state: !0 } };
 }
 renderPage(context) {
  let { t: t5, session, words } = context, period = this.period;
  if (period === void 0) return emptyState(t5("overview.empty"), t5("overview.emptyText"));
  let days = `${context.format.period(period.start, period.end)} · ${t5("period.days", { zone: words.zone(period.timeZone) })}`;
  return b2`
   ${heading({
   title: session.customer.name || session.customer.key,
   sub: days,
   freshness: this.renderFreshness(this.overview, this.overview.data?.billSoFar.final ?? !1),
   period: periodSwitch(context, period, (billingPeriod) => this.change({ billingPeriod })),
   actions: this.renderCurl(context, "overview", { billingPeriod: period.billingPeriod })
  })}
   ${this.renderResource(context, this.overview, [16, 56, 160, 24, 24], (data) => this.renderOverview(context, data))}
   ${explainedDrawer(context, this.explained, () => this.explained = null)}`;
 }
 renderOverview(context, found) {
  let { waterfall } = found, data = { ...found, items: named(context, found.items), waterfall: waterfall && { ...waterfall, steps: named(context, waterfall.steps) } };
  return data.items.length === 0 && isZero(data.billSoFar.amount) ? emptyState(context.t("overview.empty"), context.t("overview.emptyText")) : b2`
   <section class="card bill">${this.renderBill(context, data)}${this.renderGrowth(context, data)}</section>
   ${data.waterfall === null ? A : b2`${this.renderWhy(context, data, data.waterfall)}
    <details class="card" @toggle=${this.openReasons}><summary class="card-title">${context.t("overview.reasons")}</summary>
     ${this.reasons === null ? A : this.renderResource(context, this.variance, [216], (found2) => this.reasons?.(b2, context, found2, (each) => this.explain(each)) ?? b2``)}</details>`}
   ${this.renderItems(context, data)}
   ${data.included.length === 0 ? A : this.renderIncluded(context, data)}`;
 }
 renderBill(context, data) {
  let { t: t5, format } = context, { billSoFar, samePoint, lastInvoice } = data, title = t5(billSoFar.final ? "overview.bill" : "overview.billSoFar"), text = format.money(billSoFar.amount, billSoFar.currency), explainBill = () => this.explain({
   title,
   text,
   sentence: billSoFar.final ? t5("overview.explainFinal", { number: this.period?.invoice ?? "" }) : t5("overview.explainBill", { count: data.items.length }),
   rows: data.items.map((item) => [item.label, format.money(item.amount, billSoFar.currency)]),
   action: { text: t5(billSoFar.final ? "overview.openInvoice" : "overview.openLive"), run: () => this.openInvoice("") }
  });
  return b2`<div>
   <h2 class="hint plain">${title}</h2>
   <p class="hero" data-figure="bill">${figure(text, billSoFar.amount, title, explainBill)}</p>
   <dl class="rows">
    ${samePoint === null ? A : b2`<div><dt>${t5("overview.samePoint")}</dt><dd>
     ${figure(format.money(samePoint.amount, billSoFar.currency), samePoint.amount, t5("overview.samePoint"), () => this.explain({
   title: t5("overview.samePoint"),
   text: format.money(samePoint.amount, billSoFar.currency),
   sentence: t5("overview.explainSamePoint", { days: samePoint.days }),
   rows: []
  }))} ${changeOf(context, samePoint.change)}</dd></div>`}
    ${lastInvoice === null ? A : b2`<div><dt>${t5(lastInvoice.number === this.period?.invoice ? "invoice.title" : "overview.lastInvoice", { number: lastInvoice.number })}</dt><dd>
     ${figure(format.money(lastInvoice.total, lastInvoice.currency), lastInvoice.total, lastInvoice.number, () => this.navigate(`/invoices/${lastInvoice.number}`, ""))}
    </dd></div>`}
   </dl>
  </div>`;
 }
 renderGrowth(context, data) {
  let { cumulative, billSoFar } = data;
  if (cumulative === null) return A;
  let { t: t5, format } = context, hasPrevious = cumulative.previous.some((amount) => amount !== null), model = {
   name: t5("overview.cumulative"),
   keysHint: t5("explore.chartKeys"),
   totalText: t5("explore.total"),
   previousText: t5("overview.lastPeriod"),
   buckets: cumulative.buckets.map(({ start, end }) => ({
    key: format.bucketKey(start, "day"),
    label: format.bucket(start, "day"),
    full: format.bucketInFull(start, end, "day"),
    row: "",
    column: ""
   })),
   rows: [],
   series: [{ key: "bill", label: t5("overview.thisPeriod"), look: "s1", values: cumulative.amounts }],
   totals: null,
   previous: hasPrevious ? cumulative.previous : null,
   print: (text) => format.money(text, billSoFar.currency),
   tick: (value) => format.tick(value, billSoFar.currency)
  }, open2 = (event) => {
   let bucket = cumulative.buckets[event.detail.index], amount = cumulative.amounts[event.detail.index] ?? null;
   if (bucket === void 0 || amount === null) return;
   let text = model.print(amount), title = format.bucketInFull(bucket.start, bucket.end, "day");
   this.explain({ title, text, sentence: t5("overview.cumulative"), rows: [] });
  };
  return b2`<figure>
   <figcaption class="growth-head"><span class="hint">${t5("overview.cumulative")}</span>
    <ul class="legend">${hasPrevious ? b2`<li><span class="dash"></span>${t5("overview.lastPeriod")}</li>` : A}</ul>
   </figcaption>
   <meterline-chart kind="line" height="216" .model=${model} @bucket-open=${open2}></meterline-chart>
  </figure>`;
 }
 renderWhy(context, data, waterfall) {
  let { t: t5, format, words } = context, { currency } = data.billSoFar, end = (key, { label, amount }) => {
   let [billingPeriod = label, part2 = ""] = label.split(", ", 2), period = context.periods.find((each) => each.billingPeriod === billingPeriod), name = period === void 0 ? billingPeriod : periodName(format, period, !0), detail = part2 === "" || data.samePoint === null ? "" : t5("overview.firstDays", { days: data.samePoint.days });
   return { key, label: name, detail, bare: detail, value: amount, text: format.money(amount, currency), isEnd: !0 };
  }, steps = [
   end("from", waterfall.from),
   ...waterfall.steps.map((step) => ({
    key: step.item,
    label: step.item === "" ? t5("invoices.adjusted") : step.label,
    value: step.amount,
    text: format.moneyChange(step.amount, currency),
    isEnd: !1,
    ...step.quantityBefore === null || step.quantity === null ? { detail: "", bare: "" } : {
     detail: `${format.decimal(step.quantityBefore)} → ${words.quantity(step.quantity, step.unit)}`,
     bare: `${format.decimal(step.quantityBefore)} → ${format.decimal(step.quantity)}`
    }
   })),
   end("to", waterfall.to)
  ], open2 = (event) => {
   let step = steps.find(({ key, isEnd }) => key === event.detail.key && !isEnd);
   if (step === void 0) return;
   let line = data.items.find(({ item }) => item === step.key);
   this.explain({
    title: step.label,
    text: step.text,
    sentence: t5("overview.explainStep", { item: step.label }),
    rows: step.detail === "" ? [] : [[t5("explore.quantity"), step.detail]],
    action: line === void 0 ? void 0 : { text: t5("overview.openLine"), run: () => this.openInvoice(line.lineId) }
   });
  };
  return b2`<section class="card">
   <div class="card-head"><h2 class="card-title">${t5("overview.why")}</h2><span class="hint">${t5("overview.whyHint")}</span></div>
   <meterline-waterfall name=${t5("overview.why")} .steps=${steps} @step-open=${open2}></meterline-waterfall>
  </section>`;
 }
 renderItems(context, data) {
  let { t: t5, format } = context, top = largest(data.items.map(({ amount }) => amount));
  return b2`<section class="card">
   <div class="card-head"><h2 class="card-title">${t5("overview.madeOf")}</h2><span class="spacer"></span>
    <button class="button controls" type="button" @click=${() => this.openInvoice("")}>
     ${t5(data.billSoFar.final ? "overview.openInvoice" : "overview.openLive")}</button>
   </div>
   <ul class="items">
    ${data.items.map((item) => this.renderItem(context, item, top, data.billSoFar.currency))}
    ${isZero(data.adjustments) ? A : b2`<li>
     <span class="item-name">${t5("invoices.adjusted")}</span><span></span>
     <span class="right">${figure(format.money(data.adjustments, data.billSoFar.currency), data.adjustments, t5("invoices.adjusted"), () => this.openInvoice(""))}</span>
    </li>`}
   </ul>
  </section>`;
 }
 renderItem(context, item, top, currency) {
  let { t: t5, format, words } = context, text = format.money(item.amount, currency), quantity = item.unit === "" ? "" : words.quantity(item.quantity, item.unit), explain = () => this.explain({
   title: item.label,
   text,
   sentence: t5("overview.explainAmount", { item: item.label }),
   rows: quantity === "" ? [] : [[t5("explore.quantity"), quantity]],
   action: { text: t5("overview.openLine"), run: () => this.openInvoice(item.lineId) }
  });
  return b2`<li data-item=${item.item}>
   <span class="item-name">${item.label}<span class="small"> ${quantity}</span></span>
   <span class="track" aria-hidden="true"><span class="bar" ${place({ width: `${(part(item.amount, top) * 100).toFixed(2)}%` })}></span></span>
   <span class="right">${figure(text, item.amount, item.label, explain)}</span>
  </li>`;
 }
 renderIncluded(context, data) {
  let { t: t5, format, words } = context;
  return b2`<section class="card">
   <div class="card-head"><h2 class="card-title">${t5("overview.included")}</h2></div>
   <ul class="items">${data.included.map((each) => b2`<li>
    <span class="item-name">${each.label}</span>
    <span class="track" aria-hidden="true"><span class="bar ${isZero(each.left) ? "is-spent" : ""}" ${place({ width: `${(part(each.used, each.included) * 100).toFixed(2)}%` })}></span></span>
    <span class="right">${t5("overview.left", { left: format.decimal(each.left), included: words.quantity(each.included, each.unit) })}</span>
   </li>`)}</ul>
  </section>`;
 }
 explain(explained) {
  this.explained = { ...explained, fresh: this.overview.data };
 }
 openInvoice(line) {
  let period = this.period, name = period?.invoice ?? "draft", billingPeriod = period?.invoice === null ? period.billingPeriod : null;
  this.navigate(`/invoices/${name}`, this.state.after({ line: line || null, ...billingPeriod === null ? {} : { billingPeriod } }));
 }
};
define("meterline-overview", MeterlineOverview);

// src/parts/allowances.ts
function allowances(context, entitlements) {
 return entitlements.length === 0 ? A : b2`<section class="card allowances">
  <div class="card-head"><h2 class="card-title">${context.t("allowance.title")}</h2></div>
  <ul class="items">${entitlements.map((one) => allowance(context, one))}</ul>
 </section>`;
}
function allowance(context, one) {
 let { limit, used } = one;
 return b2`<li data-feature=${one.feature}>
  <span class="item-name">${one.feature}${one.label === "" || one.label === one.feature ? A : b2`<span class="small">${one.label}</span>`}</span>
  ${limit === null || used === null ? A : b2`<span class="track" aria-hidden="true"><span class="bar ${isSpent(one) ? "is-spent" : ""}"
   ${place({ width: `${(isZero(limit) ? 100 : Math.min(1, part(used, limit)) * 100).toFixed(2)}%` })}></span></span>`}
  <span class="right" data-value=${one.remaining ?? used ?? A}>${standing(context, one)}</span>
  ${limit === null ? A : b2`<div class="allowance-detail small"><p>${sentences(context, one).join(" ")}</p>${sources(context, one)}</div>`}
 </li>`;
}
function isSpent({ remaining }) {
 return remaining !== null && isZero(remaining);
}
function standing({ t: t5, format, words }, one) {
 if (one.used === null) return one.value === "" ? t5("allowance.has") : one.value;
 let used = words.quantity(one.used, one.unit);
 if (one.limit === null) return t5("allowance.noLimit", { used });
 let limit = words.quantity(one.limit, one.unit);
 return one.beyond !== null && !isZero(one.beyond) ? t5("allowance.beyond", { beyond: format.decimal(one.beyond), limit }) : isSpent(one) ? t5("allowance.spent", { limit }) : t5("allowance.limit", { remaining: format.decimal(one.remaining ?? "0"), limit });
}
function sentences({ t: t5, format, words }, one) {
 let said = [`${t5("allowance.used", { used: words.quantity(one.used ?? "0", one.unit) })}.`];
 return one.held !== null && !isZero(one.held) && said.push(`${t5("allowance.held", { held: words.quantity(one.held, one.unit) })}.`), said.push(t5("allowance.resets", { date: format.civilDate(one.resetsOn) })), isSpent(one) ? said.push(t5(one.isSoft ? "allowance.soft" : "allowance.hard")) : one.runsOutOn !== null ? said.push(t5("allowance.runsOut", { date: format.civilDate(one.runsOutOn) })) : isZero(one.used ?? "0") || said.push(t5("allowance.lasts")), said;
}
function sources({ t: t5, format, words }, one) {
 return one.sources.every(({ kind }) => kind === "plan") ? A : b2`<ul class="allowance-sources">${one.sources.map((source) => b2`<li data-source=${source.kind}>
  ${t5(`allowance.${source.kind}`, { name: source.name, remaining: words.quantity(source.remaining ?? "0", one.unit) })}${source.lastDay === null ? A : `, ${t5("allowance.until", { date: format.civilDate(source.lastDay) })}`}</li>`)}</ul>`;
}

// src/styles/plan.css
var plan_default = `.terms { display: flex; flex-wrap: wrap; gap: 12px 40px; margin-top: 12px; }
.terms dt { font-size: 12px; color: var(--_text-2); }
.terms dd { margin: 0; font-weight: 500; }
.prices { columns: 420px; column-gap: 16px; }
.prices > li { break-inside: avoid; margin-bottom: 16px; }
.prices .explained-sentence { margin: 10px 0 4px; }
.prices table { margin-top: 12px; }
.prices .section-title { margin-top: 16px; }
.quote { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; margin-top: 12px; font-size: 13px; }
.quote .input { width: 120px; }
.coming { border-left: 3px solid var(--_warning); }
.coming .icon { color: var(--_warning); }
.coming dd { max-width: 64ch; }
.allowances .items > li { align-items: start; }
.allowances .right { grid-column: -2; }
.allowances .track { margin-top: 6px; }
.allowance-detail { grid-column: 1 / -1; max-width: 72ch; }
.allowance-detail p { margin: 0; }
.allowance-sources { margin-top: 2px; }
@container (min-width: 561px) {
 .allowances .items > li { grid-template-columns: minmax(140px, 1.2fr) minmax(60px, 2fr) minmax(96px, 1.4fr); }
}
`;

// src/views/plan.ts
var MeterlinePlan = class extends MeterlineView {
 constructor() {
  super(...arguments);
  this.view = "plan";
  this.plan = new Resource(
   this,
   () => this.isOpen && this.period !== void 0 ? { path: "plan", query: { billingPeriod: this.period.billingPeriod } } : null,
   { onProblem: this.onProblem }
  );
  this.entitlements = new Resource(this, () => this.isOpen ? { path: "plan/entitlements" } : null, { onProblem: this.onProblem });
  this.quote = new Resource(this, () => {
   let [item, quantity] = [this.state.get("priced"), this.state.get("quantity")];
   return this.isOpen && this.period !== void 0 && item !== "" && isDecimal(quantity) ? { path: "plan/quote", query: { billingPeriod: this.period?.billingPeriod ?? null, item, quantity } } : null;
  }, { isKept: !1, onProblem: this.onProblem });
 }
 static {
  this.styles = MeterlineElement.stylesWith(overview_default, line_default, plan_default);
 }
 renderPage(context) {
  let { t: t5 } = context;
  return this.period === void 0 ? emptyState(t5("plan.empty"), t5("plan.emptyText")) : b2`
   ${heading({
   title: t5("view.plan"),
   period: periodSwitch(context, this.period, (billingPeriod) => this.change({ billingPeriod })),
   actions: this.renderCurl(context, "plan", { billingPeriod: this.period.billingPeriod })
  })}
   ${this.renderResource(context, this.plan, [32, 80, 80, 80], (data) => this.renderPlan(context, data))}
   ${this.renderQuote(context)}`;
 }
 renderPlan(context, data) {
  let { t: t5, format, words } = context;
  return b2`
   <section class="card">
    <div class="card-head"><h2 class="card-title">${data.plan}</h2><span class="badge">${t5("plan.version")} ${data.version}</span></div>
    ${data.description === "" ? A : b2`<p class="hint">${data.description}</p>`}
    <dl class="terms">
     <div><dt>${t5("plan.contract")}</dt><dd>${data.contract}</dd></div>
     <div><dt>${t5("plan.from")}</dt><dd>${format.civilDate(data.start)}</dd></div>
     <div><dt>${t5("plan.to")}</dt><dd>${data.end === null ? t5("plan.open") : format.civilDate(data.end, -1)}</dd></div>
     <div><dt>${t5("plan.currency")}</dt><dd>${data.currency}</dd></div>
     <div><dt>${t5("plan.zone")}</dt><dd>${words.zone(data.timeZone)}</dd></div>
     ${data.agreed.map(({ kind, name, percent, amount, usage, usagePercent, items, start, until }) => b2`<div data-agreed=${name}><dt>${t5(`line.${kind}`)}: ${name}</dt>
      <dd>${percent !== null ? format.percent(percent) : amount !== null ? format.money(amount, data.currency) : t5("plan.unitsOff", { quantity: usage === null ? format.percent(usagePercent ?? "0") : format.decimal(usage) })}
       <span class="small">${[...items, `${format.civilDate(start)} – ${until === null ? t5("plan.open") : format.civilDate(until, -1)}`].join(" · ")}</span></dd></div>`)}
    </dl>
   </section>
   ${allowances(context, this.isCurrent ? this.entitlements.data?.entitlements ?? [] : [])}
   ${data.coming.map((change) => this.renderComing(context, data, change))}
   <ul class="prices">${data.items.map((item) => this.renderItem(context, data, item))}</ul>`;
 }
 get isCurrent() {
  return this.period?.state === "open";
 }
 renderItem(context, data, item) {
  let { t: t5, format, words } = context, terms = [];
  return item.amount !== null && item.blockSize !== null && terms.push([t5("plan.blockAmount"), format.money(item.amount, data.currency), item.amount]), item.unitPrice !== null && terms.push([t5("plan.unitPrice"), format.money(item.unitPrice, data.currency), item.unitPrice]), item.blockSize !== null && terms.push([t5("plan.blockSize"), words.quantity(item.blockSize, item.unit), item.blockSize]), item.included !== null && !isZero(item.included) && terms.push([t5("plan.included"), words.quantity(item.included, item.unit), item.included]), item.minimum !== null && !isZero(item.minimum) && terms.push([t5("plan.minimum"), format.money(item.minimum, data.currency), item.minimum]), b2`<li class="card" data-item=${item.item}>
   <h2 class="card-title">${item.label}</h2>
   <p class="explained-sentence" data-value=${item.model === "fixed" && item.amount !== null ? item.amount : A}>${priceInWords(context, item, data.currency)}</p>
   ${terms.length === 0 ? A : b2`<dl class="terms">${terms.map(([name, text, exact]) => b2`<div><dt>${name}</dt><dd data-value=${exact}>${text}</dd></div>`)}</dl>`}
   ${item.tiers.length === 0 ? A : this.renderTiers(context, data, item)}
   ${item.meter === "" || item.perKey.length > 0 || item.rows.length > 0 || item.isEachEvent || item.formula !== "" ? A : this.renderExamples(context, data, item)}
  </li>`;
 }
 renderExamples(context, data, item) {
  let { t: t5, format, words } = context, examples = data.examples.find((each) => each.item === item.item)?.examples ?? [], show = (quantity) => this.change({ priced: item.item, quantity }), ask = (event) => {
   event.preventDefault();
   let quantity = String(new FormData(event.currentTarget).get("quantity")).trim();
   isDecimal(quantity) && show(quantity);
  };
  return b2`<h3 class="section-title">${t5("plan.examples")}</h3>
   <dl class="rows">${examples.map(({ quantity, amount, isOwn }) => b2`<div data-quantity=${quantity}>
    <dt>${words.quantity(quantity, item.unit)}${isOwn ? b2` <span class="badge">${t5("plan.own")}</span>` : A}</dt>
    <dd>${figure(format.money(amount, data.currency), amount, words.quantity(quantity, item.unit), () => show(quantity))}</dd></div>`)}</dl>
   <form class="quote controls" @submit=${ask}>
    <label>${t5("plan.try")} <input class="input" name="quantity" required inputmode="decimal" pattern="[0-9]{1,20}([.][0-9]{1,9})?" placeholder="1000" autocomplete="off" /></label>
    <button class="button">${t5("plan.quote")}</button>
   </form>`;
 }
 renderQuote(context) {
  let { t: t5, format, words } = context, { data, problem } = this.quote, isOpen = this.state.get("quantity") !== "" && this.state.get("priced") !== "", close = () => this.change({ priced: null, quantity: null }), body2 = (shown) => b2`
   <p class="explained-figure">${format.money(shown.amount, shown.currency)}</p>
   <p class="explained-sentence">${t5("plan.explainQuote", { quantity: words.quantity(shown.quantity, shown.unit) })}</p>
   <dl class="rows steps">
    ${stepsInWords(context, shown.steps, shown.tiers, shown.price, shown.unit, shown.currency).map((step) => b2`<div data-step=${step.name}>
     <dt>${step.text}</dt><dd data-value=${step.value}>${step.shown}</dd></div>`)}
    <div class="result"><dt>${t5("invoice.amount")}</dt><dd data-value=${shown.amount}>${format.money(shown.amount, shown.currency)}</dd></div>
   </dl>
   ${shown.tiers.length < 2 ? A : stair(context, shown.tiers, shown.unit, shown.currency)}`;
  return b2`<meterline-drawer heading=${data?.label ?? t5("plan.examples")} close-text=${t5("explain.close")} .isOpen=${isOpen} @drawer-close=${close}>
   ${isOpen ? b2`<div class="reset explained">${data !== null ? body2(data) : problem !== null ? problemState(t5, problem, context, () => this.quote.refresh()) : skeleton(t5, [32, 24, 24])}</div>` : A}
  </meterline-drawer>`;
 }
 renderComing(context, data, change) {
  let { t: t5, format, periods } = context, { effect } = change, period = periods.find(({ billingPeriod }) => billingPeriod === effect?.billingPeriod);
  return b2`<section class="card coming" data-coming=${change.start}>
   <div class="card-head">${icon("warning")}<h2 class="card-title">${t5("plan.coming", { date: format.civilDate(change.start) })}</h2>
    <span class="badge">${change.plan === data.plan ? "" : `${change.plan} · `}${t5("plan.version")} ${change.version}</span></div>
   <dl class="rows">${change.items.map((item) => b2`<div data-item=${item.item}><dt>${item.label}</dt><dd>${priceInWords(context, item, data.currency)}</dd></div>`)}</dl>
   ${change.ended.length === 0 ? A : b2`<p class="hint">${t5("plan.ended", { items: change.ended.join(", ") })}</p>`}
   ${effect === null ? A : b2`<p class="hint">${t5("plan.effect", {
   period: period === void 0 ? effect.billingPeriod : periodName(format, period),
   amount: format.money(effect.amountToCome, data.currency),
   today: format.money(effect.amount, data.currency)
  })} <b data-value=${effect.change}>${format.moneyChange(effect.change, data.currency)}</b></p>`}
  </section>`;
 }
 renderTiers(context, data, item) {
  let { t: t5, format, words } = context, money = (amount) => amount === null ? "–" : format.money(amount, data.currency);
  return b2`<table>
   <thead><tr><th scope="col">${t5("explain.tiers")}</th><th scope="col" class="right">${t5("plan.unitPrice")}</th>
    <th scope="col" class="right">${t5("plan.flat")}</th></tr></thead>
   <tbody>${item.tiers.map((tier) => b2`<tr>
    <th scope="row" data-value=${tier.upTo ?? A}>${tier.upTo === null ? t5("explain.tierAbove") : t5("explain.tierUpTo", { upTo: words.quantity(tier.upTo, item.unit) })}</th>
    <td class="right" data-value=${tier.unitPrice ?? A}>${money(tier.unitPrice)}</td>
    <td class="right" data-value=${tier.flat ?? A}>${money(tier.flat)}</td>
   </tr>`)}</tbody></table>`;
 }
};
define("meterline-plan", MeterlinePlan);

// src/router.ts
var PATHS2 = { "": "overview", usage: "usage", cost: "cost", invoices: "invoices", plan: "plan" };
function routeOf(path) {
 let [name = "", invoice = "", ...rest] = path.replace(/^\//, "").split("/"), view = Object.hasOwn(PATHS2, name) ? PATHS2[name] : void 0;
 return view === void 0 || rest.length > 0 || invoice !== "" && view !== "invoices" ? null : { view, invoice: decoded(invoice) };
}
function pathOf2(view) {
 return view === "overview" ? "/" : `/${view}`;
}
function decoded(text) {
 try {
  return decodeURIComponent(text);
 } catch (error) {
  if (error instanceof URIError) return text;
  throw error;
 }
}

// src/styles/portal.css
var portal_default = `.frame { display: grid; grid-template-columns: 216px minmax(0, 1fr); min-height: 100dvh; background: var(--_bg); }
.alone { max-width: 640px; margin: 12vh auto; padding: 0 16px; }

.rail { border-right: 1px solid var(--_line); background: var(--_surface); }
.rail > div { position: sticky; top: 0; display: flex; flex-direction: column; gap: 20px; height: 100dvh; padding: 22px 12px 20px; }

.brand { display: flex; align-items: center; gap: 10px; min-height: 28px; padding: 0 12px; font: 650 14px/1.3 var(--_font); }
.brand img { max-width: 168px; max-height: 36px; }
.mark { width: 22px; height: 22px; border-radius: min(var(--_radius), 7px); background: var(--_accent); forced-color-adjust: none; }

.rail li + li { margin-top: 2px; }
.rail a { display: block; padding: 7px 12px; border-radius: var(--_radius-control); color: var(--_text-2); font-weight: 500; text-decoration: none; }
.rail a:hover { background: var(--_tint); color: var(--_text); }
.rail a[aria-current="page"] { background: var(--_tint-strong); color: var(--_text); font-weight: 650; }
.foot { margin-top: auto; padding: 0 12px; display: grid; gap: 6px; }

.language { padding: 0 12px; }
.language .select { width: 100%; }

main { padding: 24px 32px 48px; min-width: 0; outline: none; }
.banner { margin-bottom: 16px; max-width: 1180px; }

.skip { position: absolute; left: 12px; top: -60px; z-index: 9; padding: 8px 14px; border: 0; border-radius: var(--_radius-control); font: 500 13px/1.3 var(--_font); background: var(--_accent); color: var(--_accent-ink); }
.skip:focus { top: 12px; }

/* On a phone the rail becomes a strip of tabs that fades where it goes on. */
@container (max-width: 760px) {
 .frame { grid-template-columns: minmax(0, 1fr); grid-template-rows: auto 1fr; }
 .rail { border-right: 0; border-bottom: 1px solid var(--_line); }
 .rail > div { position: static; height: auto; gap: 10px; padding: 12px 0 0; }
 .brand { padding: 0 16px; }
 .rail nav { overflow-x: auto; scrollbar-width: none; mask-image: linear-gradient(to right, #000 calc(100% - 32px), transparent); }
 .rail ul { display: flex; gap: 4px; padding: 0 40px 0 8px; width: max-content; }
 .rail li + li { margin-top: 0; }
 .rail a { padding: 11px 10px; border-radius: 0; white-space: nowrap; }
 .rail a[aria-current="page"] { background: none; box-shadow: inset 0 -2px 0 var(--_accent); }
 .foot { display: none; }
 .rail > div { position: relative; }
 .language { position: absolute; top: 8px; right: 16px; padding: 0; }
 main { padding: 16px 16px 40px; }
}

@media (forced-colors: active) {
 .rail a[aria-current="page"] { outline: 2px solid Highlight; outline-offset: -2px; }
}

@media print {
 .frame { display: block; min-height: 0; background: none; }
 main { padding: 0; }
}
`;

// src/views/portal.ts
var LEFT_BEHIND = { line: null, with: null, priced: null, quantity: null, bucket: null, series: null, behind: null }, MeterlinePortal = class extends MeterlineElement {
 constructor() {
  super();
  this.state = new State();
  this.isFollowing = !1;
  this.begin = () => {
   this.failure = null, openContext().then(
    (context) => this.open(context),
    (error) => {
     if (!(error instanceof Problem)) throw error;
     this.failure = error, this.report(error);
    }
   );
  };
  this.onLink = (event, view) => {
   event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0 || (event.preventDefault(), this.go(pathOf2(view), this.state.after(LEFT_BEHIND), !1));
  };
  this.onLanguage = (language) => {
   this.state.change({ lang: null }, !0), changeLanguage(languageOf(language));
  };
  this.onSkip = () => {
   this.renderRoot.querySelector("#page")?.focus();
  };
  this.onNavigate = (event) => {
   let { path, query } = event.detail;
   event.preventDefault(), this.go(path, query, !1);
  };
  this.onPopState = () => {
   this.isFollowing && (this.path = location.pathname, this.state.reread(), this.requestUpdate());
  };
  this.context = null, this.failure = null, this.path = "/";
 }
 static {
  this.styles = MeterlineElement.stylesWith(portal_default);
 }
 static {
  this.properties = {
   context: { state: !0 },
   failure: { state: !0 },
   path: { state: !0 }
  };
 }
 connectedCallback() {
  super.connectedCallback(), this.addEventListener("meterline-navigate", this.onNavigate), client.addEventListener("configured", this.begin), addEventListener("popstate", this.onPopState), this.begin();
 }
 disconnectedCallback() {
  super.disconnectedCallback(), this.removeEventListener("meterline-navigate", this.onNavigate), client.removeEventListener("configured", this.begin), removeEventListener("popstate", this.onPopState);
 }
 render() {
  let { context } = this;
  if (this.failure !== null) {
   let t5 = context?.t ?? textsWithoutSession();
   return b2`<div class="reset alone"><main>${problemState(t5, this.failure, context, this.begin)}</main></div>`;
  }
  if (context === null) return b2`<div class="reset alone">${skeleton(textsWithoutSession(), [28, 40, 16, 200])}</div>`;
  let route = routeOf(this.path);
  return b2`<div class="reset frame">
   ${this.renderRail(context, route)}
   <main id="page" tabindex="-1">
    ${this.renderBanner(context)}
    ${route === null ? problemState(context.t, new Problem(404, "missing"), context, this.begin) : this.renderRoute(context, route)}
   </main>
  </div>`;
 }
 updated(changes) {
  if (!this.isFollowing || this.context === null || !(changes.has("path") || changes.has("context"))) return;
  this.renderRoot.querySelector("nav [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
  let view = routeOf(this.path)?.view, name = this.context.session.seller || this.context.session.customer.name;
  document.title = view === void 0 ? name : `${this.context.t(`view.${view}`)} · ${name}`;
 }
 renderRail(context, route) {
  let { t: t5, session, words } = context, { logoUrl } = session.branding, logo = this.isFollowing || logoUrl?.startsWith("data:") === !0 ? logoUrl : null;
  return b2`<header class="rail controls"><div>
   <button class="skip" type="button" @click=${this.onSkip}>${t5("menu.skip")}</button>
   <div class="brand">${logo === null ? b2`<span class="mark" aria-hidden="true"></span><span>${session.seller || session.customer.name}</span>` : b2`<img src=${logo} alt=${session.seller} />`}</div>
   <nav aria-label=${t5("menu.pages")}><ul>
    ${session.views.map((view) => b2`<li><a href=${this.address(view)} aria-current=${route?.view === view ? "page" : "false"}
     @click=${(event) => this.onLink(event, view)}>${t5(`view.${view}`)}</a></li>`)}
   </ul></nav>
   <div class="foot small">
    ${session.seller === "" ? A : b2`<p>${t5("menu.help", { seller: session.seller })}</p>`}
    <p>${t5("menu.zone", { zone: words.zone(session.timeZone) })}</p>
   </div>
   ${this.isFollowing ? b2`<div class="language">${choose(t5("menu.language"), Object.entries(LANGUAGES), context.language, this.onLanguage)}</div>` : A}
  </div></header>`;
 }
 renderBanner({ session, t: t5 }) {
  if (session.actingFor === null) return A;
  let { operator, reason } = session.actingFor, customer = session.customer.name || session.customer.key;
  return b2`<p class="banner" role="status" data-banner="acting-for">${t5("banner.actingFor", { customer, operator, reason })}</p>`;
 }
 renderRoute(context, { view, invoice }) {
  return context.session.views.includes(view) ? invoice !== "" ? b2`<meterline-invoice .state=${this.state} .number=${invoice}></meterline-invoice>` : {
   overview: () => b2`<meterline-overview .state=${this.state}></meterline-overview>`,
   usage: () => b2`<meterline-usage .state=${this.state}></meterline-usage>`,
   cost: () => b2`<meterline-cost .state=${this.state}></meterline-cost>`,
   invoices: () => b2`<meterline-invoices .state=${this.state}></meterline-invoices>`,
   plan: () => b2`<meterline-plan .state=${this.state}></meterline-plan>`
  }[view]() : problemState(context.t, new Problem(403, "forbidden"), context, this.begin);
 }
 open(context) {
  this.isFollowing = client.isHosted, this.isFollowing && (this.state = new State(new AddressPlace()), this.path = location.pathname, document.documentElement.lang = context.language, document.documentElement.style.colorScheme = context.session.mode === "auto" ? "" : context.session.mode), applyBrand(this, context.session.branding);
  let [first] = context.session.views;
  this.path === "/" && first !== void 0 && !context.session.views.includes("overview") && this.go(pathOf2(first), this.state.toString(), !0), this.context = context;
 }
 address(view) {
  let query = this.state.after(LEFT_BEHIND);
  return pathOf2(view) + (query && `?${query}`);
 }
 go(path, query, isReplaced) {
  if (this.isFollowing) {
   let address = path + (query && `?${query}`);
   isReplaced ? history.replaceState(null, "", address) : history.pushState(null, "", address), this.state.reread(), scrollTo(0, 0);
  } else
   this.state.become(query);
  this.path = path, this.requestUpdate();
 }
};
define("meterline-portal", MeterlinePortal);

// src/views/usage.ts
var MeterlineUsage = class extends MeterlineExplorer {
 constructor() {
  super(...arguments);
  this.view = "usage";
  this.path = "usage";
  this.figures = new Resource(this, () => this.besides("figures"));
  this.heat = new Resource(this, () => this.choices().windows.includes("hour") ? this.besides("heat") : null);
  this.below = () => b2``;
 }
 connectedCallback() {
  super.connectedCallback(), this.load();
 }
 ownQuery() {
  let meter = this.chosenMeter;
  return meter === void 0 ? null : { meter: meter.name };
 }
 groups(context) {
  let { t: t5, words } = context, [declared, chosen] = [this.properties(), this.choice("groupBy")], properties = this.hasAnyProperty && chosen !== "" && !declared.includes(chosen) ? [...declared, chosen] : declared;
  return [
   ["", t5("explore.groupNone")],
   ...properties.map((name) => [name, t5("explore.groupBy", { property: words.property(name) })])
  ];
 }
 unit({ words }, data) {
  return words.unit(data.unit, "2");
 }
 print({ words }, data, value) {
  return words.quantity(value, data.unit);
 }
 tick({ format }, _data, value) {
  return format.tick(value);
 }
 renderOwnChoices(context) {
  let meters = this.meters.data ?? [];
  if (meters.length < 2) return A;
  let options = meters.map(({ name, label }) => [name, label]), change = (name) => this.change({ meter: name, ...this.unfit(meters.find((meter) => meter.name === name)) });
  return choose(context.t("explore.meter"), options, this.chosenMeter?.name ?? "", change);
 }
 renderExtra(context, data) {
  return this.below(b2, context, data, this.figures.data, this.heat.data, (cell) => this.change({ bucket: hourKey(cell) }));
 }
 only(data, series) {
  if (data.groupBy === null || series.isOther || series.key === "") return null;
  let filter = `${data.groupBy}:${series.key}`, filters = this.state.all("filter");
  return filters.includes(filter) ? null : { filter: [...filters, filter] };
 }
 properties() {
  return this.chosenMeter?.groupBy ?? [];
 }
 get hasAnyProperty() {
  return this.chosenMeter?.anyProperty ?? !1;
 }
 openedBesides(context) {
  let [data, heat, query] = [this.explored.data, this.heat.data, this.query()], cell = heat?.cells.find((each) => hourKey(each) === this.state.get("bucket"));
  if (data === null || cell === void 0 || query === null) return null;
  let { t: t5, format } = context, asked = { ...query, groupBy: null, compare: null, weekday: String(cell.weekday), hour: String(cell.hour) };
  return {
   title: hourName(context, cell),
   text: this.print(context, data, cell.quantity),
   fresh: heat,
   rows: [],
   sentence: t5("explore.explainHour", { period: format.period(data.period.start, data.period.end) }),
   more: b2`<meterline-bucket .context=${context} .query=${asked}></meterline-bucket>`
  };
 }
 behind(_context, data, series) {
  let filter = this.state.all("filter"), isOne = data.groupBy !== null && series !== void 0 && !series.isOther;
  return { meter: data.meter, filter: isOne ? [...filter, `${data.groupBy}:${series.key}`] : filter };
 }
 async load() {
  try {
   this.below = (await script("usage_figures")).renderFigures, this.requestUpdate();
  } catch {
  }
 }
 besides(name) {
  let query = this.explored.data === null ? null : this.query();
  return query === null ? null : { path: `usage/${name}`, query: { ...query, groupBy: null, compare: null } };
 }
 get chosenMeter() {
  let meters = this.meters.data ?? [];
  return meters.find(({ name }) => name === this.choice("meter")) ?? meters[0];
 }
 unfit(meter) {
  let has = (property) => meter?.anyProperty || (meter?.groupBy.includes(property) ?? !1);
  return { filter: this.state.all("filter").filter((each) => has(each.slice(0, each.indexOf(":")))), ...has(this.choice("groupBy")) ? {} : { groupBy: null } };
 }
};
function hourKey({ weekday, hour }) {
 return `w${weekday}-${String(hour).padStart(2, "0")}`;
}
function hourName({ format }, { weekday, hour }) {
 return `${format.weekdays()[weekday - 1] ?? ""} ${String(hour).padStart(2, "0")}:00`;
}
define("meterline-usage", MeterlineUsage);
/*! Bundled license information:

@lit/reactive-element/css-tag.js:
 (**
  * @license
  * Copyright 2019 Google LLC
  * SPDX-License-Identifier: BSD-3-Clause
  *)

@lit/reactive-element/reactive-element.js:
lit-html/lit-html.js:
lit-element/lit-element.js:
lit-html/directive.js:
 (**
  * @license
  * Copyright 2017 Google LLC
  * SPDX-License-Identifier: BSD-3-Clause
  *)

lit-html/is-server.js:
 (**
  * @license
  * Copyright 2022 Google LLC
  * SPDX-License-Identifier: BSD-3-Clause
  *)

lit-html/directive-helpers.js:
 (**
  * @license
  * Copyright 2020 Google LLC
  * SPDX-License-Identifier: BSD-3-Clause
  *)

lit-html/directives/keyed.js:
 (**
  * @license
  * Copyright 2021 Google LLC
  * SPDX-License-Identifier: BSD-3-Clause
  *)
*/
