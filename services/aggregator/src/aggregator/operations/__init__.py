"""What the aggregator does: one function per use case, on domain values."""
