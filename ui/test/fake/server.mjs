/**
 * A portal with invented figures, to build and test the kit against. `npm run serve` prints its address.
 *
 * `/as/KEY` chooses the customer by a cookie; pages embedded elsewhere choose it by their bearer token. The customers below
 * are the states that a page can be in. It keeps the same policy of content as the real portal, so that what breaks there
 * breaks here.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import * as answers from "./answers.mjs";

const ASSETS = new URL("../../../services/portal/src/portal/assets/", import.meta.url);
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html";
const UNITED = { key: "UA", name: "United Air Lines Inc." };
const CUSTOMERS = {
  UA: UNITED,
  DARK: { ...UNITED, mode: "dark" },
  GERMAN: { ...UNITED, locale: "de-DE", texts: { "view.usage": "Verbrauch", "overview.billSoFar": "Bisher" } },
  BRAND: { ...UNITED, branding: { accent: "#7a1f5c", accentDark: "#f08bd0", radius: 2, series: ["#7a1f5c", "#1f6f5c"] } },
  OPERATOR: { ...UNITED, actingFor: { operator: "jane@example.com", reason: "ticket 4711" } },
  HOSTILE: { key: "=1+1", name: '<img src=x onerror=alert(1)>"&{t}' },
  EMPTY: { ...UNITED, isEmpty: true },
  SLOW: { ...UNITED, delayMs: 60_000 },
  STALE: { ...UNITED, failsAfter: 1 },
  ERROR: { ...UNITED, failsAfter: 0 },
  LIMITED: { ...UNITED, views: ["usage"] },
  BROKEN: { ...UNITED, isForged: true },
  EXPIRED: { ...UNITED, isExpired: true },
};
const TYPES = { js: "text/javascript", css: "text/css", woff2: "font/woff2", json: "application/json" };
const saved = [];
const streams = new Set();
const asked = new Map();

function page(script) {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Portal</title><link rel="stylesheet" href="/assets/dev/tokens.css"><script type="module" src="/assets/dev/kit.js"></script>${script}</head>
<body><meterline-portal></meterline-portal></body></html>`;
}

/** A page of somebody else: with styles that would reach into an element if they could, and a token that has expired. */
const EMBED = (base, key) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Host</title>
<style>* { letter-spacing: 3px !important; text-transform: uppercase } table, td { border: 3px solid red !important } button { background: pink !important }
meterline-usage { --ml-accent: #0b7a4b; --ml-c1: #0b7a4b }</style>
<script type="module">import { configure } from "${base}/ui/v1/kit.js"; const tokens = ["EXPIRED", "${key}"]; configure({ baseUrl: "${base}", fetchToken: async () => tokens.shift() ?? "${key}" });</script></head>
<body><h1>Host page</h1><meterline-usage meter="flights" group-by="origin" billing-period="2013-11"></meterline-usage></body></html>`;

/** A page of somebody else that shows a page of the portal in a frame. */
const FRAME_HOST = (base, key) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Host</title>
<script type="module">import { configure } from "${base}/ui/v1/kit.js"; configure({ baseUrl: "${base}", fetchToken: async () => "${key}" });</script></head>
<body><h1>Host page</h1><meterline-frame tenant="demo" page="usage"></meterline-frame></body></html>`;

/** The only origin that may frame: as the real portal has it from the tenant's profile. */
const frameOrigin = () => `http://localhost:${server.address().port}`;

function frame(response, name) {
  const body = page("").replace("<meterline-portal></meterline-portal>", `<meterline-frame-content page="${name}" origins="${frameOrigin()}"></meterline-frame-content>`);
  send(response, 200, body, { "content-type": "text/html", "content-security-policy": POLICY.replace("frame-ancestors 'none'", `frame-ancestors ${frameOrigin()}`) });
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { "x-content-type-options": "nosniff", ...headers }).end(body);
}

function problem(response, status, title, detail, remedy) {
  const body = { type: "about:blank", title, status, detail, reason: title.toUpperCase().replaceAll(" ", "_"), requestId: "5f0c1a9e", do: remedy };
  send(response, status, JSON.stringify(body), { "content-type": "application/problem+json" });
}

function json(request, response, body) {
  const { completeUntil = null, ...rest } = body;
  const etag = `"${createHash("sha256").update(JSON.stringify(rest)).digest("hex").slice(0, 16)}"`;
  const headers = { "content-type": "application/json", etag, ...(completeUntil === null ? {} : { "x-meterline-complete-until": completeUntil }) };
  if (request.headers["if-none-match"] === etag) return send(response, 304, undefined, headers);
  return send(response, 200, JSON.stringify(body), headers);
}

function emptied(name, answer) {
  if (name === "invoices") return { ...answer, draft: null, invoices: [], next: null };
  if (name === "overview") return { ...answer, items: [], billSoFar: { ...answer.billSoFar, amount: "0.00" } };
  if (name === "usage" || name === "cost") return { ...answer, eventCount: 0, series: [], totals: answer.totals.map(() => null), total: "0", compare: null };
  return answer;
}

