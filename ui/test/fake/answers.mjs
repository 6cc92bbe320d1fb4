/** What the fake portal answers, in the shapes of the real one. */

import { AIRPORTS, daysIn, dollars, exact, flights, isPast, ITEMS, LAST_DAY, measured, METERS, midnight, rated, upTo, ZONE } from "./flights.mjs";

const AS_OF = "0:184211,1:184190";
const HEX = "9f2c4e8b7a1d3c5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b571ab";
const iso = (date) => date.toISOString().replace(".000Z", "Z");
const fresh = () => ({ asOf: AS_OF, completeUntil: iso(new Date(Math.floor(Date.now() / 1000) * 1000)) });
const frozen = { asOf: "", completeUntil: null };
const label = (month) => `2013-${String(month).padStart(2, "0")}`;
const monthOf = (billingPeriod) => Number((billingPeriod || label(LAST_DAY.month)).slice(5, 7));
const span = (month) => ({ start: iso(midnight(month, 1)), end: iso(midnight(month + 1, 1)) });
const lastDay = (month) => (month === LAST_DAY.month ? LAST_DAY.day : daysIn(month));
const number = (month) => `INV-${String(month * 16 - 4).padStart(6, "0")}`;
const percent = (value) => `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(1)}`;
const sum = (values) => values.reduce((total, value) => total + value, 0);

export function session(customer) {
  return {
    customer: { key: customer.key, name: customer.name }, seller: "Port Authority Metering",
    views: customer.views ?? ["overview", "usage", "cost", "invoices", "plan"],
    locale: customer.locale ?? "en-US", timeZone: ZONE, currency: "USD", mode: customer.mode ?? "auto",
    branding: { accent: "#2a5bd7", accentDark: "#8fb0ff", accentInk: "#ffffff", logoUrl: null, font: null, radius: 10, series: [], ...customer.branding },
    texts: customer.texts ?? {},
    labels: {
      meters: {}, items: {}, properties: { origin: "airport" }, values: { origin: AIRPORTS },
      units: { flight: { one: "flight", other: "flights" } },
    },
    windowMin: "hour", traceLink: "https://traces.example.com/{traceId}", expiresAt: iso(new Date(Date.now() + 600_000)),
    kind: customer.actingFor ? "operator" : "link", actingFor: customer.actingFor ?? null,
  };
}

export function periods() {
  return Array.from({ length: LAST_DAY.month }, (_, index) => LAST_DAY.month - index).map((month) => ({
    billingPeriod: label(month), contract: "UA-2013", ...span(month), timeZone: ZONE, currency: "USD",
    state: month === LAST_DAY.month ? "open" : "final", invoice: month === LAST_DAY.month ? null : number(month),
  }));
}

export const meters = () => METERS;

/** The windows of a span as start, end and the days in them. */
function windowsOf(query) {
  const from = query.get("from") ? Number(query.get("from").slice(5, 7)) : monthOf(query.get("billingPeriod"));
  const until = query.get("from") ? Number(query.get("until").slice(5, 7)) - 1 : from;
  const window = query.get("window") || "day";
  const days = [];
  for (let month = from; month <= until; month += 1) for (let day = 1; day <= daysIn(month); day += 1) days.push([month, day]);
  if (window === "hour") return days.flatMap(hoursOf);
  const groups = grouped(days, keyOf(window));
  return [...groups.values()].map((own) => ({ start: midnight(...own[0]), end: midnight(own.at(-1)[0], own.at(-1)[1] + 1), days: own, share: 1 }));
}

function grouped(values, key) {
  const groups = new Map();
  for (const value of values) groups.set(key(value), [...(groups.get(key(value)) ?? []), value]);
  return groups;
}

function keyOf(window) {
  if (window === "month") return ([month]) => month;
  if (window === "week") return ([month, day]) => Math.floor((Date.UTC(2013, month - 1, day) / 86_400_000 + 3) / 7);
  return ([month, day]) => month * 100 + day;
}

