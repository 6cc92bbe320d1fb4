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
  "explain.noEvents": "A fee: no events are behind this line.",
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
  "price.fee": ", and {fee} for the tier",
  "price.volume": "The whole quantity has the price of the tier in which it ends: {tiers}.",
  "price.stairstep": "All of it costs what its bracket says: {tiers}.",
  "price.upTo": "up to {upTo}, {price}",
  "price.beyond": "beyond, {price}",
  "price.each": "{price} each",
  "price.minimum": "It costs at least {minimum} in a period.",
  "step.quantity": "Usage of the period",
  "step.included": "{included} included; what remains",
  "step.tier": "{quantity} × {price}",
  "step.package": "{quantity} blocks of {size} × {price}, the last one counted whole",
  "step.flat": "Fee of the tier",
  "step.minimum": "Lifted to the minimum",
  "step.fixed": "Fee of the period",
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
  "operator.title": "Customers and revenue",
  "operator.signInText": "These pages show all customers. Give a token of the suite with the scope read; it is kept only until this page is closed.",
  "operator.token": "Token",
  "operator.signIn": "Sign in",
  "operator.signOut": "Sign out",
  "operator.customers": "Customers",
  "operator.sessions": "Sessions",
  "operator.more": "Show more",
  "operator.empty": "Nothing here yet",
  "operator.emptyText": "What is added to the catalog, and sessions that are made, appear here.",
  "operator.column.customer": "Customer",
  "operator.column.live": "Live bill",
  "operator.column.last": "Last invoice",
  "operator.column.kind": "Kind",
  "operator.column.made": "Made by",
  "operator.column.ends": "Ends",
  "operator.column.used": "Last used",
  "operator.kind.embed": "Embed",
  "operator.kind.link": "Link",
  "operator.kind.operator": "View as customer",
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
  constructor(t4, e5, o5) {
    if (this._$cssResult$ = !0, o5 !== s) throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");
    this.cssText = t4, this.t = e5;
  }
  get styleSheet() {
    let t4 = this.o, s4 = this.t;
    if (e && t4 === void 0) {
      let e5 = s4 !== void 0 && s4.length === 1;
      e5 && (t4 = o.get(s4)), t4 === void 0 && ((this.o = t4 = new CSSStyleSheet()).replaceSync(this.cssText), e5 && o.set(s4, t4));
    }
    return t4;
  }
  toString() {
    return this.cssText;
  }
}, r = (t4) => new n(typeof t4 == "string" ? t4 : t4 + "", void 0, s);
var S = (s4, o5) => {
  if (e) s4.adoptedStyleSheets = o5.map((t4) => t4 instanceof CSSStyleSheet ? t4 : t4.styleSheet);
  else for (let e5 of o5) {
    let o6 = document.createElement("style"), n4 = t.litNonce;
    n4 !== void 0 && o6.setAttribute("nonce", n4), o6.textContent = e5.cssText, s4.appendChild(o6);
  }
}, c = e ? (t4) => t4 : (t4) => t4 instanceof CSSStyleSheet ? ((t5) => {
  let e5 = "";
  for (let s4 of t5.cssRules) e5 += s4.cssText;
  return r(e5);
})(t4) : t4;

