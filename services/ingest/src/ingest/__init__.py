"""Takes usage events in, exactly once, and keeps the log."""
