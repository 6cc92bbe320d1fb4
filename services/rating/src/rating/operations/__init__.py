"""What rating does: one function per use case, on domain values."""