function hoursOf([month, day]) {
  const [start, end] = [midnight(month, day).getTime(), midnight(month, day + 1).getTime()];
  return Array.from({ length: (end - start) / 3_600_000 }, (_, hour) => ({
    start: new Date(start + hour * 3_600_000), end: new Date(start + (hour + 1) * 3_600_000), days: [[month, day]],
    share: hour < 5 ? 0 : [6, 7, 8, 16, 17, 18].includes(hour) ? 0.085 : 0.038,
  }));
}

function valueOf(meter, window, airports) {
  const days = window.days.filter(([month, day]) => isPast(month, day));
  if (days.length === 0 || window.share === 0) return null;
  const values = days.flatMap(([month, day]) => airports.map((airport) => measured(meter, month, day, airport)));
  return meter === "worst-delay" ? Math.max(...values) : Math.round(sum(values) * window.share);
}

function usageSeries(meter, windows, query) {
  const wanted = query.getAll("filter").map((filter) => filter.split(":")[1]);
  const airports = Object.keys(AIRPORTS).filter((airport) => wanted.length === 0 || wanted.includes(airport));
  const groups = query.get("groupBy") ? airports.map((airport) => [airport]) : [airports];
  const isAdded = meter.name !== "worst-delay" && meter.name !== "aircraft";
  const rows = groups.map((own) => ({ own, values: windows.map((window) => (own.length === 0 ? null : valueOf(meter.name, window, own))) }));
  const whole = (values) => { const some = values.filter((value) => value !== null); return isAdded ? sum(some) : Math.max(0, ...some); };
  const totals = windows.map((_, index) => { const some = rows.map(({ values }) => values[index]).filter((value) => value !== null); return some.length === 0 ? null : whole(some); });
  const total = whole(totals);
  const series = rows.map(({ own, values }) => ({
    key: query.get("groupBy") ? own[0] : "", label: query.get("groupBy") ? AIRPORTS[own[0]] : meter.label, isOther: false,
    values: values.map(text), total: String(whole(values)),
    share: isAdded && total > 0 ? ((whole(values) / total) * 100).toFixed(1) : null,
  }));
  return { series: series.sort((one, other) => Number(other.total) - Number(one.total)), totals: totals.map(text), total };
}

const text = (value) => (value === null ? null : String(value));

export function usage(query) {
  const meter = METERS.find(({ name }) => name === query.get("meter")) ?? METERS[0];
  const month = monthOf(query.get("billingPeriod"));
  const windows = windowsOf(query);
  if (windows.length > 1000) return null;
  const found = usageSeries(meter, windows, query);
  const isPeriod = !query.get("from");
  const item = ITEMS.find((each) => each.meter === meter.name);
  const billed = upTo(meter.name, month, lastDay(month));
  return {
    meter: meter.name, label: meter.label, unit: meter.unit, timeZone: ZONE, window: query.get("window") || "day", groupBy: query.get("groupBy") || null,
    period: { start: iso(windows[0].start), end: iso(windows.at(-1).end), billingPeriod: isPeriod ? label(month) : null },
    buckets: windows.map(({ start, end }) => ({ start: iso(start), end: iso(end) })),
    series: found.series, totals: found.totals, total: String(found.total),
    eventCount: sum(windows.flatMap(({ days, share }) => days.filter(([m, d]) => isPast(m, d)).flatMap(([m, d]) => Object.keys(AIRPORTS).map((airport) => Math.round(flights(m, d, airport) * (share < 1 ? share : 1)))))),
    compare: query.get("compare") && isPeriod && month > 1 ? usageBefore(meter, month, query, found.total) : null,
    line: isPeriod && query.getAll("filter").length === 0
      ? { quantity: String(billed), item: item.item, equals: billed === found.total, href: href(month) } : null,
    filled: true, billedTotal: null, eventsRead: 0, ...(month === LAST_DAY.month ? fresh() : frozen),
  };
}

