/** What opens below its button goes when somebody goes on: with the next click or key elsewhere, or with Escape. */

/** For `@focusout` of a `details`. */
export function closeLeft(event: FocusEvent): void {
  const details = event.currentTarget as HTMLDetailsElement;
  if (!(event.relatedTarget instanceof Node && details.contains(event.relatedTarget))) details.open = false;
}

/** For `@keydown` of a `details`. */
export function closeByKey(event: KeyboardEvent): void {
  const details = event.currentTarget as HTMLDetailsElement;
  if (event.key !== "Escape" || !details.open) return;
  event.stopPropagation();
  details.open = false;
  details.querySelector("summary")?.focus();
}
