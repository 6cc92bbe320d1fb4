/**
 * The one way to the portal's JSON: token, renewal, ETags, problems, and the stream of changes.
 *
 * The bearer token stays in memory. A page of the portal's own origin needs none: its cookie speaks for it.
 */

import { EventStream } from "./stream.ts";
import type { Changes } from "./state.ts";

const ETAGS_MAX = 100;
/** How far an answer is complete moves on while nothing in it changes, so it is no part of what the ETag names. */
const COMPLETE_UNTIL = "x-meterline-complete-until";

export interface Configuration {
  /** Origin of the portal, for example "https://billing.example.com". */
  baseUrl: string;
  /** Asks the host's own backend for a fresh portal token. Without it the browser's cookie is used. */
  fetchToken?: () => Promise<string>;
  /** Locale of texts and figures, for example "de-DE"; by default that of the session. */
  locale?: string;
}

/** What the portal answers instead of data (RFC 9457). `status` is 0 where it can't be reached at all. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail = "",
    readonly reason = "",
    readonly remedy = "",
    readonly requestId = "",
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

export type ProblemKind = "expired" | "forbidden" | "missing" | "refused" | "unavailable";

/** Which of the pages for problems fits. */
export function kindOf(problem: Problem): ProblemKind {
  if (problem.status === 401) return "expired";
  if (problem.status === 403) return "forbidden";
  if (problem.status === 404) return "missing";
  return problem.status >= 400 && problem.status < 500 && problem.status !== 429 ? "refused" : "unavailable";
}

interface Kept {
  etag: string;
  body: unknown;
}

/** Fires `change` when figures may have changed, and `configured` when it is configured anew. */
export class Client extends EventTarget {
  private configuration: Configuration | null = null;
  private isStarted = gate();
  private token = "";
  private renewal: Promise<string> | null = null;
  private readonly kept = new Map<string, Kept>();
  private readonly presets = new Map<string, unknown>();
  private readonly stream = new EventStream(
    (signal) => this.send("GET", this.url("changes", { billingPeriod: this.followed }), { accept: "text/event-stream", signal }),
    () => this.dispatchEvent(new Event("change")),
    (completeUntil) => (this.completeUntil = completeUntil),
  );
  private listeners = 0;
  /** Nothing that was shown has changed up to then, as the stream says; empty until it does. */
  completeUntil = "";
  private followed = "";

  /** Say where the portal is and how to get a token; calling it again begins a new session. */
  configure(configuration: Configuration): void {
    this.configuration = { ...configuration, baseUrl: configuration.baseUrl.replace(/\/+$/, "") };
    this.token = "";
    this.renewal = null;
    this.completeUntil = "";
    this.kept.clear();
    this.isStarted.open();
    this.stream.restart();
    this.dispatchEvent(new Event("configured"));
  }

  /** Forget the token and all answers, as on signing out; elements wait until `configure` is called again. */
  reset(): void {
    this.stream.stop();
    this.configuration = null;
    this.isStarted = gate();
    this.token = "";
    this.kept.clear();
  }

  /** Give this answer to whoever gets that path, in place of the portal's: a preview shows what is not saved. Set before `configure`. */
  preset(path: string, body: unknown): void {
    this.presets.set(path, body);
  }

  get isHosted(): boolean {
    return this.configuration !== null && this.configuration.fetchToken === undefined;
  }

  /** Origin of the portal; empty until it is known. */
  get baseUrl(): string {
    return this.configuration?.baseUrl ?? "";
  }

  /** A token that the host's backend made just now, for a frame. Raises `Problem`. */
  async freshToken(): Promise<string> {
    await this.isStarted.opened;
    return this.renew(this.token);
  }

  /** Resolved once it is configured. */
  get started(): Promise<void> {
    return this.isStarted.opened;
  }

  get locale(): string {
    return this.configuration?.locale ?? "";
  }

