/**
 * What the reader has chosen, as the text of a query string: which meter, period, window, group, filters and line.
 *
 * A change names only what it changes; everything else stays chosen. In the hosted portal each change is an entry of the
 * browser's history, so Back undoes it and a copied address shows the same picture.
 */

export type Changes = Record<string, string | readonly string[] | null>;

/** Where the query string lives: in the address bar, or only in memory when the element stands on somebody's own page. */
export interface Place {
  read(): string;
  write(query: string, isReplaced: boolean): void;
}

/** Keeps the query string to itself. */
export class MemoryPlace implements Place {
  constructor(private query = "") {}

  read(): string {
    return this.query;
  }

  write(query: string): void {
    this.query = query;
  }
}

/** Keeps the query string in the address bar. */
export class AddressPlace implements Place {
  read(): string {
    return location.search;
  }

  write(query: string, isReplaced: boolean): void {
    const address = location.pathname + (query && `?${query}`);
    if (isReplaced) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  }
}

/** The choices of one portal or of one element; fires `change` when they become others. */
export class State extends EventTarget {
  private params: URLSearchParams;

  constructor(private readonly place: Place = new MemoryPlace()) {
    super();
    this.params = new URLSearchParams(place.read());
  }

  /** One choice, or "" where none is made. */
  get(name: string): string {
    return this.params.get(name) ?? "";
  }

  /** A choice of several. */
  all(name: string): string[] {
    return this.params.getAll(name);
  }

  /** The whole as a query string, in a stable order, so that equal choices have equal addresses. */
  override toString(): string {
    return queryOf(this.params);
  }

  /** The query string after a change that isn't made, for links. */
  after(changes: Changes): string {
    return queryOf(changed(this.params, changes));
  }

  /** Change what is named and keep every other choice. `isReplaced` makes no entry of history. */
  change(changes: Changes, isReplaced = false): void {
    const params = changed(this.params, changes);
    if (queryOf(params) === this.toString()) return;
    this.params = params;
    this.place.write(this.toString(), isReplaced);
    this.dispatchEvent(new Event("change"));
  }

  /** Replace all choices by those of a query string, as another page brings them. */
  become(query: string): void {
    this.place.write(query, true);
    this.reread();
  }

  /** Read the query string again, after Back or Forward. */
  reread(): void {
    this.params = new URLSearchParams(this.place.read());
    this.dispatchEvent(new Event("change"));
  }
}

function changed(params: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    const values = value === null || value === "" ? [] : typeof value === "string" ? [value] : value;
    for (const each of values) next.append(name, each);
  }
  return next;
}

function queryOf(params: URLSearchParams): string {
  const sorted = new URLSearchParams(params);
  sorted.sort();
  return sorted.toString();
}
