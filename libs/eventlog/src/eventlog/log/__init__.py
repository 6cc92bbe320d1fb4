"""The append-only log: `writer` appends segments at dense positions, `reader` serves them, `wakeups` tells readers."""
