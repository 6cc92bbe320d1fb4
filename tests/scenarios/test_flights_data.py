"""The real input: fetched by hash once, and a plain word when that can't be."""

from __future__ import annotations

from pathlib import Path

import pytest

from testkit.flights import FlightsUnavailableError, flights_csv


def test_without_a_network_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "uv"), "PIP_NO_INDEX": "1"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(FlightsUnavailableError, match="is this machine online"):
        flights_csv(tmp_path / "cache" / "flights")

    assert not (tmp_path / "cache" / "flights" / "flights.csv").exists()


def test_a_file_that_is_not_the_right_one_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_text("year,month\n", encoding="utf-8")

    with pytest.raises(FlightsUnavailableError, match="delete it and run this again"):
        flights_csv(tmp_path)