  /** The full address of a resource, as others may call it with a token of their own. */
  url(path: string, query: Changes = {}): string {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value === null || value === "") continue;
      for (const each of typeof value === "string" ? [value] : value) params.append(name, each);
    }
    const text = params.toString();
    return `${this.configuration?.baseUrl ?? ""}/api/v1/${path}${text && `?${text}`}`;
  }

  /** Get JSON; an answer that has not changed since is the very same object, unless it is now complete to a later time. Raises `Problem`. */
  async get<T>(path: string, query: Changes = {}, signal?: AbortSignal): Promise<T> {
    await this.isStarted.opened;
    if (this.presets.has(path)) return this.presets.get(path) as T;
    const url = this.url(path, query);
    const known = this.kept.get(url);
    const response = await this.send("GET", url, { etag: known?.etag, signal });
    if (response.status === 304 && known !== undefined) return stillFresh(known.body, response.headers.get(COMPLETE_UNTIL)) as T;
    const body = (await jsonOf(response)) as T;
    this.keep(url, response.headers.get("etag"), body);
    return body;
  }

  /** Create something. Raises `Problem`. */
  async post<T>(path: string, content: unknown): Promise<T> {
    await this.isStarted.opened;
    return (await jsonOf(await this.send("POST", this.url(path), { content }))) as T;
  }

  /** Remove something. Raises `Problem`. */
  async remove(path: string): Promise<void> {
    await this.isStarted.opened;
    await this.send("DELETE", this.url(path), {});
  }

  /** Get a file. Raises `Problem`. */
  async download(path: string, query: Changes = {}): Promise<Blob> {
    await this.isStarted.opened;
    return (await this.send("GET", this.url(path, query), { accept: "*/*" })).blob();
  }

  /** Call `listener` when figures may have changed; the stream is open while anybody listens and the page is visible. */
  watch(listener: () => void): () => void {
    this.addEventListener("change", listener);
    if (this.listeners++ === 0) void this.isStarted.opened.then(() => this.listeners > 0 && this.stream.start());
    return () => {
      this.removeEventListener("change", listener);
      if (--this.listeners === 0) this.stream.stop();
    };
  }

  /** Say which period is shown, whose changes are then told. */
  follow(billingPeriod: string): void {
    if (billingPeriod === this.followed) return;
    this.followed = billingPeriod;
    this.completeUntil = "";
    this.stream.reconnect();
  }

  private keep(url: string, etag: string | null, body: unknown): void {
    this.kept.delete(url);
    if (etag === null) return;
    this.kept.set(url, { etag, body });
    const oldest = this.kept.keys().next().value;
    if (this.kept.size > ETAGS_MAX && oldest !== undefined) this.kept.delete(oldest);
  }

  private async send(method: string, url: string, call: Call): Promise<Response> {
    if (this.isHosted) return accepted(await this.attempt(method, url, call, ""));
    const token = this.token || (await this.renew(""));
    const first = await this.attempt(method, url, call, token);
    if (first.status !== 401) return accepted(first);
    return accepted(await this.attempt(method, url, call, await this.renew(token)));
  }

  private async attempt(method: string, url: string, call: Call, token: string): Promise<Response> {
    const headers = new Headers({ accept: call.accept ?? "application/json, application/problem+json" });
    if (token !== "") headers.set("authorization", `Bearer ${token}`);
    if (call.etag !== undefined) headers.set("if-none-match", call.etag);
    if (call.content !== undefined) headers.set("content-type", "application/json");
    const credentials = this.isHosted ? "same-origin" : "omit";
    const body = call.content === undefined ? null : JSON.stringify(call.content);
    // The kit keeps what an ETag names itself, so that "not changed" is seen and not hidden by the browser's cache.
    const request = { method, headers, credentials, body, cache: "no-store", signal: call.signal ?? null } as const;
    try {
      return await fetch(url, request);
    } catch (error) {
      if (error instanceof TypeError) throw new Problem(0, "unreachable");
      throw error;
    }
  }

  /** Ask the host for a token once, however many requests were refused with the old one. */
  private renew(refused: string): Promise<string> {
    if (this.token !== refused) return Promise.resolve(this.token);
    const fetchToken = this.configuration?.fetchToken;
    if (fetchToken === undefined) throw new Problem(401, "no token");
    this.renewal ??= fetchToken()
      .then((token) => (this.token = token))
      .catch((error: unknown) => {
        throw new Problem(401, "no token", error instanceof Error ? error.message : String(error));
      })
      .finally(() => (this.renewal = null));
    return this.renewal;
  }
}

interface Call {
  accept?: string | undefined;
  etag?: string | undefined;
  content?: unknown;
  signal?: AbortSignal | undefined;
}

/** A promise that somebody else keeps. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** An answer that has not changed, complete to a later time. */
function stillFresh(body: unknown, completeUntil: string | null): unknown {
  if (completeUntil === null || typeof body !== "object" || body === null || !("completeUntil" in body)) return body;
  return body.completeUntil === completeUntil ? body : { ...body, completeUntil };
}

async function accepted(response: Response): Promise<Response> {
  if (response.ok || response.status === 304) return response;
  const isProblem = (response.headers.get("content-type") ?? "").includes("json");
  const body = isProblem ? ((await jsonOf(response)) as Record<string, unknown>) : {};
  const text = (name: string): string => (typeof body[name] === "string" ? body[name] : "");
  const title = text("title") || response.statusText || String(response.status);
  throw new Problem(response.status, title, text("detail"), text("reason"), text("do"), text("requestId"));
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) throw new Problem(502, "not JSON");
    throw error;
  }
}

/** The session of this page. */
export const client = new Client();
