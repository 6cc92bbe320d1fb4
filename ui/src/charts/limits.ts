/** Above this each series is one path: thousands of rectangles would make moving the pointer slow. */
export const BUCKETS_DRAWN_ONE_BY_ONE_MAX = 400;

/** Above this the period before would be a scribble over this one. */
export const BUCKETS_COMPARED_MAX = 120;
