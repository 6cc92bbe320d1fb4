"""Quantities straight from the CSV, by SQL: text cast to exact types, months by the file's own New York dates.

The suite derives the month from the UTC instant and the contract's zone; the oracle reads the `year` and `month`
columns, which the airlines recorded in local time. That the two agree is part of the proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

_VALUE = "CAST({column} AS DECIMAL(38, 18))"
_AGGREGATES = {
    "COUNT": "COUNT(*)",
    "SUM": f"SUM({_VALUE})",
    "MIN": f"MIN({_VALUE})",
    "MAX": f"MAX({_VALUE})",
    "COUNT_UNIQUE": "COUNT(DISTINCT {column})",
}


class FlightTable:
    """The CSV as a table of text columns in an in-memory database; use it as a context manager."""

    def __init__(self, csv: Path) -> None:
        self._database = duckdb.connect(":memory:", config={"threads": 1})
        self._database.execute(
            "CREATE TABLE flight AS FROM read_csv(?, header = true, all_varchar = true, nullstr = ['NA', ''])",
            [str(csv)],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def quantities(self, meter: Mapping[str, Any], *by: str) -> dict[tuple[str, ...], Fraction]:
        """Aggregate a meter's `spec` by carrier, month ("2013-01") and the columns `by`; empty groups are absent."""
        groups = ["carrier", "year || '-' || lpad(month, 2, '0')", *by]
        column = meter.get("value")
        aggregate = _AGGREGATES[meter["aggregation"]].format(column=column)
        where = f"{column} IS NOT NULL" if column else "true"
        ordinals = ", ".join(str(place) for place in range(1, len(groups) + 1))
        # Columns and aggregates come from the demo's own catalog; values never become part of the statement.
        statement = (
            f"SELECT {', '.join(groups)}, CAST({aggregate} AS VARCHAR) FROM flight WHERE {where} GROUP BY {ordinals}"  # noqa: S608
        )
        rows = self._database.execute(statement).fetchall()
        return {tuple(row[:-1]): Fraction(row[-1]) for row in rows}

    def missing(self, column: str) -> int:
        """Count rows whose column has no value."""
        statement = f"SELECT COUNT(*) FROM flight WHERE {column} IS NULL"  # noqa: S608 - a column name of ours
        (count,) = self._database.execute(statement).fetchall()[0]
        return int(count)
