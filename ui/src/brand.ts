/** The look that a seller's profile gives to the elements. What the page around them sets of the public names comes first. */

import type { Branding } from "./types.ts";

const COLOUR = /^#[0-9a-f]{6}$/i;
const OWN_ACCENT = "#2a5bd7";
const FONT = /^[\w -]{1,64}$/;

/** Set the private names of a look on an element; values that are no colour, name or length are left out. */
export function applyBrand(element: HTMLElement, branding: Branding): void {
  const set = (name: string, value: string): void => element.style.setProperty(`--_brand-${name}`, value);
  const dark = COLOUR.test(branding.accentDark) ? branding.accentDark : branding.accent;
  if (COLOUR.test(branding.accent)) set("accent", `light-dark(${branding.accent}, ${dark})`);
  if (COLOUR.test(branding.accentInk)) set("accent-ink", `light-dark(${branding.accentInk}, #0d1015)`);
  if (Number.isInteger(branding.radius)) set("radius", `${branding.radius}px`);
  if (branding.font !== null && FONT.test(branding.font)) set("font", `"${branding.font}", var(--_page-font, system-ui, sans-serif)`);
  // The accent is the first colour of charts as well, unless the seller names those; the portal's own has one of its own.
  if (COLOUR.test(branding.accent) && branding.accent !== OWN_ACCENT) set("c1", `light-dark(${branding.accent}, ${dark})`);
  branding.series.slice(0, 7).forEach((colour, index) => COLOUR.test(colour) && set(`c${index + 1}`, colour));
}
