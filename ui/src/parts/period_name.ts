import type { Format } from "../format.ts";
import type { Span } from "../types.ts";

/** A period by name: a month where it is one, else its days. */
export function periodName(format: Format, span: Span, isShort = false): string {
  const isMonth = format.localDate(span.start).endsWith("-01") && format.localDate(span.end).endsWith("-01")
    && Date.parse(span.end) - Date.parse(span.start) < 32 * 86_400_000;
  return isMonth ? format.month(span.start, isShort) : format.period(span.start, span.end);
}