const href = (month) => (month === LAST_DAY.month ? `/invoices/draft?billingPeriod=${label(month)}` : `/invoices/${number(month)}`);

function usageBefore(meter, month, query, total) {
  const earlier = new URLSearchParams(query);
  earlier.set("billingPeriod", label(month - 1));
  const windows = windowsOf(earlier);
  const before = usageSeries(meter, windows, earlier);
  const days = lastDay(month);
  const same = usageSeries(meter, windows.filter(({ days: own }) => own[0][1] <= days), earlier).total;
  return {
    period: { ...span(month - 1), billingPeriod: label(month - 1) }, buckets: windows.map(({ start, end }) => ({ start: iso(start), end: iso(end) })),
    totals: before.totals, total: String(before.total),
    aligned: windowsOf(query).map((_, index) => { const place = index + (query.get("window") === "day" ? (daysIn(month - 1) + 3) % 7 - 3 : 0); return place < windows.length && place >= 0 ? place : null; }),
    samePoint: month === LAST_DAY.month ? { days, total: String(same) } : null,
    change: percent((total / (month === LAST_DAY.month ? same : before.total) - 1) * 100),
  };
}

/** What each line of a month comes to after `days` days, in ten-thousandths. */
function linesUpTo(month, days) {
  return ITEMS.map((item) => {
    const quantity = item.meter ? upTo(item.meter, month, days) : 1;
    return { ...item, quantity, ...rated(item, quantity) };
  });
}

const cents = (amount) => Number(dollars(amount)) * 100;
const fromCents = (amount) => (amount / 100).toFixed(2);

/** A month's bill day by day in cents: each item's running amount, so that days add up to it. */
function costSeries(month, windows, items, isGrouped, byAirport) {
  const running = (days) => linesUpTo(month, days).filter(({ item }) => items.length === 0 || items.includes(item));
  let before = running(0).map(() => 0);
  const rows = windows.map(({ days }) => {
    const last = days.at(-1)[1];
    if (!isPast(month, days[0][1])) return null;
    const now = running(Math.min(last, lastDay(month))).map(({ kind, amount }) => (kind === "fixed" ? Math.round((cents(amount) * last) / daysIn(month)) : Math.round(cents(amount))));
    const parts = now.map((amount, index) => amount - before[index]);
    before = now;
    return parts;
  });
  const named = running(1);
  if (byAirport) return airportSeries(named, rows, windows, month);
  if (!isGrouped) return [{ key: "", label: "Cost", values: rows.map((parts) => (parts === null ? null : sum(parts))) }];
  return named.map(({ item }, index) => ({ key: item, label: item, values: rows.map((parts) => (parts === null ? null : parts[index])) }));
}

function airportSeries(named, rows, windows, month) {
  const fixed = named.findIndex(({ kind }) => kind === "fixed");
  const split = rows.map((parts, index) => {
    if (parts === null) return null;
    const usage = sum(parts.filter((_, nth) => nth !== fixed));
    const weights = Object.keys(AIRPORTS).map((airport) => flights(month, windows[index].days[0][1], airport));
    const shares = weights.map((weight) => Math.trunc((usage * weight) / sum(weights)));
    shares[0] += usage - sum(shares);
    return [...shares, fixed < 0 ? 0 : parts[fixed]];
  });
  const keys = [...Object.entries(AIRPORTS), ["", "Not by airport"]];
  return keys.map(([key, name], index) => ({ key, label: name, values: split.map((parts) => (parts === null ? null : parts[index])) }));
}

