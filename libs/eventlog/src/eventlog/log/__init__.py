"""The append-only log: `writer` appends segments without gaps, `reader` serves them, `wakeups` wakes readers."""
