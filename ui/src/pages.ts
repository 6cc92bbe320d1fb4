/** A list that an element gets page by page. */

import type { ReactiveControllerHost } from "lit";
import { client, Problem } from "./client.ts";
import { Resource, type Options, type Wanted } from "./resource.ts";

/** One page of a list, and how to ask for the next. */
export interface Page {
  next: string | null;
}

/** The first page is kept fresh like any resource; later pages are added on request and stay as they were. */
export class Pages<T extends Page> {
  readonly first: Resource<T>;
  later: T[] = [];
  isLoading = false;
  private key = "";

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly wanted: () => Wanted | null,
    private readonly options: Options = {},
  ) {
    this.first = new Resource<T>(host, () => this.firstWanted(), options);
  }

  get all(): T[] {
    return this.first.data === null ? [] : [this.first.data, ...this.later];
  }

  /** What to send for the next page, or null on the last. */
  get next(): string | null {
    return this.all.at(-1)?.next ?? null;
  }

  /** Add the next page. */
  async more(): Promise<void> {
    const [wanted, after, key] = [this.wanted(), this.next, this.key];
    if (wanted === null || after === null || this.isLoading) return;
    this.isLoading = true;
    this.host.requestUpdate();
    try {
      const page = await client.get<T>(wanted.path, { ...wanted.query, after });
      if (key === this.key) this.later = [...this.later, page];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.options.onProblem?.(error);
    } finally {
      this.isLoading = false;
      this.host.requestUpdate();
    }
  }

  private firstWanted(): Wanted | null {
    const wanted = this.wanted();
    const key = JSON.stringify(wanted);
    if (key !== this.key) this.later = [];
    this.key = key;
    return wanted;
  }
}