export function cost(query) {
  const month = monthOf(query.get("billingPeriod"));
  const windows = windowsOf(new URLSearchParams({ billingPeriod: label(month), window: query.get("window") === "hour" ? "day" : query.get("window") || "day" }));
  const items = query.getAll("item");
  const groupBy = query.get("groupBy");
  const rows = costSeries(month, windows, items, groupBy === "item", groupBy === "origin");
  const totals = windows.map((_, index) => (rows[0].values[index] === null ? null : sum(rows.map(({ values }) => values[index]))));
  const total = sum(totals.filter((value) => value !== null));
  const series = rows.map(({ key, label: name, values }) => {
    const own = sum(values.filter((value) => value !== null));
    return { key, label: name, isOther: false, values: values.map((value) => (value === null ? null : fromCents(value))), total: fromCents(own), share: ((own / total) * 100).toFixed(1) };
  });
  return {
    currency: "USD", items, label: "Cost", meters: Object.fromEntries(ITEMS.filter(({ meter }) => meter).map(({ item, meter }) => [item, meter])), timeZone: ZONE, window: query.get("window") || "day", groupBy, eventCount: upTo("flights", month, lastDay(month)),
    period: { ...span(month), billingPeriod: label(month) },
    buckets: windows.map(({ start, end }) => ({ start: iso(start), end: iso(end) })),
    series: series.sort((one, other) => Number(other.total) - Number(one.total)), totals: totals.map((value) => (value === null ? null : fromCents(value))), total: fromCents(total),
    unitPrices: windows.map((_, index) => (items.length === 1 && totals[index] !== null ? (0.05 - 0.0004 * index).toFixed(6) : null)),
    compare: null, line: items.length === 0 ? { quantity: fromCents(total), item: "", equals: true, href: href(month) } : null,
    filled: true, ...(month === LAST_DAY.month ? fresh() : frozen),
  };
}

export function overview(query) {
  const month = monthOf(query.get("billingPeriod"));
  const days = lastDay(month);
  const now = linesUpTo(month, days);
  const before = linesUpTo(month - 1, Math.min(days, daysIn(month - 1)));
  const total = (lines) => sum(lines.map(({ amount }) => Math.round(cents(amount))));
  const buckets = Array.from({ length: daysIn(month) }, (_, index) => index + 1);
  const isFinal = month < LAST_DAY.month;
  return {
    period: { ...span(month), billingPeriod: label(month) }, timeZone: ZONE,
    billSoFar: { amount: fromCents(total(now)), currency: "USD", final: isFinal },
    samePoint: month > 1 ? { amount: fromCents(total(before)), days, change: percent((total(now) / total(before) - 1) * 100) } : null,
    lastInvoice: month > 1 ? { number: number(month - 1), total: fromCents(total(linesUpTo(month - 1, 31))), currency: "USD", billingPeriod: label(month - 1) } : null,
    cumulative: {
      buckets: buckets.map((day) => ({ start: iso(midnight(month, day)), end: iso(midnight(month, day + 1)) })),
      amounts: buckets.map((day) => (isPast(month, day) ? fromCents(total(linesUpTo(month, day))) : null)),
      previous: buckets.map((day) => (month > 1 && day <= daysIn(month - 1) ? fromCents(total(linesUpTo(month - 1, day))) : null)),
    },
    waterfall: month > 1 ? {
      from: { label: `${label(month - 1)}, first ${days} days`, amount: fromCents(total(before)) },
      steps: now.flatMap((line, index) => {
        const change = Math.round(cents(line.amount)) - Math.round(cents(before[index].amount));
        return change === 0 ? [] : [{ item: line.item, label: line.item, amount: fromCents(change), quantityBefore: String(before[index].quantity), quantity: String(line.quantity), unit: line.unit ?? "" }];
      }),
      to: { label: label(month), amount: fromCents(total(now)) },
    } : null,
    items: now.map((line, index) => ({ item: line.item, label: line.item, amount: dollars(line.amount), quantity: String(line.quantity), unit: line.unit ?? "", lineId: lineId(month, index) })),
    included: [{ item: "Aircraft", label: "Aircraft", included: "10", used: String(now[2].quantity), left: "0", unit: "aircraft" }],
    adjustments: "0.00", ...(isFinal ? frozen : fresh()),
  };
}

