/** Speaks English at once, for a bundle that has its texts with it. */

import { speak } from "./i18n.ts";
import { TEXTS } from "./texts.ts";

speak(TEXTS);
