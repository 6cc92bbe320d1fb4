"""What services refuse of catalog files: gathered over all entries, and told with their places in the files."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from chassis.errors import FieldViolation, InvalidRequest, MeterlineError, NotFound, Reason
from meterline.catalog.parts import references_of
from meterline.catalog.published import describe
from meterline.cli.exits import ExitCode, explain_error, fail_for_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from meterline.catalog.files import Entry

_ENTRY_FIELD: Final = re.compile(r"entries\[(\d+)\]\.(?:\w+\.)?")
_ENOUGH: Final = 50
"""Nobody is told more faults at once."""
_MISSING: Final = {
    Reason.PRODUCT_NOT_FOUND: "Product",
    Reason.PLAN_NOT_FOUND: "Plan",
    Reason.CUSTOMER_NOT_FOUND: "Customer",
}


class Faults:
    """What services refuse of the files, told together.

    `refused` are the kinds and names of entries that are refused already: what refers to them is not blamed for that.
    """

    def __init__(self, refused: AbstractSet[tuple[str, str]] = frozenset()) -> None:
        """Nothing is refused but that."""
        self.refused = set(refused)
        self._errors: dict[str, MeterlineError] = {}
        self._untold = 0

    @contextmanager
    def of(self, entries: Sequence[Entry]) -> Iterator[None]:
        """Keep what a service refuses of entries that were sent to it."""
        try:
            yield
        except (InvalidRequest, NotFound) as error:
            found = [one for one, entry in _placed_by_entry(error, entries) if not self._follows(one.reason, entry)]
            # The first text of each: a plan that several parts need is refused in each of them.
            self._errors |= {str(one): one for one in found if str(one) not in self._errors}
            self._untold += max(int(error.metadata.get("violations", "0")) - len(error.violations), 0)
            if error.reason is Reason.REQUEST_INVALID:
                named = [entry for _, entry in _placed_by_entry(error, entries) if entry is not None]
                self.refused.update((entry.kind.name, entry.name) for entry in named)

    @property
    def are_enough(self) -> bool:
        """Whether there are as many as are told at once."""
        return len(self._errors) >= _ENOUGH

    @property
    def texts(self) -> list[str]:
        """Each in one line."""
        return [explain_error(error) for error in self._errors.values()]

    def raise_any(self) -> None:
        """End with all faults, if there are any."""
        if len(self._errors) == 1 and not self._untold:
            raise next(iter(self._errors.values()))
        if self._errors:
            fail_for_all(self.texts, ExitCode.REFUSED, self._untold)

    def _follows(self, reason: Reason, entry: Entry | None) -> bool:
        kind = _MISSING.get(reason)
        names = {name for of, name in references_of(entry) if of == kind} if kind is not None and entry else ()
        return any((kind, name) in self.refused or (kind, "") in self.refused for name in names)


def placed(error: MeterlineError, entries: Sequence[Entry]) -> list[MeterlineError]:
    """Return the faults of a service's error, each with its place in a file and in words that tell what to write."""
    return [one for one, _ in _placed_by_entry(error, entries)]


def _placed_by_entry(error: MeterlineError, entries: Sequence[Entry]) -> list[tuple[MeterlineError, Entry | None]]:
    alone = 0 if len(entries) == 1 else None
    if error.violations:
        return [_placed(error, violation, entries, alone) for violation in error.violations]
    number = error.metadata.get("entry", alone)
    if number is None:
        return [(error, None)]
    entry = entries[int(number)]
    return [(type(error)(error.reason, f"{entry.origin}: {error.message}"), entry)]


def _placed(
    error: MeterlineError, violation: FieldViolation, entries: Sequence[Entry], alone: int | None
) -> tuple[MeterlineError, Entry | None]:
    named = _ENTRY_FIELD.match(violation.field)
    number = named[1] if named else error.metadata.get("entry", alone)
    if number is None:
        return type(error)(violation.reason, f"{violation.field}: {violation.message}"), None
    entry = entries[int(number)]
    field = _ENTRY_FIELD.sub("", violation.field, count=1)
    # The contract's own words where only its rules were broken; the domain says by itself what to write.
    is_rule = violation.reason in {Reason.FIELD_INVALID, Reason.FIELD_REQUIRED}
    rule = describe(entry.kind, field) if is_rule else ""
    rule = rule and f". {rule}"
    return type(error)(violation.reason, f"{entry.place(field)}: {violation.message}{rule}"), entry
