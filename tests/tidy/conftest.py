"""The tracked files of the repository, read once."""

from __future__ import annotations

import pytest

import tidy


@pytest.fixture(scope="session")
def files() -> list[tidy.SourceFile]:
    """Every tracked text file."""
    return list(tidy.tracked())
