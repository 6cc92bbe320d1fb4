/** Believable usage of an airline in 2013: flights by day and airport, and the prices of a plan, all in whole numbers. */

export const ZONE = "America/New_York";
export const AIRPORTS = { EWR: "Newark", LGA: "LaGuardia", JFK: "Kennedy" };
export const LAST_DAY = { month: 11, day: 18 };

/** Scale of amounts: ten-thousandths of a dollar, which the unit prices need. */
const SCALE = 10_000;

/** The same number for the same day and place, whenever it is asked for. */
function noise(...parts) {
  let hash = 2166136261;
  for (const letter of parts.join("/")) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0;
  return (hash % 1000) / 1000;
}

/** Midnight in New York: daylight saving ends on November 3rd and began on March 10th. */
export function midnight(month, day) {
  const date = new Date(Date.UTC(2013, month - 1, day));
  const isSummer = date > Date.UTC(2013, 2, 10) && date <= Date.UTC(2013, 10, 3);
  return new Date(date.getTime() + (isSummer ? 4 : 5) * 3_600_000);
}

export function daysIn(month) {
  return new Date(Date.UTC(2013, month, 0)).getUTCDate();
}

export function isPast(month, day) {
  return month < LAST_DAY.month || (month === LAST_DAY.month && day <= LAST_DAY.day);
}

/** Flights of one day from one airport. */
export function flights(month, day, airport) {
  const weekday = new Date(Date.UTC(2013, month - 1, day)).getUTCDay();
  const base = { EWR: 136, LGA: 27, JFK: 14 }[airport];
  const quiet = weekday === 6 ? 0.68 : weekday === 0 ? 0.9 : 1;
  return Math.round(base * quiet * (0.96 + 0.08 * noise(month, day, airport)));
}

/** A meter's value of one day from one airport, as a whole number. */
export function measured(meter, month, day, airport) {
  const count = flights(month, day, airport);
  if (meter === "flights") return count;
  if (meter === "air-minutes") return Math.round(count * (205 + 20 * noise("air", month, day, airport)));
  if (meter === "aircraft") return Math.round(count * 0.62);
  return Math.round(40 + 300 * noise("delay", month, day, airport) ** 3);
}

export const METERS = [
  { name: "flights", label: "Flights", unit: "flight", aggregation: "COUNT", groupBy: ["origin"] },
  { name: "air-minutes", label: "Air minutes", unit: "min", aggregation: "SUM", groupBy: ["origin"] },
  { name: "aircraft", label: "Aircraft", unit: "aircraft", aggregation: "COUNT_UNIQUE", groupBy: ["origin"] },
  { name: "worst-delay", label: "Worst delay", unit: "min", aggregation: "MAX", groupBy: ["origin"] },
];

/** The value of a meter over the days of a month up to `last`. */
export function upTo(meter, month, last) {
  let value = 0;
  for (let day = 1; day <= last; day += 1) {
    for (const airport of Object.keys(AIRPORTS)) {
      const own = measured(meter, month, day, airport);
      value = meter === "worst-delay" ? Math.max(value, own) : value + own;
    }
  }
  return meter === "aircraft" ? Math.min(420, Math.round(value / 14) + month * 4) : value;
}

const GRADUATED = "graduated";
const VOLUME = "volume";
export const ITEMS = [
  { item: "Base fee", kind: "fixed", amount: 500 * SCALE },
  {
    item: "Air minutes", meter: "air-minutes", unit: "min", model: GRADUATED,
    tiers: [[10_000, 0, 0], [100_000, 500, 0], [null, 400, 0]],
  },
  { item: "Aircraft", meter: "aircraft", unit: "aircraft", model: "perUnit", included: 10, minimum: 100 * SCALE, tiers: [[null, 25 * SCALE, 0]] },
  {
    item: "Flights", meter: "flights", unit: "flight", model: VOLUME,
    tiers: [[1000, 3125, 0], [3000, 2875, 20 * SCALE], [null, 2435, 455_000]],
  },
  {
    item: "Worst delay", meter: "worst-delay", unit: "min", model: GRADUATED,
    tiers: [[60, 0, 0], [240, 1250, 15 * SCALE], [null, 3330, 75 * SCALE]],
  },
];

/** The tiers that a quantity is priced by: quantity, price, fee and amount of each. */
export function rated(item, quantity) {
  if (item.kind === "fixed") return { amount: item.amount, tiers: [] };
  const billed = Math.max(0, quantity - (item.included ?? 0));
  if (item.model === VOLUME) return byVolume(item, billed);
  let floor = 0;
  const tiers = [];
  for (const [bound, price, flat] of item.tiers) {
    const part = Math.max(0, Math.min(billed, bound ?? Infinity) - floor);
    const fee = part > 0 ? flat : 0;
    tiers.push({ bound, quantity: part, price, flat: fee, amount: part * price + fee, here: part > 0 && billed <= (bound ?? Infinity) });
    floor = bound ?? floor;
  }
  const sum = tiers.reduce((total, tier) => total + tier.amount, 0);
  return { amount: Math.max(sum, item.minimum ?? 0), tiers };
}

function byVolume(item, quantity) {
  const chosen = item.tiers.findIndex(([bound]) => bound === null || quantity <= bound);
  const tiers = item.tiers.map(([bound, price, flat], index) => {
    const here = index === chosen;
    return { bound, quantity: here ? quantity : 0, price, flat: here ? flat : 0, amount: here ? quantity * price + flat : 0, here };
  });
  return { amount: tiers[chosen].amount, tiers };
}

/** Ten-thousandths as decimal text, rounded half away from zero to cents. */
export function dollars(amount) {
  const cents = Math.sign(amount) * Math.floor((Math.abs(amount) + SCALE / 200) / (SCALE / 100));
  return (cents / 100).toFixed(2);
}

/** Ten-thousandths as decimal text with all their places. */
export function exact(amount) {
  return (amount / SCALE).toFixed(4).replace(/\.?0+$/, "");
}