/** Why a month costs more or less than the whole one before it. */
export function variance(query) {
  const month = monthOf(query.get("billingPeriod"));
  if (month === 1) return { variance: null };
  const [before, now] = [linesUpTo(month - 1, daysIn(month - 1)), linesUpTo(month, lastDay(month))];
  const amount = (line) => Math.round(cents(line.amount));
  const sums = { volume: 0, tier: 0 };
  const items = now.flatMap((line, index) => {
    const change = amount(line) - amount(before[index]);
    const volume = Math.round(change * 1.2);
    sums.volume += volume;
    sums.tier += change - volume;
    const effects = [{ effect: "volume", amount: fromCents(volume) }, { effect: "tier", amount: fromCents(change - volume) }];
    return change === 0 ? [] : [{ item: line.item, label: line.item, unit: line.unit ?? "", quantityBefore: String(before[index].quantity), quantity: String(line.quantity), change: fromCents(change), effects }];
  });
  const total = (lines) => sum(lines.map(amount));
  return { variance: {
    currency: "USD", isOpen: month === LAST_DAY.month, change: fromCents(total(now) - total(before)), items,
    from: { billingPeriod: label(month - 1), amount: fromCents(total(before)) }, to: { billingPeriod: label(month), amount: fromCents(total(now)) },
    effects: Object.entries(sums).map(([effect, value]) => ({ effect, amount: fromCents(value) })), ...fresh(),
  } };
}

const lineId = (month, index) => `${month === LAST_DAY.month ? "draft" : number(month)}.${index + 1}`;

function invoiceLines(month) {
  return linesUpTo(month, lastDay(month)).map((line, index) => ({
    id: lineId(month, index), kind: line.kind ?? "usage", item: line.item, label: line.item, meter: line.meter ?? "", unit: line.unit ?? "",
    quantity: String(line.quantity), pricedQuantity: null, amount: dollars(line.amount), exactAmount: exact(line.amount),
    eventCount: line.kind === "fixed" ? 0 : upTo("flights", month, lastDay(month)) - index * 5, tiers: tiersOf(line), period: span(month), plan: "airline-standard",
    planVersion: 1, adjustsLineId: null, billedBefore: null, contract: null,
  }));
}

const tiersOf = (line) => line.tiers.map(({ bound, quantity, price, flat, amount, here }) => ({
  upTo: text(bound), quantity: String(quantity), unitPrice: exact(price), flat: flat === 0 ? null : exact(flat), amount: exact(amount), here, row: "",
}));

export function invoices(query) {
  const from = query.get("after") ? Number(query.get("after")) : LAST_DAY.month - 1;
  const months = Array.from({ length: Math.min(6, from) }, (_, index) => from - index);
  const total = (month) => fromCents(sum(invoiceLines(month).map(({ amount }) => Math.round(Number(amount) * 100))));
  return {
    draft: query.get("after") ? null : { billingPeriod: label(LAST_DAY.month), period: span(LAST_DAY.month), total: total(LAST_DAY.month), currency: "USD", lineCount: ITEMS.length },
    invoices: months.map((month) => ({
      number: number(month), kind: "period", billingPeriod: label(month), period: span(month), total: total(month), currency: "USD", lineCount: ITEMS.length,
      finalizedAt: iso(midnight(month + 1, 2)), isCredit: false, hasAdjustments: month === 7,
    })),
    next: from > 6 ? String(from - 6) : null, ...fresh(),
  };
}

