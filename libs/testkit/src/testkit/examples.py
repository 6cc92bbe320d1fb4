"""Properties with more examples: `--examples N` runs the chosen properties alone, with N examples in all.

In everyday runs each property has as many examples as stand above it. What is found by a long run is kept by hypothesis
in `.hypothesis`, and tried first by every later run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import ceil
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings

from testkit.bugs import BUGS, caught_by

_SETTINGS: Final = "_hypothesis_internal_use_settings"  # what @settings writes, which can't be given twice


class ManyExamples:
    """A plugin that chooses the properties of a run, shares `asked` examples among them, and counts what ran."""

    def __init__(self, asked: int) -> None:
        self._asked = asked
        self._properties: set[Callable[..., Any]] = set()
        self.examples = 0

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what is no property; give each property its share."""
        chosen = [item for item in items if _is_property(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen
        for item in chosen:
            self._prepare(item.function, ceil(self._asked / len(chosen)))  # type: ignore[attr-defined]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many examples ran: a property with few possible values ends before its share."""
        terminalreporter.write_line(f"{self.examples:,} examples of {len(self._properties)} properties")

    def _prepare(self, law: Any, share: int) -> None:
        if law in self._properties:
            return
        self._properties.add(law)
        usual = getattr(law, _SETTINGS)
        more = settings(
            usual, max_examples=max(share, usual.max_examples), deadline=None, suppress_health_check=list(HealthCheck)
        )
        setattr(law, _SETTINGS, more)
        law.hypothesis.inner_test = self._counted(law.hypothesis.inner_test)

    def _counted(self, tried: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(tried)
        def count(*arguments: Any, **named: Any) -> Any:
            self.examples += 1
            return tried(*arguments, **named)

        return count


def _is_property(item: pytest.Item) -> bool:
    # With a bug put in, the first example that finds it ends the test.
    return getattr(getattr(item, "function", None), "is_hypothesis_test", False) and not caught_by(BUGS, item.nodeid)