/** The answer of one resource, or undefined where there is none. */
function answerTo(path, query, customer) {
  const [name, number, , line, what] = path.split("/").map(decodeURIComponent);
  if (path === "views") return saved;
  if (path === "plan/quote") return answers.quote(query);
  if (path === "overview/variance") return answers.variance(query);
  if (path === "usage/bucket") return answers.bucket(query);
  if (path === "usage/figures") return answers.figures(query);
  if (path === "usage/heat") return answers.heat(query);
  if (path === "usage/events") return answers.bucketEvents(query);
  if (name !== "invoices" || number === undefined) {
    return { periods: answers.periods, meters: answers.meters, usage: answers.usage, cost: answers.cost, overview: answers.overview, invoices: answers.invoices, plan: answers.plan }[name]?.(query);
  }
  if (path.endsWith("/compare")) return answers.compare(number, query);
  if (path.endsWith("/verify")) return answers.verify(!customer.isForged);
  if (what === "explain") return answers.explain(number, line, query);
  if (what === "events") return answers.events(number, line, query);
  return answers.invoice(number, query);
}

function api(request, response, path, query) {
  const bearer = request.headers.authorization?.replace("Bearer ", "");
  const cookie = /customer=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
  const key = bearer ?? cookie ?? "UA";
  const customer = CUSTOMERS[key];
  if (customer === undefined || customer.isExpired) return problem(response, 401, "Session expired", "the session has ended", "ask for a new link");
  if (path === "session") return json(request, response, answers.session(customer));
  if (path === "changes") return stream(request, response);
  if (request.method === "POST") return create(request, response);
  if (request.method === "DELETE") return remove(response, path);
  if (path.endsWith(".csv")) return send(response, 200, "start,value\r\n", { "content-type": "text/csv", "content-disposition": `attachment; filename="${path.replace("/", "-")}"` });
  const isData = path !== "periods" && path !== "meters";
  const count = asked.get(key) ?? 0;
  if (isData) asked.set(key, count + 1);
  if (isData && customer.failsAfter !== undefined && count >= customer.failsAfter) return problem(response, 503, "Unavailable", "the aggregator can't be reached", "try again in a moment");
  const answer = answerTo(path, query, customer);
  if (answer === null && path === "usage") return problem(response, 400, "Too many windows", "that would be more than 1,000 windows", "choose a longer window or fewer periods");
  if (answer === undefined || answer === null) return problem(response, 404, "Not found", "there is no such thing", "choose another");
  const finish = () => json(request, response, customer.isEmpty ? emptied(path, answer) : answer);
  if (isData && customer.delayMs) setTimeout(finish, customer.delayMs).unref();
  else finish();
}

function create(request, response) {
  let body = "";
  request.on("data", (part) => (body += part)).on("end", () => {
    const view = { ...JSON.parse(body), id: String(saved.length + 1), createdAt: new Date().toISOString() };
    saved.push(view);
    send(response, 201, JSON.stringify(view), { "content-type": "application/json" });
  });
}

function remove(response, path) {
  saved.splice(saved.findIndex(({ id }) => path === `views/${id}`), 1);
  send(response, 204);
}

function stream(request, response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" }).write(": open\n\n");
  streams.add(response);
  request.on("close", () => streams.delete(response));
}

/** As when usage arrives: every open page is told. */
setInterval(() => streams.forEach((response) => response.write('event: changed\ndata: {"meters":["flights"]}\n\n')), 5000).unref();

async function asset(response, path) {
  const name = path.replace(/^\/(assets\/[^/]+|ui\/v1)\//, "");
  const type = TYPES[name.split(".").at(-1)] ?? "application/octet-stream";
  try {
    send(response, 200, await readFile(new URL(name, ASSETS)), { "content-type": type });
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    send(response, 404, "no such asset");
  }
}

async function handle(request, response) {
  const url = new URL(request.url, "http://fake");
  const origin = request.headers.origin;
  if (origin !== undefined) {
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-allow-headers", "authorization, content-type, if-none-match");
    response.setHeader("access-control-expose-headers", "etag, content-disposition, x-meterline-complete-until");
  }
  if (request.method === "OPTIONS") return send(response, 204);
  if (url.pathname.startsWith("/api/v1/")) return api(request, response, url.pathname.slice(8), url.searchParams);
  if (/^\/(assets|ui\/v1)\//.test(url.pathname)) return asset(response, url.pathname);
  if (url.pathname.startsWith("/as/")) {
    const location = url.searchParams.get("to") ?? "/";
    return send(response, 303, "", { "set-cookie": `customer=${url.pathname.slice(4)}; Path=/`, location });
  }
  if (url.pathname.startsWith("/embed/")) return frame(response, url.pathname.split("/")[3]);
  if (url.pathname === "/frame-host") return send(response, 200, FRAME_HOST(url.searchParams.get("portal"), url.searchParams.get("customer") ?? "UA"), { "content-type": "text/html" });
  if (url.pathname === "/host") return send(response, 200, EMBED(url.searchParams.get("portal"), url.searchParams.get("customer") ?? "UA"), { "content-type": "text/html" });
  return send(response, 200, page(""), { "content-type": "text/html", "content-security-policy": POLICY });
}

const server = createServer((request, response) => void handle(request, response));
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
