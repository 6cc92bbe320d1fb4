/**
 * From decimal text to places on the screen.
 *
 * This is the only file in which a quantity or an amount becomes a Number, and only to say how many pixels high or far it is;
 * what is read, copied and compared stays the text.
 */

/** The place of a value on a scale; `null` (nothing happened) has none. */
export function position(text: string | null): number | null {
  return text === null ? null : Number(text);
}

/** The place of a value, that of nothing being zero. */
export function positionOrZero(text: string | null): number {
  return position(text) ?? 0;
}

/** Which part of a whole a value is, from 0 to 1; for the widths of bars. */
export function part(text: string, whole: string): number {
  const total = Math.abs(Number(whole));
  return total === 0 ? 0 : Math.min(1, Math.abs(Number(text)) / total);
}

/** The largest of decimal texts by magnitude, as text. */
export function largest(texts: readonly (string | null)[]): string {
  let found = "0";
  for (const text of texts) if (text !== null && Math.abs(Number(text)) > Math.abs(Number(found))) found = text;
  return found;
}

export interface Scale {
  min: number;
  max: number;
  ticks: number[];
}

/** A scale that holds all values, with about `count` round ticks. */
export function scaleOf(values: readonly number[], count: number, hasZero = true): Scale {
  const low = Math.min(...values, hasZero ? 0 : Infinity);
  const high = Math.max(...values, hasZero ? 0 : -Infinity);
  const span = high - low || Math.abs(high) || 1;
  // Of whole numbers no tick lies between two of them: there is no half flight.
  const fraction = roundStep(span / count);
  const step = !values.every(Number.isInteger) || Number.isInteger(fraction) ? fraction : fraction < 1 ? 1 : 5;
  // A little below zero needs some room, and not a whole step of it.
  const isBarelyBelow = low < 0 && low > -step / 4 && high > 0;
  const first = isBarelyBelow ? 0 : Math.floor(low / step) * step;
  const min = isBarelyBelow ? low : first;
  const max = Math.max(Math.ceil(high / step) * step, first + step);
  const ticks = Array.from({ length: Math.round((max - first) / step) + 1 }, (_, index) => first + index * step);
  return { min, max, ticks: ticks.map((tick) => Number(tick.toPrecision(12))) };
}

/** The next of 1, 2, 2.5, 5, 10 … that is not below `raw`. */
function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10;
  return step * power;
}

/** Round to half pixels, so that drawings are sharp and their texts short. */
export function pixel(value: number): number {
  return Math.round(value * 2) / 2;
}