export function invoice(name, query) {
  const month = name === "draft" ? monthOf(query.get("billingPeriod")) : (Number(name.slice(4)) + 4) / 16;
  if (!Number.isInteger(month) || month < 1 || month > LAST_DAY.month) return null;
  const isDraft = name === "draft";
  const lines = invoiceLines(month);
  return {
    number: isDraft ? null : name, status: isDraft ? "draft" : "final", kind: "period", isCredit: false, seller: "Port Authority Metering", customer: "UA",
    customerName: "United Air Lines Inc.", contract: "UA-2013", billingPeriod: label(month), period: span(month), timeZone: ZONE, lines,
    total: fromCents(sum(lines.map(({ amount }) => Math.round(Number(amount) * 100)))), currency: "USD", finalizedAt: isDraft ? null : iso(midnight(month + 1, 2)),
    digest: isDraft ? null : HEX, chain: isDraft ? null : [...HEX].reverse().join(""), notes: ["Taxes are not included."],
    pending: month === 9 ? { amount: "12.30", lines: [{ ...lines[3], id: "pending.1", kind: "adjustment", quantity: "43", amount: "12.30", adjustsLineId: lines[3].id }], nextInvoice: label(11) } : null,
    ...(isDraft ? fresh() : frozen),
  };
}

export function compare(name, query) {
  const [left, right] = [invoice(name, query), invoice(query.get("with"), query)];
  if (left === null || right === null) return null;
  const head = ({ number: own, status, billingPeriod, period, total }) => ({ number: own, status, billingPeriod, period, total });
  const side = ({ kind, quantity, amount }) => ({ quantity, amount, unitPrice: kind === "fixed" || quantity === "0" ? null : (Number(amount) / Number(quantity)).toFixed(6) });
  const less = (one, other) => fromCents(Math.round(Number(one) * 100) - Math.round(Number(other) * 100));
  const items = left.lines.map((line, index) => {
    const [one, other] = [side(line), side(right.lines[index])];
    const isFee = line.kind === "fixed";
    return { item: line.item, label: line.label, kind: line.kind, unit: line.unit, left: one, right: other, amountChange: less(one.amount, other.amount),
      quantityChange: isFee ? null : String(Number(one.quantity) - Number(other.quantity)), unitPriceChange: one.unitPrice === null || other.unitPrice === null ? null : (Number(one.unitPrice) - Number(other.unitPrice)).toFixed(6) };
  });
  return { currency: "USD", left: head(left), right: head(right), items, totalChange: less(left.total, right.total), change: percent((Number(left.total) / Number(right.total) - 1) * 100), ...fresh() };
}

export function explain(name, id, query) {
  const found = invoice(name, query);
  const line = found?.lines.find((each) => each.id === id);
  if (line === undefined) return null;
  const item = ITEMS.find((each) => each.item === line.item);
  const month = monthOf(found.billingPeriod);
  const tiers = line.tiers.filter((tier) => tier.quantity !== "0");
  return {
    line, invoiceNumber: found.number, price: plan(query).items.find((each) => each.item === line.item) ?? null,
    steps: [
      ...(line.kind === "fixed" ? [] : [{ name: "quantity", text: `${line.label} counted from ${line.eventCount} events`, value: line.quantity }]),
      ...(item.included ? [{ name: "included", text: `less ${item.included} included`, value: String(Number(line.quantity) - item.included) }] : []),
      ...tiers.map((tier) => ({ name: "tier", text: `${tier.quantity} × ${tier.unitPrice}${tier.flat ? ` + ${tier.flat}` : ""}`, value: tier.amount })),
      { name: "total", text: "exact amount", value: line.exactAmount },
    ],
    tiers: line.tiers, rounding: ["rounded once, half away from zero, to cents"], eventCount: line.eventCount,
    days: line.kind === "fixed" ? [] : Array.from({ length: lastDay(month) }, (_, index) => ({
      window: { start: iso(midnight(month, index + 1)), end: iso(midnight(month, index + 2)) },
      quantity: String(sum(Object.keys(AIRPORTS).map((airport) => measured(item.meter, month, index + 1, airport)))),
    })),
    evidence: found.number === null || line.kind === "fixed" ? null : { snapshotId: "snap-UA-2013-10", digest: HEX, sealedAt: iso(midnight(month + 1, 2)), traceparent: null },
    asOf: found.asOf, completeUntil: found.completeUntil,
  };
}

