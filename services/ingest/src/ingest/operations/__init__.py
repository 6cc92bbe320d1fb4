"""The use cases of ingest, by noun: they read the clock, open transactions and ask the domain."""
