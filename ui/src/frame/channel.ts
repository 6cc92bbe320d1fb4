/**
 * What a page and the frame in it say to each other. Both name the exact origin of the other; the token goes through a
 * channel that only the two of them hold, and stays in memory.
 *
 *   frame -> page    hello                     sent to each origin that the seller's profile allows: only that of the page gets it
 *   page  -> frame   connect, with a port
 *   frame -> page    token?                    through the port; answered by token or by refused
 *   frame -> page    height, navigate, state, error
 */

export const HELLO = "meterline:hello";
export const CONNECT = "meterline:connect";

export type FromFrame =
  | { type: "token?" }
  | { type: "height"; height: number }
  | { type: "event"; name: string; detail: unknown };

export type FromPage = { type: "token"; token: string } | { type: "refused"; reason: string };

/** Events of elements that a frame passes on to the page around it. */
export const PASSED_ON = ["meterline-navigate", "meterline-state-changed", "meterline-error"] as const;
