"""How lines are named that are not of all of an item's period: rating names them so, and no item of a plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LINE: Final = re.compile(rf"(Billed in advance: )?(.*?)( \({_DAY} to {_DAY}\))?", re.ASCII | re.DOTALL)


def item_of_line(line: str) -> str:
    """Return the item that a line is of, also one of a part of a period, or of what was billed in advance."""
    return _parts(line)[1]


def labelled_line(line: str, labels: Mapping[str, str]) -> str:
    """Return the name of a line with its item's label in place of the item."""
    before, item, days = _parts(line)
    return labels.get(line) or f"{before}{labels.get(item, item)}{days}"


def _parts(line: str) -> tuple[str, str, str]:
    found = _LINE.fullmatch(line)
    return ("", line, "") if found is None else (found[1] or "", found[2], found[3] or "")
