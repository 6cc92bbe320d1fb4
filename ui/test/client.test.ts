import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { Client, kindOf, Problem } from "../src/client.ts";
import { EventParser } from "../src/stream.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let baseUrl = "";
let answer: Answer = () => undefined;
let seen: IncomingMessage[] = [];

before(async () => {
  server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());
beforeEach(() => (seen = []));

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

function configured(tokens: string[]): Client {
  const client = new Client();
  client.configure({ baseUrl, fetchToken: async () => tokens.shift() ?? Promise.reject(new Error("signed out")) });
  return client;
}

test("requests wait until the kit is configured", async () => {
  answer = (_, response) => json(response, 200, { ok: true });
  const client = new Client();
  const pending = client.get("session");
  assert.equal(seen.length, 0);
  client.configure({ baseUrl, fetchToken: async () => "t" });
  assert.deepEqual(await pending, { ok: true });
});

test("an expired token is renewed once for all requests that it was refused to", async () => {
  answer = (request, response) =>
    request.headers.authorization === "Bearer new" ? json(response, 200, { url: request.url }) : json(response, 401, { title: "expired" });
  const client = configured(["old", "new"]);
  const answers = await Promise.all([client.get<{ url: string }>("a"), client.get<{ url: string }>("b")]);
  assert.deepEqual(answers.map((each) => each.url), ["/api/v1/a", "/api/v1/b"]);
  assert.equal(seen.filter((request) => request.headers.authorization === "Bearer old").length, 2);
});

test("a second refusal ends the session instead of asking for ever", async () => {
  answer = (_, response) => json(response, 401, { title: "expired" });
  await assert.rejects(configured(["one", "two", "three"]).get("session"), (error) => error instanceof Problem && kindOf(error) === "expired");
  assert.equal(seen.length, 2);
});

test("a host that can't renew ends the session", async () => {
  answer = (_, response) => json(response, 401, { title: "expired" });
  await assert.rejects(configured(["one"]).get("session"), (error) => error instanceof Problem && error.detail === "signed out");
});

test("an answer that has not changed is the very same object", async () => {
  answer = (request, response) =>
    request.headers["if-none-match"] === '"1"' ? response.writeHead(304).end() : json(response, 200, { total: "1" }, { etag: '"1"' });
  const client = configured(["t"]);
  assert.equal(await client.get("usage", { window: "day" }), await client.get("usage", { window: "day" }));
  assert.equal(seen[0]?.headers["if-none-match"], undefined);
});

test("an answer that has not changed may be complete to a later time", async () => {
  let until = "2026-11-27T09:00:00Z";
  answer = (request, response) => {
    const headers = { etag: '"1"', "x-meterline-complete-until": until };
    if (request.headers["if-none-match"] === undefined) json(response, 200, { total: "1", completeUntil: until }, headers);
    else response.writeHead(304, headers).end();
  };
  const client = configured(["t"]);
  await client.get("usage");
  until = "2026-11-27T09:00:01Z";
  assert.deepEqual(await client.get("usage"), { total: "1", completeUntil: until });
});

test("a problem keeps the reason, the remedy and the request", async () => {
  answer = (_, response) => json(response, 400, { title: "Refused", detail: "1,200 buckets", reason: "FIELD_INVALID", do: "choose day", requestId: "r1" });
  await assert.rejects(configured(["t"]).get("usage"), (error) => {
    assert.ok(error instanceof Problem);
    assert.deepEqual([error.status, error.detail, error.reason, error.remedy, error.requestId], [400, "1,200 buckets", "FIELD_INVALID", "choose day", "r1"]);
    return kindOf(error) === "refused";
  });
});

test("a server that is away is a problem of its own", async () => {
  const client = new Client();
  client.configure({ baseUrl: "http://127.0.0.1:1", fetchToken: async () => "t" });
  await assert.rejects(client.get("session"), (error) => error instanceof Problem && error.status === 0 && kindOf(error) === "unavailable");
});

test("repeated choices become repeated parameters, and no choice none", () => {
  assert.equal(
    configured(["t"]).url("usage", { filter: ["origin:EWR", "a:b c"], groupBy: null, window: "day" }),
    `${baseUrl}/api/v1/usage?filter=origin%3AEWR&filter=a%3Ab+c&window=day`,
  );
});

test("events are read from parts of any length", () => {
  const text = ': keep-alive\n\nevent: changed\ndata: {"meters":["flights"]}\n\nevent: alive\r\ndata: {}\r\n\r\n';
  const parser = new EventParser();
  assert.deepEqual([...text].flatMap((letter) => parser.feed(letter)), [
    { name: "changed", data: '{"meters":["flights"]}' },
    { name: "alive", data: "{}" },
  ]);
});
