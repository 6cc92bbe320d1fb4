/** Prices and steps in the words of the reader: the portal sends what was agreed in figures, and the words are those of the kit. */

import type { Context } from "../context.ts";
import { isZero } from "../format.ts";
import type { TextKey } from "../texts.ts";
import type { PlanItem, PlanTier, Step, Tier } from "../types.ts";

/** What it takes to say a price; the seller's pages have no session. */
export type Speaker = Pick<Context, "t" | "format" | "words">;

/** The price of an item, in sentences: "The first 10,000 minutes are included. Each further minute costs $0.05." */
export function priceInWords(context: Speaker, item: PlanItem, currency: string): string {
  const { t, format, words } = context;
  const money = (amount: string | null): string => format.money(amount ?? "0", currency);
  const quantity = (value: string | null): string => words.quantity(value ?? "1", item.unit);
  const unit = item.unit === "" ? t("price.unit") : words.unit(item.unit, "1");
  const said: string[] = item.included === null ? [] : [t("price.included", { included: quantity(item.included) })];
  if (item.perKey.length > 0) said.unshift(t("price.perKey", { names: item.perKey.join(", ") }));
  if (item.calendar !== "") said.push(`${item.calendar}.`);
  if (item.isEachEvent) said.push(t("price.eachEvent"));
  if (item.isTogether) said.push(t("price.together"));
  const fee = ({ flat }: PlanTier): string => (flat === null ? "" : t("price.fee", { fee: money(flat) }));
  switch (item.model) {
    case "fixed": said.push(t("price.fixed", { amount: money(item.amount) })); break;
    case "perUnit": said.push(t(isZero(item.unitPrice ?? "0") ? "price.freeUnit" : item.included === null ? "price.perUnit" : "price.perFurther", { unit, price: money(item.unitPrice) })); break;
    case "package": said.push(t("price.package", { size: quantity(item.blockSize), price: money(item.amount) })); break;
    case "graduated": said.push(...item.tiers.map((tier, index) => t(sliceOf(tier, index), { unit, price: money(tier.unitPrice), upTo: quantity(tier.upTo) }) + fee(tier) + ".")); break;
    case "volume": case "stairstep": {
      const isVolume = item.model === "volume";
      const bounds = item.tiers.map((tier) => t(tier.upTo === null ? "price.beyond" : "price.upTo", {
        upTo: quantity(tier.upTo), price: isZero((isVolume ? tier.unitPrice : tier.flat) ?? "0") ? t("price.free") : isVolume ? t("price.each", { price: money(tier.unitPrice) }) : money(tier.flat),
      }) + (isVolume ? fee(tier) : ""));
      said.push(t(`price.${item.model}`, { tiers: bounds.join("; ") }));
      break;
    }
    case "percentage": case "costPlus": said.push(t(`price.${item.model}`, { percent: format.decimal(item.percent ?? "0") })); break;
    case "dynamic": said.push(t(item.factor === "1" ? "price.dynamic" : "price.dynamicTimes", { factor: format.decimal(item.factor ?? "1") })); break;
    case "formula": said.push(t("price.formula", { formula: item.formula })); break;
    case "matrix": said.push(...item.rows.map(({ values, price }) => `${values === "" ? t("price.otherwise") : values}: ${priceInWords(context, price, currency)}`)); break;
    case "graduatedPercentage": {
      const shares = item.tiers.map((tier) => t(tier.upTo === null ? "price.beyond" : "price.upTo", {
        upTo: quantity(tier.upTo), price: isZero(tier.percent ?? "0") ? t("price.free") : t("price.percent", { percent: format.decimal(tier.percent ?? "0") }),
      }) + fee(tier));
      said.push(t("price.graduatedPercentage", { tiers: shares.join("; ") }));
    }
  }
  if (item.eventFee !== null) said.push(t(item.freeEvents === null ? "price.eventFee" : "price.eventFeeBeyond", { fee: money(item.eventFee), free: format.decimal(item.freeEvents ?? "0") }));
  if (item.eventMinimum !== null) said.push(t("price.eventMinimum", { amount: money(item.eventMinimum) }));
  if (item.eventMaximum !== null) said.push(t("price.eventMaximum", { amount: money(item.eventMaximum) }));
  if (item.times !== null) said.push(t("price.times", { times: format.decimal(item.times) }));
  if (item.maximum !== null) said.push(t("price.maximum", { maximum: money(item.maximum) }));
  if (item.minimum !== null) said.push(t("price.minimum", { minimum: money(item.minimum) }));
  return said.join(" ");
}

