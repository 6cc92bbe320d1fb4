/** A script beside this one, which a page loads only where it is needed. */
export function script<T>(name: string): Promise<T> {
  return import(new URL(`./${name}.js`, import.meta.url).href) as Promise<T>;
}
