/** Above this each series is one path: thousands of rectangles would make moving the pointer slow. */
export const BUCKETS_DRAWN_ONE_BY_ONE_MAX = 400;
