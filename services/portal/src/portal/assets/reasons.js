// src/parts/period_name.ts
function periodName(format, span, isShort = !1) {
 return format.localDate(span.start).endsWith("-01") && format.localDate(span.end).endsWith("-01") && Date.parse(span.end) - Date.parse(span.start) < 27648e5 ? format.month(span.start, isShort) : format.period(span.start, span.end);
}

// src/views/reasons.ts
function renderReasons(html, context, { variance }, explain) {
 let { t, format } = context;
 if (variance === null) return html`<p class="hint">${t("reasons.none")}</p>`;
 let print = (amount) => format.moneyChange(amount, variance.currency), open = ({ detail: { key } }) => {
  let step = variance.effects.find(({ effect }) => effect === key);
  step !== void 0 && explain({
   title: t(`effect.${step.effect}`),
   text: print(step.amount),
   sentence: t(`effect.${step.effect}Text`),
   rows: variance.items.flatMap(({ label, effects }) => effects.filter(({ effect }) => effect === key).map(({ amount }) => [label, print(amount)]))
  });
 };
 return html`<p class="hint">${t(variance.isOpen ? "reasons.open" : "reasons.hint")}</p>
  <meterline-waterfall name=${t("overview.reasons")} .steps=${stepsOf(context, variance, print)} @step-open=${open}></meterline-waterfall>
  <ul class="items" aria-label=${t("reasons.items")}>${variance.items.map((item) => html`<li data-reasons-of=${item.item}>
   <span class="item-name">${item.label}<span class="small"> ${quantities(context, item)}</span></span>
   <span class="reasons">${item.effects.map(({ effect, amount }) => html`<span data-effect=${effect}>${t(`effect.${effect}`)} ${print(amount)}</span> `)}</span>
   <span class="right">${print(item.change)}</span></li>`)}</ul>`;
}
function stepsOf(context, { from, to, effects, currency }, print) {
 let end = (key, { billingPeriod, amount }) => {
  let period = context.periods.find((each) => each.billingPeriod === billingPeriod), label = period === void 0 ? billingPeriod : periodName(context.format, period, !0);
  return { key, label, detail: "", bare: "", value: amount, text: context.format.money(amount, currency), isEnd: !0 };
 }, step = ({ effect, amount }) => {
  let label = context.t(`effect.${effect}`);
  return { key: effect, label, detail: "", bare: "", value: amount, text: print(amount), isEnd: !1 };
 };
 return [end("from", from), ...effects.map(step), end("to", to)];
}
function quantities({ format, words }, { quantityBefore, quantity, unit }) {
 if (quantityBefore !== null && quantity !== null) return `${format.decimal(quantityBefore)} → ${words.quantity(quantity, unit)}`;
 let only = quantity ?? quantityBefore;
 return only === null ? "" : words.quantity(only, unit);
}
export {
 renderReasons
};