// node_modules/@lit/reactive-element/reactive-element.js
var { is: i2, defineProperty: e2, getOwnPropertyDescriptor: h, getOwnPropertyNames: r2, getOwnPropertySymbols: o2, getPrototypeOf: n2 } = Object, a = globalThis, c2 = a.trustedTypes, l = c2 ? c2.emptyScript : "", p = a.reactiveElementPolyfillSupport, d = (t4, s4) => t4, u = { toAttribute(t4, s4) {
  switch (s4) {
    case Boolean:
      t4 = t4 ? l : null;
      break;
    case Object:
    case Array:
      t4 = t4 == null ? t4 : JSON.stringify(t4);
  }
  return t4;
}, fromAttribute(t4, s4) {
  let i6 = t4;
  switch (s4) {
    case Boolean:
      i6 = t4 !== null;
      break;
    case Number:
      i6 = t4 === null ? null : Number(t4);
      break;
    case Object:
    case Array:
      try {
        i6 = JSON.parse(t4);
      } catch {
        i6 = null;
      }
  }
  return i6;
} }, f = (t4, s4) => !i2(t4, s4), b = { attribute: !0, type: String, converter: u, reflect: !1, useDefault: !1, hasChanged: f };
Symbol.metadata ??= /* @__PURE__ */ Symbol("metadata"), a.litPropertyMetadata ??= /* @__PURE__ */ new WeakMap();
var y = class extends HTMLElement {
  static addInitializer(t4) {
    this._$Ei(), (this.l ??= []).push(t4);
  }
  static get observedAttributes() {
    return this.finalize(), this._$Eh && [...this._$Eh.keys()];
  }
  static createProperty(t4, s4 = b) {
    if (s4.state && (s4.attribute = !1), this._$Ei(), this.prototype.hasOwnProperty(t4) && ((s4 = Object.create(s4)).wrapped = !0), this.elementProperties.set(t4, s4), !s4.noAccessor) {
      let i6 = /* @__PURE__ */ Symbol(), h3 = this.getPropertyDescriptor(t4, i6, s4);
      h3 !== void 0 && e2(this.prototype, t4, h3);
    }
  }
  static getPropertyDescriptor(t4, s4, i6) {
    let { get: e5, set: r4 } = h(this.prototype, t4) ?? { get() {
      return this[s4];
    }, set(t5) {
      this[s4] = t5;
    } };
    return { get: e5, set(s5) {
      let h3 = e5?.call(this);
      r4?.call(this, s5), this.requestUpdate(t4, h3, i6);
    }, configurable: !0, enumerable: !0 };
  }
  static getPropertyOptions(t4) {
    return this.elementProperties.get(t4) ?? b;
  }
  static _$Ei() {
    if (this.hasOwnProperty(d("elementProperties"))) return;
    let t4 = n2(this);
    t4.finalize(), t4.l !== void 0 && (this.l = [...t4.l]), this.elementProperties = new Map(t4.elementProperties);
  }
  static finalize() {
    if (this.hasOwnProperty(d("finalized"))) return;
    if (this.finalized = !0, this._$Ei(), this.hasOwnProperty(d("properties"))) {
      let t5 = this.properties, s4 = [...r2(t5), ...o2(t5)];
      for (let i6 of s4) this.createProperty(i6, t5[i6]);
    }
    let t4 = this[Symbol.metadata];
    if (t4 !== null) {
      let s4 = litPropertyMetadata.get(t4);
      if (s4 !== void 0) for (let [t5, i6] of s4) this.elementProperties.set(t5, i6);
    }
    this._$Eh = /* @__PURE__ */ new Map();
    for (let [t5, s4] of this.elementProperties) {
      let i6 = this._$Eu(t5, s4);
      i6 !== void 0 && this._$Eh.set(i6, t5);
    }
    this.elementStyles = this.finalizeStyles(this.styles);
  }
  static finalizeStyles(s4) {
    let i6 = [];
    if (Array.isArray(s4)) {
      let e5 = new Set(s4.flat(1 / 0).reverse());
      for (let s5 of e5) i6.unshift(c(s5));
    } else s4 !== void 0 && i6.push(c(s4));
    return i6;
  }
  static _$Eu(t4, s4) {
    let i6 = s4.attribute;
    return i6 === !1 ? void 0 : typeof i6 == "string" ? i6 : typeof t4 == "string" ? t4.toLowerCase() : void 0;
  }
  constructor() {
    super(), this._$Ep = void 0, this.isUpdatePending = !1, this.hasUpdated = !1, this._$Em = null, this._$Ev();
  }
  _$Ev() {
    this._$ES = new Promise((t4) => this.enableUpdating = t4), this._$AL = /* @__PURE__ */ new Map(), this._$E_(), this.requestUpdate(), this.constructor.l?.forEach((t4) => t4(this));
  }
  addController(t4) {
    (this._$EO ??= /* @__PURE__ */ new Set()).add(t4), this.renderRoot !== void 0 && this.isConnected && t4.hostConnected?.();
  }
  removeController(t4) {
    this._$EO?.delete(t4);
  }
  _$E_() {
    let t4 = /* @__PURE__ */ new Map(), s4 = this.constructor.elementProperties;
    for (let i6 of s4.keys()) this.hasOwnProperty(i6) && (t4.set(i6, this[i6]), delete this[i6]);
    t4.size > 0 && (this._$Ep = t4);
  }
  createRenderRoot() {
    let t4 = this.shadowRoot ?? this.attachShadow(this.constructor.shadowRootOptions);
    return S(t4, this.constructor.elementStyles), t4;
  }
  connectedCallback() {
    this.renderRoot ??= this.createRenderRoot(), this.enableUpdating(!0), this._$EO?.forEach((t4) => t4.hostConnected?.());
  }
  enableUpdating(t4) {
  }
  disconnectedCallback() {
    this._$EO?.forEach((t4) => t4.hostDisconnected?.());
  }
  attributeChangedCallback(t4, s4, i6) {
    this._$AK(t4, i6);
  }
  _$ET(t4, s4) {
    let i6 = this.constructor.elementProperties.get(t4), e5 = this.constructor._$Eu(t4, i6);
    if (e5 !== void 0 && i6.reflect === !0) {
      let h3 = (i6.converter?.toAttribute !== void 0 ? i6.converter : u).toAttribute(s4, i6.type);
      this._$Em = t4, h3 == null ? this.removeAttribute(e5) : this.setAttribute(e5, h3), this._$Em = null;
    }
  }
  _$AK(t4, s4) {
    let i6 = this.constructor, e5 = i6._$Eh.get(t4);
    if (e5 !== void 0 && this._$Em !== e5) {
      let t5 = i6.getPropertyOptions(e5), h3 = typeof t5.converter == "function" ? { fromAttribute: t5.converter } : t5.converter?.fromAttribute !== void 0 ? t5.converter : u;
      this._$Em = e5;
      let r4 = h3.fromAttribute(s4, t5.type);
      this[e5] = r4 ?? this._$Ej?.get(e5) ?? r4, this._$Em = null;
    }
  }
  requestUpdate(t4, s4, i6, e5 = !1, h3) {
    if (t4 !== void 0) {
      let r4 = this.constructor;
      if (e5 === !1 && (h3 = this[t4]), i6 ??= r4.getPropertyOptions(t4), !((i6.hasChanged ?? f)(h3, s4) || i6.useDefault && i6.reflect && h3 === this._$Ej?.get(t4) && !this.hasAttribute(r4._$Eu(t4, i6)))) return;
      this.C(t4, s4, i6);
    }
    this.isUpdatePending === !1 && (this._$ES = this._$EP());
  }
  C(t4, s4, { useDefault: i6, reflect: e5, wrapped: h3 }, r4) {
    i6 && !(this._$Ej ??= /* @__PURE__ */ new Map()).has(t4) && (this._$Ej.set(t4, r4 ?? s4 ?? this[t4]), h3 !== !0 || r4 !== void 0) || (this._$AL.has(t4) || (this.hasUpdated || i6 || (s4 = void 0), this._$AL.set(t4, s4)), e5 === !0 && this._$Em !== t4 && (this._$Eq ??= /* @__PURE__ */ new Set()).add(t4));
  }
  async _$EP() {
    this.isUpdatePending = !0;
    try {
      await this._$ES;
    } catch (t5) {
      Promise.reject(t5);
    }
    let t4 = this.scheduleUpdate();
    return t4 != null && await t4, !this.isUpdatePending;
  }
  scheduleUpdate() {
    return this.performUpdate();
  }
  performUpdate() {
    if (!this.isUpdatePending) return;
    if (!this.hasUpdated) {
      if (this.renderRoot ??= this.createRenderRoot(), this._$Ep) {
        for (let [t6, s5] of this._$Ep) this[t6] = s5;
        this._$Ep = void 0;
      }
      let t5 = this.constructor.elementProperties;
      if (t5.size > 0) for (let [s5, i6] of t5) {
        let { wrapped: t6 } = i6, e5 = this[s5];
        t6 !== !0 || this._$AL.has(s5) || e5 === void 0 || this.C(s5, void 0, i6, e5);
      }
    }
    let t4 = !1, s4 = this._$AL;
    try {
      t4 = this.shouldUpdate(s4), t4 ? (this.willUpdate(s4), this._$EO?.forEach((t5) => t5.hostUpdate?.()), this.update(s4)) : this._$EM();
    } catch (s5) {
      throw t4 = !1, this._$EM(), s5;
    }
    t4 && this._$AE(s4);
  }
  willUpdate(t4) {
  }
  _$AE(t4) {
    this._$EO?.forEach((t5) => t5.hostUpdated?.()), this.hasUpdated || (this.hasUpdated = !0, this.firstUpdated(t4)), this.updated(t4);
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
  shouldUpdate(t4) {
    return !0;
  }
  update(t4) {
    this._$Eq &&= this._$Eq.forEach((t5) => this._$ET(t5, this[t5])), this._$EM();
  }
  updated(t4) {
  }
  firstUpdated(t4) {
  }
};
y.elementStyles = [], y.shadowRootOptions = { mode: "open" }, y[d("elementProperties")] = /* @__PURE__ */ new Map(), y[d("finalized")] = /* @__PURE__ */ new Map(), p?.({ ReactiveElement: y }), (a.reactiveElementVersions ??= []).push("2.1.2");

// node_modules/lit-html/lit-html.js
var t2 = globalThis, i3 = (t4) => t4, s2 = t2.trustedTypes, e3 = s2 ? s2.createPolicy("lit-html", { createHTML: (t4) => t4 }) : void 0, h2 = "$lit$", o3 = `lit$${Math.random().toFixed(9).slice(2)}$`, n3 = "?" + o3, r3 = `<${n3}>`, l2 = document, c3 = () => l2.createComment(""), a2 = (t4) => t4 === null || typeof t4 != "object" && typeof t4 != "function", u2 = Array.isArray, d2 = (t4) => u2(t4) || typeof t4?.[Symbol.iterator] == "function", f2 = `[ 	
\f\r]`, v = /<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g, _ = /-->/g, m = />/g, p2 = RegExp(`>|${f2}(?:([^\\s"'>=/]+)(${f2}*=${f2}*(?:[^ 	
\f\r"'\`<>=]|("|')|))|$)`, "g"), g = /'/g, $ = /"/g, y2 = /^(?:script|style|textarea|title)$/i, x = (t4) => (i6, ...s4) => ({ _$litType$: t4, strings: i6, values: s4 }), b2 = x(1), w = x(2), T = x(3), E = /* @__PURE__ */ Symbol.for("lit-noChange"), A = /* @__PURE__ */ Symbol.for("lit-nothing"), C = /* @__PURE__ */ new WeakMap(), P = l2.createTreeWalker(l2, 129);
function V(t4, i6) {
  if (!u2(t4) || !t4.hasOwnProperty("raw")) throw Error("invalid template strings array");
  return e3 !== void 0 ? e3.createHTML(i6) : i6;
}
var N = (t4, i6) => {
  let s4 = t4.length - 1, e5 = [], n4, l3 = i6 === 2 ? "<svg>" : i6 === 3 ? "<math>" : "", c4 = v;
  for (let i7 = 0; i7 < s4; i7++) {
    let s5 = t4[i7], a3, u3, d3 = -1, f3 = 0;
    for (; f3 < s5.length && (c4.lastIndex = f3, u3 = c4.exec(s5), u3 !== null); ) f3 = c4.lastIndex, c4 === v ? u3[1] === "!--" ? c4 = _ : u3[1] !== void 0 ? c4 = m : u3[2] !== void 0 ? (y2.test(u3[2]) && (n4 = RegExp("</" + u3[2], "g")), c4 = p2) : u3[3] !== void 0 && (c4 = p2) : c4 === p2 ? u3[0] === ">" ? (c4 = n4 ?? v, d3 = -1) : u3[1] === void 0 ? d3 = -2 : (d3 = c4.lastIndex - u3[2].length, a3 = u3[1], c4 = u3[3] === void 0 ? p2 : u3[3] === '"' ? $ : g) : c4 === $ || c4 === g ? c4 = p2 : c4 === _ || c4 === m ? c4 = v : (c4 = p2, n4 = void 0);
    let x2 = c4 === p2 && t4[i7 + 1].startsWith("/>") ? " " : "";
    l3 += c4 === v ? s5 + r3 : d3 >= 0 ? (e5.push(a3), s5.slice(0, d3) + h2 + s5.slice(d3) + o3 + x2) : s5 + o3 + (d3 === -2 ? i7 : x2);
  }
  return [V(t4, l3 + (t4[s4] || "<?>") + (i6 === 2 ? "</svg>" : i6 === 3 ? "</math>" : "")), e5];
}, S2 = class _S {
  constructor({ strings: t4, _$litType$: i6 }, e5) {
    let r4;
    this.parts = [];
    let l3 = 0, a3 = 0, u3 = t4.length - 1, d3 = this.parts, [f3, v2] = N(t4, i6);
    if (this.el = _S.createElement(f3, e5), P.currentNode = this.el.content, i6 === 2 || i6 === 3) {
      let t5 = this.el.content.firstChild;
      t5.replaceWith(...t5.childNodes);
    }
    for (; (r4 = P.nextNode()) !== null && d3.length < u3; ) {
      if (r4.nodeType === 1) {
        if (r4.hasAttributes()) for (let t5 of r4.getAttributeNames()) if (t5.endsWith(h2)) {
          let i7 = v2[a3++], s4 = r4.getAttribute(t5).split(o3), e6 = /([.?@])?(.*)/.exec(i7);
          d3.push({ type: 1, index: l3, name: e6[2], strings: s4, ctor: e6[1] === "." ? I : e6[1] === "?" ? L : e6[1] === "@" ? z : H }), r4.removeAttribute(t5);
        } else t5.startsWith(o3) && (d3.push({ type: 6, index: l3 }), r4.removeAttribute(t5));
        if (y2.test(r4.tagName)) {
          let t5 = r4.textContent.split(o3), i7 = t5.length - 1;
          if (i7 > 0) {
            r4.textContent = s2 ? s2.emptyScript : "";
            for (let s4 = 0; s4 < i7; s4++) r4.append(t5[s4], c3()), P.nextNode(), d3.push({ type: 2, index: ++l3 });
            r4.append(t5[i7], c3());
          }
        }
      } else if (r4.nodeType === 8) if (r4.data === n3) d3.push({ type: 2, index: l3 });
      else {
        let t5 = -1;
        for (; (t5 = r4.data.indexOf(o3, t5 + 1)) !== -1; ) d3.push({ type: 7, index: l3 }), t5 += o3.length - 1;
      }
      l3++;
    }
  }
  static createElement(t4, i6) {
    let s4 = l2.createElement("template");
    return s4.innerHTML = t4, s4;
  }
};
function M(t4, i6, s4 = t4, e5) {
  if (i6 === E) return i6;
  let h3 = e5 !== void 0 ? s4._$Co?.[e5] : s4._$Cl, o5 = a2(i6) ? void 0 : i6._$litDirective$;
  return h3?.constructor !== o5 && (h3?._$AO?.(!1), o5 === void 0 ? h3 = void 0 : (h3 = new o5(t4), h3._$AT(t4, s4, e5)), e5 !== void 0 ? (s4._$Co ??= [])[e5] = h3 : s4._$Cl = h3), h3 !== void 0 && (i6 = M(t4, h3._$AS(t4, i6.values), h3, e5)), i6;
}
var R = class {
  constructor(t4, i6) {
    this._$AV = [], this._$AN = void 0, this._$AD = t4, this._$AM = i6;
  }
  get parentNode() {
    return this._$AM.parentNode;
  }
  get _$AU() {
    return this._$AM._$AU;
  }
  u(t4) {
    let { el: { content: i6 }, parts: s4 } = this._$AD, e5 = (t4?.creationScope ?? l2).importNode(i6, !0);
    P.currentNode = e5;
    let h3 = P.nextNode(), o5 = 0, n4 = 0, r4 = s4[0];
    for (; r4 !== void 0; ) {
      if (o5 === r4.index) {
        let i7;
        r4.type === 2 ? i7 = new k(h3, h3.nextSibling, this, t4) : r4.type === 1 ? i7 = new r4.ctor(h3, r4.name, r4.strings, this, t4) : r4.type === 6 && (i7 = new Z(h3, this, t4)), this._$AV.push(i7), r4 = s4[++n4];
      }
      o5 !== r4?.index && (h3 = P.nextNode(), o5++);
    }
    return P.currentNode = l2, e5;
  }
  p(t4) {
    let i6 = 0;
    for (let s4 of this._$AV) s4 !== void 0 && (s4.strings !== void 0 ? (s4._$AI(t4, s4, i6), i6 += s4.strings.length - 2) : s4._$AI(t4[i6])), i6++;
  }
}, k = class _k {
  get _$AU() {
    return this._$AM?._$AU ?? this._$Cv;
  }
  constructor(t4, i6, s4, e5) {
    this.type = 2, this._$AH = A, this._$AN = void 0, this._$AA = t4, this._$AB = i6, this._$AM = s4, this.options = e5, this._$Cv = e5?.isConnected ?? !0;
  }
  get parentNode() {
    let t4 = this._$AA.parentNode, i6 = this._$AM;
    return i6 !== void 0 && t4?.nodeType === 11 && (t4 = i6.parentNode), t4;
  }
  get startNode() {
    return this._$AA;
  }
  get endNode() {
    return this._$AB;
  }
  _$AI(t4, i6 = this) {
    t4 = M(this, t4, i6), a2(t4) ? t4 === A || t4 == null || t4 === "" ? (this._$AH !== A && this._$AR(), this._$AH = A) : t4 !== this._$AH && t4 !== E && this._(t4) : t4._$litType$ !== void 0 ? this.$(t4) : t4.nodeType !== void 0 ? this.T(t4) : d2(t4) ? this.k(t4) : this._(t4);
  }
  O(t4) {
    return this._$AA.parentNode.insertBefore(t4, this._$AB);
  }
  T(t4) {
    this._$AH !== t4 && (this._$AR(), this._$AH = this.O(t4));
  }
  _(t4) {
    this._$AH !== A && a2(this._$AH) ? this._$AA.nextSibling.data = t4 : this.T(l2.createTextNode(t4)), this._$AH = t4;
  }
  $(t4) {
    let { values: i6, _$litType$: s4 } = t4, e5 = typeof s4 == "number" ? this._$AC(t4) : (s4.el === void 0 && (s4.el = S2.createElement(V(s4.h, s4.h[0]), this.options)), s4);
    if (this._$AH?._$AD === e5) this._$AH.p(i6);
    else {
      let t5 = new R(e5, this), s5 = t5.u(this.options);
      t5.p(i6), this.T(s5), this._$AH = t5;
    }
  }
  _$AC(t4) {
    let i6 = C.get(t4.strings);
    return i6 === void 0 && C.set(t4.strings, i6 = new S2(t4)), i6;
  }
  k(t4) {
    u2(this._$AH) || (this._$AH = [], this._$AR());
    let i6 = this._$AH, s4, e5 = 0;
    for (let h3 of t4) e5 === i6.length ? i6.push(s4 = new _k(this.O(c3()), this.O(c3()), this, this.options)) : s4 = i6[e5], s4._$AI(h3), e5++;
    e5 < i6.length && (this._$AR(s4 && s4._$AB.nextSibling, e5), i6.length = e5);
  }
  _$AR(t4 = this._$AA.nextSibling, s4) {
    for (this._$AP?.(!1, !0, s4); t4 !== this._$AB; ) {
      let s5 = i3(t4).nextSibling;
      i3(t4).remove(), t4 = s5;
    }
  }
  setConnected(t4) {
    this._$AM === void 0 && (this._$Cv = t4, this._$AP?.(t4));
  }
}, H = class {
  get tagName() {
    return this.element.tagName;
  }
  get _$AU() {
    return this._$AM._$AU;
  }
  constructor(t4, i6, s4, e5, h3) {
    this.type = 1, this._$AH = A, this._$AN = void 0, this.element = t4, this.name = i6, this._$AM = e5, this.options = h3, s4.length > 2 || s4[0] !== "" || s4[1] !== "" ? (this._$AH = Array(s4.length - 1).fill(new String()), this.strings = s4) : this._$AH = A;
  }
  _$AI(t4, i6 = this, s4, e5) {
    let h3 = this.strings, o5 = !1;
    if (h3 === void 0) t4 = M(this, t4, i6, 0), o5 = !a2(t4) || t4 !== this._$AH && t4 !== E, o5 && (this._$AH = t4);
    else {
      let e6 = t4, n4, r4;
      for (t4 = h3[0], n4 = 0; n4 < h3.length - 1; n4++) r4 = M(this, e6[s4 + n4], i6, n4), r4 === E && (r4 = this._$AH[n4]), o5 ||= !a2(r4) || r4 !== this._$AH[n4], r4 === A ? t4 = A : t4 !== A && (t4 += (r4 ?? "") + h3[n4 + 1]), this._$AH[n4] = r4;
    }
    o5 && !e5 && this.j(t4);
  }
  j(t4) {
    t4 === A ? this.element.removeAttribute(this.name) : this.element.setAttribute(this.name, t4 ?? "");
  }
}, I = class extends H {
  constructor() {
    super(...arguments), this.type = 3;
  }
  j(t4) {
    this.element[this.name] = t4 === A ? void 0 : t4;
  }
}, L = class extends H {
  constructor() {
    super(...arguments), this.type = 4;
  }
  j(t4) {
    this.element.toggleAttribute(this.name, !!t4 && t4 !== A);
  }
}, z = class extends H {
  constructor(t4, i6, s4, e5, h3) {
    super(t4, i6, s4, e5, h3), this.type = 5;
  }
  _$AI(t4, i6 = this) {
    if ((t4 = M(this, t4, i6, 0) ?? A) === E) return;
    let s4 = this._$AH, e5 = t4 === A && s4 !== A || t4.capture !== s4.capture || t4.once !== s4.once || t4.passive !== s4.passive, h3 = t4 !== A && (s4 === A || e5);
    e5 && this.element.removeEventListener(this.name, this, s4), h3 && this.element.addEventListener(this.name, this, t4), this._$AH = t4;
  }
  handleEvent(t4) {
    typeof this._$AH == "function" ? this._$AH.call(this.options?.host ?? this.element, t4) : this._$AH.handleEvent(t4);
  }
}, Z = class {
  constructor(t4, i6, s4) {
    this.element = t4, this.type = 6, this._$AN = void 0, this._$AM = i6, this.options = s4;
  }
  get _$AU() {
    return this._$AM._$AU;
  }
  _$AI(t4) {
    M(this, t4);
  }
};
var B = t2.litHtmlPolyfillSupport;
B?.(S2, k), (t2.litHtmlVersions ??= []).push("3.3.3");
var D = (t4, i6, s4) => {
  let e5 = s4?.renderBefore ?? i6, h3 = e5._$litPart$;
  if (h3 === void 0) {
    let t5 = s4?.renderBefore ?? null;
    e5._$litPart$ = h3 = new k(i6.insertBefore(c3(), t5), t5, void 0, s4 ?? {});
  }
  return h3._$AI(t4), h3;
};

// node_modules/lit-element/lit-element.js
var s3 = globalThis, i4 = class extends y {
  constructor() {
    super(...arguments), this.renderOptions = { host: this }, this._$Do = void 0;
  }
  createRenderRoot() {
    let t4 = super.createRenderRoot();
    return this.renderOptions.renderBefore ??= t4.firstChild, t4;
  }
  update(t4) {
    let r4 = this.render();
    this.hasUpdated || (this.renderOptions.isConnected = this.isConnected), super.update(t4), this._$Do = D(r4, this.renderRoot, this.renderOptions);
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
td { padding: 9px 12px; border-top: 1px solid var(--_line); vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
.right { text-align: right; white-space: nowrap; }
th::first-letter { text-transform: uppercase; }
tbody th { color: var(--_text); font-weight: 400; border-top: 1px solid var(--_line); padding: 9px 12px 9px 0; white-space: normal; vertical-align: top; }
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
  /** Begin anew, with another token: what was shown may be somebody else's. */
  restart() {
    this.isWanted && (this.close(), this.open(!0));
  }
  /** Listen to something else from now on; what is shown was asked for just now. */
  reconnect() {
    !this.isWanted || this.controller === null || (this.close(), this.open(!1));
  }
  close() {
    this.controller?.abort(), this.controller = null;
  }
  /** After a pause something may have changed unheard, so `isBehind` asks for all of it again. */
  open(isBehind) {
    !this.isWanted || this.controller !== null || (this.controller = new AbortController(), isBehind && this.onChange(), this.follow(this.controller.signal));
  }
  async follow(signal) {
    for (; !signal.aborted; )
      await this.listen(signal), await pause(15e3, signal), signal.aborted || this.onChange();
  }
  /** Read until the stream ends; any failure only means that polling stands in for it. */
  async listen(signal) {
    let line = new AbortController(), end = () => line.abort();
    signal.addEventListener("abort", end);
    let silence = setTimeout(end, 4e4);
    try {
      let reader = (await this.connect(line.signal)).body?.pipeThrough(new TextDecoderStream()).getReader(), parser = new EventParser();
      for (let part = await reader?.read(); part !== void 0 && !part.done; part = await reader?.read()) {
        clearTimeout(silence), silence = setTimeout(end, 4e4);
        for (let event of parser.feed(part.value)) this.take(event);
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
    this.stream = new EventStream(
      (signal) => this.send("GET", this.url("changes", { billingPeriod: this.followed }), { accept: "text/event-stream", signal }),
      () => this.dispatchEvent(new Event("change")),
      (completeUntil) => this.completeUntil = completeUntil
    );
    this.listeners = 0;
    /** Nothing that was shown has changed up to then, as the stream says; empty until it does. */
    this.completeUntil = "";
    this.followed = "";
  }
  /** Say where the portal is and how to get a token; calling it again begins a new session. */
  configure(configuration) {
    this.configuration = { ...configuration, baseUrl: configuration.baseUrl.replace(/\/+$/, "") }, this.token = "", this.renewal = null, this.completeUntil = "", this.kept.clear(), this.isStarted.open(), this.stream.restart(), this.dispatchEvent(new Event("configured"));
  }
  /** Forget the token and all answers, as on signing out; elements wait until `configure` is called again. */
  reset() {
    this.stream.stop(), this.configuration = null, this.isStarted = gate(), this.token = "", this.kept.clear();
  }
  get isHosted() {
    return this.configuration !== null && this.configuration.fetchToken === void 0;
  }
  /** Origin of the portal; empty until it is known. */
  get baseUrl() {
    return this.configuration?.baseUrl ?? "";
  }
  /** A token that the host's backend made just now, for a frame. Raises `Problem`. */
  async freshToken() {
    return await this.isStarted.opened, this.renew(this.token);
  }
  /** Resolved once it is configured. */
  get started() {
    return this.isStarted.opened;
  }
  get locale() {
    return this.configuration?.locale ?? "";
  }
  /** The full address of a resource, as others may call it with a token of their own. */
  url(path, query = {}) {
    let params = new URLSearchParams();
    for (let [name, value] of Object.entries(query))
      if (!(value === null || value === ""))
        for (let each of typeof value == "string" ? [value] : value) params.append(name, each);
    let text = params.toString();
    return `${this.configuration?.baseUrl ?? ""}/api/v1/${path}${text && `?${text}`}`;
  }
  /** Get JSON; an answer that has not changed since is the very same object, unless it is now complete to a later time. Raises `Problem`. */
  async get(path, query = {}, signal) {
    await this.isStarted.opened;
    let url = this.url(path, query), known = this.kept.get(url), response = await this.send("GET", url, { etag: known?.etag, signal });
    if (response.status === 304 && known !== void 0) return stillFresh(known.body, response.headers.get(COMPLETE_UNTIL));
    let body = await jsonOf(response);
    return this.keep(url, response.headers.get("etag"), body), body;
  }
  /** Create something. Raises `Problem`. */
  async post(path, content) {
    return await this.isStarted.opened, await jsonOf(await this.send("POST", this.url(path), { content }));
  }
  /** Remove something. Raises `Problem`. */
  async remove(path) {
    await this.isStarted.opened, await this.send("DELETE", this.url(path), {});
  }
  /** Get a file. Raises `Problem`. */
  async download(path, query = {}) {
    return await this.isStarted.opened, (await this.send("GET", this.url(path, query), { accept: "*/*" })).blob();
  }
  /** Call `listener` when figures may have changed; the stream is open while anybody listens and the page is visible. */
  watch(listener) {
    return this.addEventListener("change", listener), this.listeners++ === 0 && this.isStarted.opened.then(() => this.listeners > 0 && this.stream.start()), () => {
      this.removeEventListener("change", listener), --this.listeners === 0 && this.stream.stop();
    };
  }
  /** Say which period is shown, whose changes are then told. */
  follow(billingPeriod) {
    billingPeriod !== this.followed && (this.followed = billingPeriod, this.completeUntil = "", this.stream.reconnect());
  }
  keep(url, etag, body) {
    if (this.kept.delete(url), etag === null) return;
    this.kept.set(url, { etag, body });
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
    let credentials = this.isHosted ? "same-origin" : "omit", body = call.content === void 0 ? null : JSON.stringify(call.content), request = { method, headers, credentials, body, cache: "no-store", signal: call.signal ?? null };
    try {
      return await fetch(url, request);
    } catch (error) {
      throw error instanceof TypeError ? new Problem(0, "unreachable") : error;
    }
  }
  /** Ask the host for a token once, however many requests were refused with the old one. */
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
  let open = () => {
  };
  return { opened: new Promise((resolve) => open = resolve), open };
}
function stillFresh(body, completeUntil) {
  return completeUntil === null || typeof body != "object" || body === null || !("completeUntil" in body) || body.completeUntil === completeUntil ? body : { ...body, completeUntil };
}
async function accepted(response) {
  if (response.ok || response.status === 304) return response;
  let body = (response.headers.get("content-type") ?? "").includes("json") ? await jsonOf(response) : {}, text = (name) => typeof body[name] == "string" ? body[name] : "", title = text("title") || response.statusText || String(response.status);
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
  /** The styles of all elements and those of one. */
  static stylesWith(...texts) {
    return [...BASE, ...texts.map(sheet)];
  }
  /** Ask whoever is around to show another page. */
  navigate(path, query) {
    this.notify("meterline-navigate", { path, query });
  }
  /** Tell the page around that something could not be had; it gets the kind and the text, never a token. */
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

// src/format.ts
var DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?$/, CURRENCY = /^[A-Z]{3}$/;
var NUMERIC_PARTS = /* @__PURE__ */ new Set(["integer", "group", "decimal", "fraction"]);
function isZero(text) {
  return !/[1-9]/.test(text);
}
var Format = class {
  constructor(locale, timeZone) {
    this.numbers = /* @__PURE__ */ new Map();
    this.dates = /* @__PURE__ */ new Map();
    this.locale = knownLocale(locale), this.timeZone = knownTimeZone(timeZone);
    let plain = new Intl.NumberFormat(this.locale, { useGrouping: !1 });
    this.digits = Array.from({ length: 10 }, (_2, digit) => plain.format(digit)), this.separator = plain.formatToParts(0.5).find((part) => part.type === "decimal")?.value ?? ".";
  }
  /** Group the digits of decimal text: "12345.600" is "12,345.600" in English. Other text is returned as it is. */
  decimal(text) {
    return this.render(text, {}, 0);
  }
  /** A difference of quantities, always with its sign unless it is zero. */
  change(text) {
    return this.render(text, { signDisplay: "exceptZero" }, 0);
  }
  /** An amount with its currency, padded to the places of the currency: "26345.4" USD is "$26,345.40". */
  money(text, currency) {
    return this.inCurrency(text, currency, {});
  }
  /** A difference of money, always with its sign unless it is zero. */
  moneyChange(text, currency) {
    return this.inCurrency(text, currency, { signDisplay: "exceptZero" });
  }
  /** A percentage that the server computed: "77.5" is "77.5%". */
  percent(text) {
    return this.render(text, { style: "percent" }, 0);
  }
  /** A change in percent, always with its sign unless it is zero. */
  percentChange(text) {
    return this.render(text, { style: "percent", signDisplay: "exceptZero" }, 0);
  }
  /** A round number of an axis. It is a place on the screen, not a figure of the bill. */
  tick(value, currency) {
    let compact = { notation: "compact", maximumFractionDigits: 2 };
    return currency === void 0 || !CURRENCY.test(currency) ? this.number(compact).format(value) : this.number({ ...compact, style: "currency", currency, minimumFractionDigits: 0 }).format(value);
  }
  /** The form of a word that goes with a quantity, by the rules of the language: "one", "few", "other" and so on. */
  plural(text) {
    return new Intl.PluralRules(this.locale).select(Number(text));
  }
  /** A day: "Nov 9", or with its weekday and year "Sat, Nov 9, 2013". */
  day(instant, isLong = !1) {
    return this.date(instant, isLong ? { weekday: "short", month: "short", day: "numeric", year: "numeric" } : { month: "short", day: "numeric" });
  }
  /** The month and year: "November 2013". */
  month(instant, isShort = !1) {
    return this.date(instant, { month: isShort ? "short" : "long", year: "numeric" });
  }
  /** A time of day with its zone: "9:06:58 AM EST". */
  time(instant) {
    return this.date(instant, { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
  }
  /** A day and a time of day with its zone. */
  moment(instant) {
    return this.date(instant, {
      month: "short",
      day: "numeric",
      year: "numeric",
      hour: "numeric",
      minute: "2-digit",
      timeZoneName: "short"
    });
  }
  /** The days of a half-open period, its end not among them: "Nov 1 – 30, 2013". */
  period(start, end) {
    let last = new Date(Date.parse(end) - 1);
    return this.dateFormat({ month: "short", day: "numeric", year: "numeric" }).formatRange(new Date(start), last);
  }
  /** What stands below a bucket on an axis. */
  bucket(start, window) {
    return window === "hour" ? this.date(start, { hour: "numeric" }) : window === "month" ? this.month(start, !0) : this.day(start);
  }
  /** A bucket in full, as tooltips and tables name it. */
  bucketInFull(start, end, window) {
    return window === "hour" ? this.moment(start) : window === "month" ? this.month(start) : window === "week" ? this.period(start, end) : this.day(start, !0);
  }
  /** A stable name of a bucket: "2013-11-09", of an hour "2013-11-09T01-05:00", since one hour of autumn comes twice. */
  bucketKey(start, window) {
    let date = this.localDate(start);
    if (window !== "hour") return window === "month" ? date.slice(0, 7) : date;
    let offset = this.part(start, { timeZoneName: "longOffset" }, "timeZoneName").replace("GMT", "") || "Z";
    return `${date}T${this.hour(start)}${offset}`;
  }
  /** A civil date, "2013-11-09", or one some days from it. It is the same day in every zone: "Nov 9, 2013". */
  civilDate(date, daysAfter = 0) {
    let noon = Date.parse(`${date}T12:00:00Z`) + daysAfter * 864e5;
    return this.dateFormat({ timeZone: "UTC", month: "short", day: "numeric", year: "numeric" }).format(noon);
  }
  /** The civil date in the zone, as in ISO 8601: "2013-11-09". */
  localDate(instant) {
    let numeric = { year: "numeric", month: "2-digit", day: "2-digit", numberingSystem: "latn", calendar: "gregory" };
    return ["year", "month", "day"].map((type) => this.part(instant, numeric, type, "en")).join("-");
  }
  /** The hour of the day in the zone, "00" to "23". */
  hour(instant) {
    return this.part(instant, { hour: "2-digit", hourCycle: "h23" }, "hour", "en");
  }
  /** Where a day stands in a calendar: its weekday, and the Monday of its week. */
  weekPlace(instant) {
    let noon = Date.parse(`${this.localDate(instant)}T12:00:00Z`), monday = new Date(noon - (new Date(noon).getUTCDay() + 6) % 7 * 864e5), utc = { timeZone: "UTC" };
    return {
      row: this.dateFormat({ ...utc, weekday: "short" }).format(noon),
      column: this.dateFormat({ ...utc, month: "short", day: "numeric" }).format(monday)
    };
  }
  /** The names of the days of a week, Monday first. */
  weekdays() {
    let weekday = this.dateFormat({ timeZone: "UTC", weekday: "short" });
    return Array.from({ length: 7 }, (_2, day) => weekday.format(Date.UTC(2024, 0, 1 + day, 12)));
  }
  /** Without a currency (a customer without a contract has none) an amount is a bare number. */
  inCurrency(text, currency, sign) {
    if (!CURRENCY.test(currency)) return this.render(text, sign, 0);
    let options = { ...sign, style: "currency", currency };
    return this.render(text, options, this.number(options).resolvedOptions().maximumFractionDigits ?? 0);
  }
  render(text, options, placesMin) {
    let match = DECIMAL.exec(text);
    if (match === null) return text;
    let [, sign = "", whole = "0", fraction = ""] = match, digits = this.group(whole, fraction.padEnd(placesMin, "0")), unit = isZero(text) ? 0 : sign === "-" ? -1 : 1, isPlaced = !1;
    return this.number(options).formatToParts(unit).map((part) => part.type === "minusSign" ? "−" : NUMERIC_PARTS.has(part.type) ? isPlaced ? "" : (isPlaced = !0, digits) : part.value).join("");
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
    return this.dateFormat(options, locale).formatToParts(new Date(instant)).find((part) => part.type === type)?.value ?? "";
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

// src/context.ts
var opened = null, isAsked = !1, configured = 0;
client.addEventListener("configured", () => {
  configured += 1, isAsked && (opened = null), isAsked = !1;
});
function textsWithoutSession() {
  return translator({});
}

// src/resource.ts
var Resource = class {
  constructor(host, wanted, options = {}) {
    this.host = host;
    this.wanted = wanted;
    this.options = options;
    this.data = null;
    this.problem = null;
    /** Whether `data`, if there is any, belongs to what was wanted before. */
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
  /** Ask again for the same. While an answer is on its way the question is put off, so that it does arrive. */
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
  /** What to send for the next page, or null on the last. */
  get next() {
    return this.all.at(-1)?.next ?? null;
  }
  /** Add the next page. */
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

// src/parts/heading.ts
function periodName(format, span, isShort = !1) {
  return format.localDate(span.start).endsWith("-01") && format.localDate(span.end).endsWith("-01") && Date.parse(span.end) - Date.parse(span.start) < 27648e5 ? format.month(span.start, isShort) : format.period(span.start, span.end);
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

// node_modules/lit-html/directive.js
var t3 = { ATTRIBUTE: 1, CHILD: 2, PROPERTY: 3, BOOLEAN_ATTRIBUTE: 4, EVENT: 5, ELEMENT: 6 }, e4 = (t4) => (...e5) => ({ _$litDirective$: t4, values: e5 }), i5 = class {
  constructor(t4) {
  }
  get _$AU() {
    return this._$AM._$AU;
  }
  _$AT(t4, e5, i6) {
    this._$Ct = t4, this._$AM = e5, this._$Ci = i6;
  }
  _$AS(t4, e5) {
    return this.update(t4, e5);
  }
  update(t4, e5) {
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
  update(part, [styles]) {
    let { style } = part.element;
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
  update(part, [text]) {
    let isOther = this.text !== null && this.text !== text;
    return this.text = text, isOther && !matchMedia("(prefers-reduced-motion: reduce)").matches && part.element.animate({ backgroundColor: ["color-mix(in srgb, currentcolor 22%, transparent)", "transparent"] }, 1e3), A;
  }
}, tint = e4(TintDirective);

// src/parts/states.ts
function skeleton(t4, heights) {
  return b2`<div class="card bones" role="status" aria-label=${t4("loading")}>
    ${heights.map((height, index) => b2`<span class="bone" ${place({ height: `${height}px`, width: `${100 - index * 23 % 50}%` })}></span>`)}
  </div>`;
}
function emptyState(title, text, action = A) {
  return b2`<div class="card empty"><h2>${title}</h2><p>${text}</p>${action}</div>`;
}
function problemState(t4, problem, context, retry) {
  let kind = kindOf(problem), seller = context?.session.seller || "…", canRetry = kind === "unavailable" || kind === "expired" && !client.isHosted;
  return b2`<div class="card empty" role="alert" data-problem=${kind}>
    <h2>${t4(`problem.${kind}`)}</h2>
    <p>${whatToDo(t4, problem, seller)}</p>
    ${problem.requestId === "" ? A : b2`<p class="small mono">${t4("problem.request", { id: problem.requestId })}</p>`}
    ${canRetry ? b2`<button class="button controls" type="button" @click=${retry}>${t4("problem.retry")}</button>` : A}
  </div>`;
}
function whatToDo(t4, problem, seller) {
  let kind = kindOf(problem);
  return kind === "refused" ? [problem.detail, problem.remedy].filter((text) => text !== "").join(" ") : kind === "expired" && !client.isHosted ? t4("problem.expiredEmbed") : t4({
    expired: seller === "…" ? "problem.expiredUnknown" : "problem.expiredText",
    forbidden: seller === "…" ? "problem.forbiddenUnknown" : "problem.forbiddenText",
    missing: "problem.missingText"
  }[kind] ?? "problem.unavailableText", { seller });
}
function refusal(t4, problem) {
  return [problem.detail, problem.remedy].filter((text) => text !== "").join(" ") || shortProblem(t4, problem);
}
function shortProblem(t4, problem) {
  let kind = kindOf(problem);
  return kind === "refused" ? problem.title : t4(`problem.${kind}`);
}

// src/styles/operator.css
var operator_default = `.frame { min-height: 100dvh; padding: 24px 32px 48px; background: var(--_bg); }
.page { margin: 0 auto; }
.sign-in { display: grid; gap: 14px; max-width: 420px; margin: 12vh auto 0; justify-items: start; }
.sign-in label { display: grid; gap: 4px; width: 100%; font-size: 13px; color: var(--_text-2); }
.segments { justify-self: start; }
.below { display: block; }
.more { display: grid; justify-content: center; padding-top: 16px; }

@container (max-width: 560px) {
  .frame { padding: 16px; }
}
`;

// src/views/operator.ts
var TABS = ["customers", "sessions"], MeterlineOperator = class extends MeterlineElement {
  constructor() {
    super();
    this.t = textsWithoutSession();
    this.format = new Format(navigator.language, Intl.DateTimeFormat().resolvedOptions().timeZone);
    this.onProblem = (problem) => {
      this.notice = refusal(this.t, problem), kindOf(problem) === "expired" && (this.isSignedIn = !1);
    };
    this.customers = this.pagesOf("customers");
    this.sessions = this.pagesOf("sessions");
    this.onSignIn = (event) => {
      event.preventDefault();
      let form = event.currentTarget, token = String(new FormData(form).get("token")).trim();
      token !== "" && (form.reset(), client.configure({ baseUrl: location.origin, fetchToken: () => Promise.resolve(token) }), this.notice = "", this.isSignedIn = !0);
    };
    this.onSignOut = () => {
      client.reset(), this.isSignedIn = !1;
    };
    this.isSignedIn = !1, this.tab = "customers", this.notice = "";
  }
  static {
    this.styles = MeterlineElement.stylesWith(operator_default);
  }
  static {
    this.properties = {
      isSignedIn: { state: !0 },
      tab: { state: !0 },
      notice: { state: !0 }
    };
  }
  render() {
    return b2`<div class="reset frame"><main class="page">
      ${this.isSignedIn ? this.renderPages() : this.renderSignIn()}
      ${this.notice === "" ? A : b2`<p class="note" role="alert">${this.notice}</p>`}
    </main></div>`;
  }
  pagesOf(tab) {
    let options = { onProblem: this.onProblem, isWatched: !1 };
    return new Pages(this, () => this.isSignedIn && this.tab === tab ? { path: `operator/${tab}` } : null, options);
  }
  renderSignIn() {
    let { t: t4 } = this;
    return b2`<form class="card sign-in" @submit=${this.onSignIn}>
      <h1 class="page-title">${t4("operator.title")}</h1>
      <p class="hint">${t4("operator.signInText")}</p>
      <label>${t4("operator.token")}<input class="input" name="token" type="password" required autocomplete="off" spellcheck="false" /></label>
      <button class="button is-primary">${t4("operator.signIn")}</button>
    </form>`;
  }
  renderPages() {
    let { t: t4 } = this;
    return b2`
      ${heading({
      title: t4("operator.title"),
      actions: b2`<button class="button" type="button" @click=${this.onSignOut}>${t4("operator.signOut")}</button>`
    })}
      <div class="segments" role="group" aria-label=${t4("menu.pages")}>${TABS.map((tab) => b2`<button type="button"
        aria-pressed=${tab === this.tab} @click=${() => this.tab = tab}>${t4(`operator.${tab}`)}</button>`)}</div>
      ${this.tab === "customers" ? this.renderList(this.customers, ({ customers }) => customers, ["customer", "live", "last"], (row) => this.renderCustomer(row)) : this.renderList(this.sessions, ({ sessions }) => sessions, ["customer", "kind", "made", "ends", "used"], (row) => this.renderSession(row))}`;
  }
  renderList(pages, rowsOf, columns, render) {
    let { t: t4 } = this, { data, problem } = pages.first;
    if (data === null && problem !== null) return problemState(t4, problem, null, () => pages.first.refresh());
    if (data === null) return skeleton(t4, [24, 24, 24, 24]);
    let rows = pages.all.flatMap(rowsOf);
    return rows.length === 0 ? emptyState(t4("operator.empty"), t4("operator.emptyText")) : b2`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${t4(`operator.${this.tab}`)}><table>
      <thead><tr>${columns.map((column) => b2`<th scope="col" class=${column === "live" || column === "last" ? "right" : ""}>${t4(`operator.column.${column}`)}</th>`)}</tr></thead>
      <tbody>${rows.map(render)}</tbody></table></div>
      ${pages.next === null ? A : b2`<p class="more"><button class="button" type="button" ?disabled=${pages.isLoading}
        @click=${() => pages.more()}>${t4("operator.more")}</button></p>`}
    </section>`;
  }
  renderCustomer({ key, name, live, lastInvoice }) {
    let { format } = this;
    return b2`<tr data-customer=${key}>
      <th scope="row">${name || key}<span class="small mono"> ${key}</span></th>
      <td class="right">${live === null ? "–" : b2`<span data-value=${live.total}>${format.money(live.total, live.currency)}</span>
        <span class="small below">${periodName(format, live.period)}</span>`}</td>
      <td class="right">${lastInvoice === null ? "–" : b2`<span data-value=${lastInvoice.total}>${format.money(lastInvoice.total, lastInvoice.currency)}</span>
        <span class="small below mono">${lastInvoice.number}</span>`}</td>
    </tr>`;
  }
  renderSession({ id, customer, kind, createdBy, createdAt, endsAt, lastUsedAt, reason }) {
    let { format, t: t4 } = this;
    return b2`<tr data-session=${id}>
      <th scope="row">${customer}<span class="small mono below">${id}</span></th>
      <td>${t4(`operator.kind.${kind}`)}<span class="small below">${reason}</span></td>
      <td>${createdBy}<span class="small below">${format.moment(createdAt)}</span></td>
      <td>${format.moment(endsAt)}</td><td>${lastUsedAt === null ? "–" : format.moment(lastUsedAt)}</td>
    </tr>`;
  }
};
define("meterline-operator", MeterlineOperator);
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
*/
