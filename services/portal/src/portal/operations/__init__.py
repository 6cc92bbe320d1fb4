"""Use cases on domain values."""
