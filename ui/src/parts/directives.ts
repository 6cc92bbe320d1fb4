/** Directives that reach an element by script where a style attribute would break a strict policy of content. */

import { nothing } from "lit";
import { Directive, directive, PartType, type ElementPart, type PartInfo } from "lit/directive.js";

class StyleDirective extends Directive {
  constructor(info: PartInfo) {
    super(info);
    if (info.type !== PartType.ELEMENT) throw new Error("place(…) stands inside a tag, not in an attribute");
  }

  render(_styles: Record<string, string>): unknown {
    return nothing;
  }

  override update(part: ElementPart, [styles]: [Record<string, string>]): unknown {
    const { style } = part.element as HTMLElement;
    for (const [name, value] of Object.entries(styles)) style.setProperty(name, value);
    return nothing;
  }
}

/** Set styles of the element in whose tag it stands: `<div ${place({ width: "40%" })}>`. */
export const place = directive(StyleDirective);

class TintDirective extends Directive {
  private text: string | null = null;

  render(_text: string): unknown {
    return nothing;
  }

  override update(part: ElementPart, [text]: [string]): unknown {
    const isOther = this.text !== null && this.text !== text;
    this.text = text;
    if (isOther && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      part.element.animate({ backgroundColor: ["color-mix(in srgb, currentcolor 22%, transparent)", "transparent"] }, 1000);
    }
    return nothing;
  }
}

/** Tint the element for a second when its text has become another. */
export const tint = directive(TintDirective);
