// src/views/usage_figures.ts
function renderFigures(html, context, { unit, window, billedTotal, eventsRead }, figures, heat, open) {
 let { t, format, words } = context, largest = figures?.largest ?? null;
 if (figures === null || largest === null) return html``;
 let print = (value) => words.quantity(value, unit), { bucket, quantity } = largest, onOpen = ({ detail: { index } }) => {
  let cell = heat?.cells[index];
  cell !== void 0 && open(cell);
 };
 return html`<section class="card kpis">
   <dl class="kpi"><dt>${t("explore.peak")}</dt><dd class="big" data-peak=${quantity}>${print(quantity)}</dd>
    <dd class="small">${format.bucketInFull(bucket.start, bucket.end, window)}</dd></dl>
   <dl class="kpi"><dt>${t("explore.p95")}</dt><dd class="big">${print(figures.percentile ?? "0")}</dd></dl>
   ${billedTotal === null ? "" : html`<dl class="kpi"><dt>${t("explore.billedTitle")}</dt><dd class="big" data-billed=${billedTotal}>${print(billedTotal)}</dd></dl>`}
  </section>
  ${eventsRead === 0 ? "" : html`<p class="note" data-read=${eventsRead}>${t("explore.eventsRead", { count: format.decimal(String(eventsRead)) })}</p>`}
  ${heat === null ? "" : html`<section class="card"><h2 class="card-title">${t("explore.week")}</h2>
   <meterline-chart kind="heat" .model=${weekModel(context, heat, print)} @bucket-open=${onOpen}></meterline-chart></section>`}`;
}
function weekModel({ t, format }, { cells }, print) {
 let rows = format.weekdays();
 return {
  name: t("explore.week"),
  keysHint: t("explore.chartKeys"),
  totalText: t("explore.total"),
  previousText: "",
  buckets: cells.map(({ weekday, hour }) => {
   let [row, column] = [rows[weekday - 1] ?? "", String(hour).padStart(2, "0")];
   return { key: `w${weekday}-${column}`, label: column, full: `${row} ${column}:00`, row, column };
  }),
  rows,
  series: [],
  totals: cells.map(({ quantity }) => quantity),
  previous: null,
  print,
  tick: format.tick
 };
}
export {
 renderFigures
};