export function events(name, id, query) {
  const found = explain(name, id, query);
  if (found === null) return null;
  const from = Number(query.get("after") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  const month = monthOf(found.line.period.start);
  const page = Array.from({ length: Math.min(limit, found.eventCount - from) }, (_, index) => {
    const nth = from + index;
    const airport = Object.keys(AIRPORTS)[nth % 3];
    const time = new Date(midnight(month, 1 + Math.floor(nth / 170)).getTime() + (5 + (nth % 170) / 9) * 3_600_000);
    const flight = 200 + ((nth * 37) % 1500);
    return {
      time: iso(new Date(Math.floor(time.getTime() / 60_000) * 60_000)), id: `UA${flight}-${airport}-${iso(time).slice(0, 13)}Z`, source: "flights.csv", subject: "",
      value: found.line.meter === "flights" ? "1" : String(80 + ((nth * 53) % 290)), properties: { origin: airport, dest: ["ORD", "SFO", "IAH", "LAX"][nth % 4], tailnum: `N${10_000 + flight}` },
      traceId: nth % 5 === 4 ? null : `${HEX.slice(nth % 20, (nth % 20) + 32)}`, reportTraceId: `${HEX.slice(5, 37)}`, correction: nth === 2 ? "replacement" : null, takenBack: nth === 4, reason: nth === 2 ? "wrong gate" : null,
    };
  });
  return { events: page, next: from + limit < found.eventCount ? String(from + limit) : null, total: found.eventCount };
}

export function bucket(query) {
  const found = usage(new URLSearchParams([...query].filter(([name]) => name !== "groupBy")));
  const place = found?.buckets.findIndex(({ start }) => start === query.get("bucket")) ?? -1;
  if (place < 0) return null;
  const grouped = new URLSearchParams(query);
  grouped.set("groupBy", "origin");
  const series = usage(grouped).series.filter(({ values }) => (values[place] ?? "0") !== "0");
  const quantity = found.totals[place] ?? "0";
  const values = series.map(({ key, label: name, values: own }) => ({ key, label: name, quantity: own[place], share: ((Number(own[place]) / Number(quantity)) * 100).toFixed(1) }));
  return { meter: found.meter, unit: found.unit, bucket: found.buckets[place], quantity, eventCount: Number(quantity), properties: [{ property: "origin", values: values.slice(0, 5), count: values.length }], asOf: found.asOf, completeUntil: found.completeUntil };
}

export function bucketEvents(query) {
  const found = bucket(query);
  if (found === null) return null;
  const from = Number(query.get("after") ?? 0);
  const count = Math.max(0, Math.min(Number(query.get("limit") ?? 50), found.eventCount - from));
  const begins = Date.parse(found.bucket.start);
  const page = Array.from({ length: count }, (_, index) => ({
    time: new Date(begins + (from + index) * 60_000).toISOString(), id: `UA${300 + from + index}`, source: "flights.csv", subject: "", value: "1",
    properties: { origin: "EWR", dest: "ORD" }, traceId: HEX.slice(0, 32),
  }));
  return { events: page, next: from + count < found.eventCount ? String(from + count) : null, total: found.eventCount };
}

export function verify(isWhole) {
  return { ok: isWhole, problems: isWhole ? [] : ["INV-000156: the digest of the stored document is another one than the one it was issued with."], counted: 4931, digest: HEX, chain: HEX, checkedAt: iso(new Date()) };
}

export function plan(query) {
  const examplesOf = (item) => [1000, 5201, 10_000].map((quantity) => ({ quantity: String(quantity), amount: dollars(rated(item, quantity).amount), isOwn: quantity === 5201 }));
  return {
    examples: ITEMS.filter(({ meter }) => meter).map((item) => ({ item: item.item, examples: examplesOf(item) })), coming: [],
    agreed: [
      { kind: "Discount", name: "SPRING", percent: "12.5", amount: null, usage: null, usagePercent: null, items: [], start: "2013-03-01", until: null },
      { kind: "Discount", name: "First flights", percent: null, amount: null, usage: "1000", usagePercent: null, items: ["Flights"], start: "2013-01-01", until: "2014-01-01" },
      { kind: "Commitment", name: "Year", percent: null, amount: "120000.00", usage: null, usagePercent: null, items: [], start: "2013-01-01", until: "2014-01-01" },
    ],
    plan: "airline-standard", version: 1, description: "", currency: "USD", contract: "UA-2013", start: "2013-01-01", end: "2014-01-01", timeZone: ZONE, billingPeriod: label(monthOf(query.get("billingPeriod"))),
    items: ITEMS.map((item) => ({
      item: item.item, label: item.item, meter: item.meter ?? "", unit: item.unit ?? "", model: item.model ?? "fixed",
      amount: item.kind === "fixed" ? exact(item.amount) : null, unitPrice: item.model === "perUnit" ? exact(item.tiers[0][1]) : null, blockSize: null,
      included: item.included ? String(item.included) : null, minimum: item.minimum ? exact(item.minimum) : null, maximum: null, times: null, percent: null, factor: null, formula: "", perKey: [], isTogether: false, calendar: "", rows: [], isEachEvent: false, eventFee: null, freeEvents: null, eventMinimum: null, eventMaximum: null, formula: "",
      tiers: (item.model === "perUnit" ? [] : item.tiers ?? []).map(([bound, price, flat]) => ({ upTo: text(bound), unitPrice: exact(price), flat: flat === 0 ? null : exact(flat) })),
    })),
  };
}

export function quote(query) {
  const item = ITEMS.find((each) => each.item === query.get("item"));
  if (item === undefined) return null;
  const quantity = Number(query.get("quantity"));
  const priced = rated(item, quantity);
  const [price] = plan(query).items.filter((each) => each.item === item.item);
  const tiers = tiersOf({ ...item, ...priced }).filter((tier) => tier.quantity !== "0");
  return {
    item: item.item, label: item.item, unit: item.unit ?? "", quantity: query.get("quantity"), amount: dollars(priced.amount), exactAmount: exact(priced.amount), currency: "USD", tiers, price,
    steps: [{ name: "quantity", text: "usage", value: query.get("quantity") }, ...tiers.map((tier) => ({ name: "tier", text: "tier", value: tier.amount })), { name: "total", text: "exact", value: exact(priced.amount) }],
  };
}

/** The largest bucket of what the explorer shows, and the percentile. */
export function figures(query) {
  const shown = usage(query);
  const values = shown.totals.map((value) => Number(value ?? 0));
  const place = values.indexOf(Math.max(...values));
  const ascending = [...values].sort((one, other) => one - other);
  return {
    asOf: shown.asOf, completeUntil: shown.completeUntil, meter: shown.meter, unit: shown.unit, total: shown.total,
    largest: { bucket: shown.buckets[place], quantity: shown.totals[place] ?? "0" },
    percentile: String(ascending[Math.ceil(0.95 * values.length) - 1]), bucketCount: values.length,
  };
}

/** Hours of the week: by day more than at night. */
export function heat(query) {
  const { asOf, completeUntil, meter, unit, timeZone } = usage(query);
  const cells = Array.from({ length: 168 }, (_, place) => ({
    weekday: Math.floor(place / 24) + 1, hour: place % 24, quantity: String(place % 24 > 5 ? 40 + place : 2), eventCount: 1, minutes: 240,
  }));
  return { asOf, completeUntil, meter, unit, timeZone, cells };
}
