/** Something that an element gets from the portal and keeps fresh. */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { client, Problem } from "./client.ts";
import type { Changes } from "./state.ts";

export interface Wanted {
  path: string;
  query?: Changes;
}

export interface Options {
  /** Whether old figures stay in sight, dimmed, while others are on their way. */
  isKept?: boolean;
  /** Whether it is asked for again when figures may have changed; by default it is. */
  isWatched?: boolean;
  /** Called when a request failed. */
  onProblem?: (problem: Problem) => void;
}

/**
 * Asks again whenever what is wanted becomes something else, and when figures may have changed.
 *
 * A request that fails leaves the old figures where they are: `problem` tells that they are stale.
 */
export class Resource<T> implements ReactiveController {
  data: T | null = null;
  problem: Problem | null = null;
  /** Whether `data`, if there is any, belongs to what was wanted before. */
  isWaiting = false;
  private key = "";
  private current: Wanted | null = null;
  private controller: AbortController | null = null;
  private isBehind = false;
  private unwatch: (() => void) | null = null;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly wanted: () => Wanted | null,
    private readonly options: Options = {},
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    if (this.options.isWatched !== false) this.unwatch = client.watch(() => this.refresh());
  }

  hostDisconnected(): void {
    this.unwatch?.();
    this.unwatch = null;
    this.controller?.abort();
    this.controller = null;
    this.key = "";
  }

  hostUpdate(): void {
    const wanted = this.wanted();
    const key = wanted === null ? "" : JSON.stringify(wanted);
    if (key === this.key) return;
    this.key = key;
    this.current = wanted;
    this.problem = null;
    this.controller?.abort();
    this.controller = null;
    this.isWaiting = wanted !== null;
    if (this.options.isKept === false || wanted === null) this.data = null;
    if (wanted !== null) void this.load(wanted);
  }

  /** Ask again for the same. While an answer is on its way the question is put off, so that it does arrive. */
  refresh(): void {
    if (this.controller !== null) this.isBehind = true;
    else if (this.current !== null) void this.load(this.current);
  }

  private async load(wanted: Wanted): Promise<void> {
    const controller = (this.controller = new AbortController());
    this.isBehind = false;
    try {
      this.data = await client.get<T>(wanted.path, wanted.query ?? {}, controller.signal);
      this.problem = null;
    } catch (error) {
      if (controller.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      if (this.isWaiting) this.data = null;
      this.problem = error;
      this.options.onProblem?.(error);
    }
    if (controller.signal.aborted) return;
    this.controller = null;
    this.isWaiting = false;
    this.host.requestUpdate();
    if (this.isBehind) void this.load(wanted);
  }
}
