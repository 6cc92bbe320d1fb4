"""What passes between services: times, places in a log, the log itself, and the feed that follows it."""
