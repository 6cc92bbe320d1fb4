"""How a batch becomes part of the log: small calls are gathered, events admitted, and batches committed in groups."""
