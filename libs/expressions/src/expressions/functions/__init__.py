"""The functions and operators of expressions, one file per kind."""

from __future__ import annotations

from typing import Final

from expressions.functions import arithmetic, logic, texts, times
from expressions.functions.function import by_name

FUNCTIONS: Final = by_name((*arithmetic.FUNCTIONS, *logic.FUNCTIONS, *texts.FUNCTIONS, *times.FUNCTIONS))
"""All of them by name; what is not called by its name is an operator."""
OF_SECONDS: Final = frozenset(function.name for function in times.FUNCTIONS)
"""Functions that give the same for all instants of a second."""
