"""The storage shapes of windows, a file each: numbers that add up or compare, and distinct texts."""
