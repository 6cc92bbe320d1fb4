"""The audit trail of a service: `records` (what they say), `store` (their tables), `trail` (recording and checking)."""
