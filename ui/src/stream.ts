/**
 * The stream of changes: server-sent events, read by fetch because EventSource can't carry a bearer token.
 *
 * It is open only while the page is visible. Where it can't be had, changes are assumed every 15 s instead: a request with an
 * ETag that still holds costs next to nothing.
 */

const POLL_MS = 15_000;
/** A session has few streams: the place of the one before, or of the page that was just left, is free in a moment. */
const SECOND_TRY_MS = 700;
/** The server speaks every 15 s, if only to keep the line open; a longer silence means that the line is dead. */
const SILENCE_MAX_MS = 40_000;

type Open = (signal: AbortSignal) => Promise<Response>;

export class EventStream {
  private controller: AbortController | null = null;
  private isWanted = false;
  private readonly onVisibility = (): void => (document.hidden ? this.close() : this.open(true));

  constructor(
    private readonly connect: Open,
    private readonly onChange: () => void,
    private readonly onAlive: (completeUntil: string) => void,
  ) {}

  start(): void {
    this.isWanted = true;
    document.addEventListener("visibilitychange", this.onVisibility);
    if (!document.hidden) this.open(false);
  }

  stop(): void {
    this.isWanted = false;
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.close();
  }

  /** Begin anew, with another token: what was shown may be somebody else's. */
  restart(): void {
    if (!this.isWanted) return;
    this.close();
    this.open(true);
  }

  /** Listen to something else from now on; what is shown was asked for just now. */
  reconnect(): void {
    if (!this.isWanted || this.controller === null) return;
    this.close();
    this.open(false);
  }

  private close(): void {
    this.controller?.abort();
    this.controller = null;
  }

  /** After a pause something may have changed unheard, so `isBehind` asks for all of it again. */
  private open(isBehind: boolean): void {
    if (!this.isWanted || this.controller !== null) return;
    this.controller = new AbortController();
    if (isBehind) this.onChange();
    void this.follow(this.controller.signal);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    for (let pauseMs = SECOND_TRY_MS; !signal.aborted; pauseMs = POLL_MS) {
      await this.listen(signal);
      await pause(pauseMs, signal);
      if (!signal.aborted) this.onChange();
    }
  }

  /** Read until the stream ends; any failure only means that polling stands in for it. */
  private async listen(signal: AbortSignal): Promise<void> {
    const line = new AbortController();
    const end = (): void => line.abort();
    signal.addEventListener("abort", end);
    let silence = setTimeout(end, SILENCE_MAX_MS);
    try {
      const response = await this.connect(line.signal);
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
        clearTimeout(silence);
        silence = setTimeout(end, SILENCE_MAX_MS);
        for (const event of parser.feed(part.value)) this.take(event);
      }
    } catch (error) {
      if (!signal.aborted) console.info("meterline: changes can't be streamed, so the figures are polled.", error);
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", end);
    }
  }

  private take({ name, data }: StreamEvent): void {
    if (name === "changed") this.onChange();
    if (name === "alive") {
      const { completeUntil } = JSON.parse(data) as { completeUntil: string | null };
      if (completeUntil !== null) this.onAlive(completeUntil);
    }
  }
}

export interface StreamEvent {
  name: string;
  data: string;
}

/** Takes the text of a stream in parts of any length and returns the events that they complete. */
export class EventParser {
  private rest = "";

  feed(text: string): StreamEvent[] {
    const blocks = (this.rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.rest = blocks.pop() ?? "";
    const line = (block: string, name: string): string => new RegExp(`^${name}: ?(.*)$`, "m").exec(block)?.[1] ?? "";
    return blocks.map((block) => ({ name: line(block, "event"), data: line(block, "data") })).filter(({ name }) => name !== "");
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