function sliceOf({ upTo, unitPrice }: PlanTier, index: number): TextKey {
  if (isZero(unitPrice ?? "0")) return upTo === null ? "price.freeRest" : index === 0 ? "price.freeFirst" : "price.freeSlice";
  if (upTo === null) return index === 0 ? "price.perUnitSlice" : "price.sliceRest";
  return index === 0 ? "price.sliceFirst" : "price.slice";
}

/** A step as it is shown: in words, and its result as a quantity or an amount. */
export interface ShownStep extends Step {
  shown: string;
}

/** Steps from a quantity to its amount. Those that this kit does not know keep the words of the portal. */
export function stepsInWords(context: Context, steps: readonly Step[], tiers: readonly Tier[], price: PlanItem | null, unit: string, currency: string): ShownStep[] {
  const { t, format, words } = context;
  const priced = [...tiers];
  const isInRows = tiers.some(({ row }) => row !== "");
  return steps.map((step) => {
    // A fee that goes by days may be no decimal: it is shown as the fraction that it is.
    const money = step.value.includes("/") ? `${step.value} ${currency}` : format.money(step.value, currency);
    switch (step.name) {
      case "quantity": return { ...step, text: t("step.quantity"), shown: words.quantity(step.value, unit) };
      case "billable": return { ...step, text: t("step.billable"), shown: words.quantity(step.value, unit) };
      case "converted": return { ...step, text: t("step.converted"), shown: words.quantity(step.value, price?.unit ?? unit) };
      case "read": return { ...step, shown: format.decimal(step.value) };
      case "row": return { ...step, shown: words.quantity(step.value, unit) };
      // Of which row it is taken stands in the portal's own words.
      case "included": return isInRows ? { ...step, shown: words.quantity(step.value, price?.unit ?? unit) } : { ...step, text: t("step.included", { included: words.quantity(price?.included ?? "0", price?.unit ?? unit) }), shown: words.quantity(step.value, price?.unit ?? unit) };
      // Its name, and how much: "Start: 500 off, 400 remain". What each row keeps of it stands in the portal's own words.
      case "usage_discount": return { ...step, text: step.text.includes(" off, ") ? `${t("step.discount")} (${step.text.replace(/ off, .*$/, "")})` : step.text, shown: words.quantity(step.value, price?.unit ?? unit) };
      case "package": case "tier": {
        const tier = priced.shift();
        if (tier === undefined) return { ...step, shown: money };
        const blanks = { quantity: format.decimal(tier.quantity), price: format.money(tier.unitPrice, currency), size: words.quantity(price?.blockSize ?? "1", unit) };
        return { ...step, text: (tier.row === "" ? "" : `${tier.row}: `) + t(`step.${step.name}`, blanks), shown: money };
      }
      case "days": return step.days === null || step.ofDays === null ? { ...step, shown: money } : { ...step, text: t("step.days", { days: step.days, ofDays: step.ofDays }), shown: money };
      case "multiplier": case "flat": case "maximum": case "minimum": case "fixed": case "base": case "total": return { ...step, text: t(`step.${step.name}`), shown: money };
      // Its name, and how much: "Loyal: 10 % off".
      case "discount": return { ...step, text: `${t("step.discount")} (${step.text.replace(/ off$/, "")})`, shown: money };
      default: return { ...step, shown: money };
    }
  });
}
