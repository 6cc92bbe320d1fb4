"""Throw-away Postgres, fake clock, event builders and the suite as a fixture, for tests."""
