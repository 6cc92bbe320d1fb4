/** How many billing periods, up to the chosen one, can be looked at together. */
export const SPANS = ["1", "3", "6", "12"] as const;
