"""Every SQL statement of ingest, by noun; the transaction around them is the caller's."""
