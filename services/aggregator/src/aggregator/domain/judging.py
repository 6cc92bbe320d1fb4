"""Whether events are what the schema of their type demands: one event, or the rows of a batch, by the same rules.

A test holds the two ways to the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.readings import ABSENT, Reading
from aggregator.domain.repairs import NO_FAULT
from aggregator.domain.schemas import NUMBERS, PropertyType, Unit
from aggregator.domain.values import VALUE_MISSING, VALUE_OK, parse_units, scaled_column, why_invalid
from eventlog.rfc3339 import instant_of_text
from expressions import matches_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from aggregator.domain.batch import Batch
    from aggregator.domain.schemas import PropertyRule, SchemaSpec, SchemaVersion

_LARGEST: Final = 2**63 - 1


class HoldReason(StrEnum):
    """Why the schema of its type holds an event."""

    SCHEMA_PROPERTY_MISSING = "SCHEMA_PROPERTY_MISSING"
    SCHEMA_TYPE = "SCHEMA_TYPE"
    SCHEMA_VALUE = "SCHEMA_VALUE"
    SCHEMA_RANGE = "SCHEMA_RANGE"
    SCHEMA_LENGTH = "SCHEMA_LENGTH"
    SCHEMA_PATTERN = "SCHEMA_PATTERN"
    SCHEMA_PROPERTY_UNKNOWN = "SCHEMA_PROPERTY_UNKNOWN"
    SCHEMA_UNIT = "SCHEMA_UNIT"


_OK: Final = 0
_REASONS: Final = (
    HoldReason.SCHEMA_PROPERTY_MISSING,
    HoldReason.SCHEMA_TYPE,
    HoldReason.SCHEMA_VALUE,
    HoldReason.SCHEMA_RANGE,
    HoldReason.SCHEMA_LENGTH,
    HoldReason.SCHEMA_PATTERN,
)
_CODE_OF: Final = {reason: code for code, reason in enumerate(_REASONS, start=1)}
_MISSING: Final = _CODE_OF[HoldReason.SCHEMA_PROPERTY_MISSING]
_TYPE: Final = _CODE_OF[HoldReason.SCHEMA_TYPE]
_RANGE: Final = _CODE_OF[HoldReason.SCHEMA_RANGE]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an event: why, of which property, and the text it has there."""

    reason: HoldReason
    property: str
    text: str
    rule: PropertyRule | None = None


def judge(spec: SchemaSpec, read: Mapping[str, str], failed_repair: int) -> Fault | None:
    """Return the first fault of one event, whose properties were mended; None if it may count."""
    fault = _failed_unit(spec, failed_repair, read)
    if fault is not None:
        return fault
    for rule in spec.rules:
        text = read.get(rule.name, ABSENT)
        code = _fault_of(rule, text)
        if code != _OK:
            return Fault(_REASONS[code - 1], rule.name, text, rule)
    if not spec.holds_unknown:
        return None
    known = {rule.name for rule in spec.rules}
    unknown = min((key for key, text in read.items() if text != ABSENT and key not in known), default=None)
    return None if unknown is None else Fault(HoldReason.SCHEMA_PROPERTY_UNKNOWN, unknown, read[unknown])


def _failed_unit(spec: SchemaSpec, number: int, read: Mapping[str, str]) -> Fault | None:
    if number == NO_FAULT:
        return None
    repair = spec.repairs[number]
    assert isinstance(repair, Unit)  # noqa: S101 - no other repair can fail
    return Fault(HoldReason.SCHEMA_UNIT, repair.property, read.get(repair.property, ABSENT))


def _fault_of(rule: PropertyRule, text: str) -> int:
    """Return the code of what is wrong with a text, or _OK."""
    if text == ABSENT:
        return _MISSING if rule.required else _OK
    if rule.type in NUMBERS:
        number = parse_units(text)
        if number is None or (rule.type is PropertyType.INTEGER and number[1]):
            return _TYPE
        if not _in_range(rule, *number):
            return _RANGE if not rule.values or text in rule.values else _CODE_OF[HoldReason.SCHEMA_VALUE]
    return _fault_of_text(rule, text)


def _fault_of_text(rule: PropertyRule, text: str) -> int:
    """Return what is wrong with a text, apart from what numbers must be."""
    if (rule.type is PropertyType.BOOL and text not in {"true", "false"}) or (
        rule.type is PropertyType.TIME and not _is_time(text)
    ):
        return _TYPE
    if rule.values and text not in rule.values:
        return _CODE_OF[HoldReason.SCHEMA_VALUE]
    if rule.min_length > len(text) or (rule.max_length and rule.max_length < len(text)):
        return _CODE_OF[HoldReason.SCHEMA_LENGTH]
    if rule.pattern and not matches_whole(rule.pattern, text):
        return _CODE_OF[HoldReason.SCHEMA_PATTERN]
    return _OK


def _is_time(text: str) -> bool:
    try:
        instant_of_text(text)
    except ValueError:
        return False
    return True


def _in_range(rule: PropertyRule, units: int, scale: int) -> bool:
    least, greatest = _bounds(rule, scale)
    return (least is None or units >= least) and (greatest is None or units <= greatest)


def _bounds(rule: PropertyRule, scale: int) -> tuple[int | None, int | None]:
    """Return the least and the greatest units that a number may have at a scale."""
    least, greatest = parse_units(rule.least), parse_units(rule.greatest)
    return (
        None if least is None else -(-least[0] * 10**scale // 10 ** least[1]),
        None if greatest is None else greatest[0] * 10**scale // 10 ** greatest[1],
    )


def faults(
    batch: Batch, spec: SchemaSpec, rows: NDArray[np.int64], failed: NDArray[np.int64] | None
) -> dict[int, Fault]:
    """Return the first fault of each of some rows, all read by one schema, by row; those without one are left out."""
    found: dict[int, Fault] = {}
    left = rows
    if failed is not None:
        for row in rows[failed[rows] != NO_FAULT].tolist():
            read = {repair.property: batch.property(repair.property).text(row) for repair in spec.repairs}
            fault = _failed_unit(spec, int(failed[row]), read)
            if fault is not None:
                found[row] = fault
        left = rows[failed[rows] == NO_FAULT]
    for rule in spec.rules:
        codes = _codes(batch, rule, left)
        if codes is None:
            continue
        is_bad = codes != _OK
        for row, code in zip(left[is_bad].tolist(), codes[is_bad].tolist(), strict=True):
            found[row] = Fault(_REASONS[code - 1], rule.name, batch.property(rule.name).text(row), rule)
        left = left[~is_bad]
    if spec.holds_unknown:
        found |= _unknown(batch, spec, left)
    return found


def _codes(batch: Batch, rule: PropertyRule, rows: NDArray[np.int64]) -> NDArray[np.int8] | None:
    """Return the code of what is wrong with a property of each row; None if no row can be wrong."""
    if rule.type in NUMBERS:
        return _number_codes(batch, rule, rows)
    if not rule.required and rule == type(rule)(rule.name, PropertyType.TEXT):
        return None
    return batch.looked_up(rule.name, lambda texts: _table(rule, texts))[rows]


def _table(rule: PropertyRule, texts: Sequence[str]) -> NDArray[np.int8]:
    """Return the code of the absent text, then those of some texts."""
    return np.array([_fault_of(rule, text) for text in (ABSENT, *texts)], dtype=np.int8)


def _number_codes(batch: Batch, rule: PropertyRule, rows: NDArray[np.int64]) -> NDArray[np.int8] | None:
    """Return the codes of a number, of which only those in a list are looked at one by one."""
    column = scaled_column(batch, Reading(rule.name))
    is_whole = rule.type is PropertyType.INTEGER and column.scale > 0
    if column.all_readable and not (is_whole or rule.values or rule.least or rule.greatest):
        return None
    states, units = column.states[rows], column.units[rows]
    is_number = states == VALUE_OK
    codes = np.where(is_number, _OK, _TYPE).astype(np.int8)
    if not column.all_readable:
        codes[states == VALUE_MISSING] = _MISSING if rule.required else _OK
    if is_whole:
        codes[is_number & np.asarray(units % 10**column.scale != 0, dtype=np.bool_)] = _TYPE
    if rule.values:
        listed = batch.looked_up(rule.name, lambda texts: _table(rule, texts))[rows]
        codes = np.where(codes == _OK, listed, codes).astype(np.int8)
    elif rule.least or rule.greatest:
        codes[(codes == _OK) & is_number & _outside(rule, units, column.scale)] = _RANGE
    return codes


def _outside(rule: PropertyRule, units: NDArray[np.int64] | NDArray[np.object_], scale: int) -> NDArray[np.bool_]:
    least, greatest = _bounds(rule, scale)
    outside = np.zeros(len(units), dtype=np.bool_)
    is_narrow = units.dtype != np.object_
    if least is not None:
        outside |= (
            least > _LARGEST if is_narrow and abs(least) > _LARGEST else np.asarray(units < least, dtype=np.bool_)
        )
    if greatest is not None:
        is_wide = is_narrow and abs(greatest) > _LARGEST
        outside |= greatest < -_LARGEST if is_wide else np.asarray(units > greatest, dtype=np.bool_)
    return outside


def _unknown(batch: Batch, spec: SchemaSpec, rows: NDArray[np.int64]) -> dict[int, Fault]:
    """Return the rows with a property that the schema does not name; of several the first by name is told."""
    known = {rule.name for rule in spec.rules}
    found: dict[int, Fault] = {}
    for key in sorted(batch.property_keys() - known):
        if not len(rows):
            break
        column = batch.property(key)
        has_it = column.codes[rows] != 0
        for row in rows[has_it].tolist():
            found[row] = Fault(HoldReason.SCHEMA_PROPERTY_UNKNOWN, key, column.text(row))
        rows = rows[~has_it]
    return found


def hold_message(schema: SchemaVersion, fault: Fault) -> str:
    """Say for people why an event is held, and what to do."""
    advice = f"have it replaced as it should be, or apply a {schema.name} schema that takes it and requeue the type"
    return f"property {fault.property} {what_is_wrong(fault)}, says {schema}; {advice}"


def what_is_wrong(fault: Fault) -> str:
    """Say what a property is that it may not be, to go on from its name."""
    rule, text = fault.rule, repr(fault.text)
    if rule is None or fault.reason is HoldReason.SCHEMA_PROPERTY_MISSING:
        return _what_of_none(fault)
    told = {
        HoldReason.SCHEMA_TYPE: f"is {text}, which is {_not_type(rule, fault.text)}",
        HoldReason.SCHEMA_VALUE: f"is {text}, not one of {_listed(rule.values)}",
        HoldReason.SCHEMA_RANGE: f"is {text}, not {_range(rule)}",
        HoldReason.SCHEMA_LENGTH: f"has {len(fault.text)} characters, not {_length(rule)}",
        HoldReason.SCHEMA_PATTERN: f"is {text}, which does not match {rule.pattern}",
    }
    return told[fault.reason]


def _what_of_none(fault: Fault) -> str:
    if fault.reason is HoldReason.SCHEMA_PROPERTY_MISSING:
        return "is missing and required"
    if fault.reason is HoldReason.SCHEMA_PROPERTY_UNKNOWN:
        return "is not named there, and unknown ones are held"
    return f"is {fault.text!r}, which can't be brought to another unit exactly"


def _length(rule: PropertyRule) -> str:
    return f"{rule.min_length} to {rule.max_length}" if rule.max_length else f"{rule.min_length} or more"


def _not_type(rule: PropertyRule, text: str) -> str:
    if rule.type in NUMBERS and parse_units(text) is None:
        return f"no {rule.type.lower()} ({why_invalid(text)})"
    wanted = {PropertyType.BOOL: "not true or false", PropertyType.TIME: "no RFC 3339 time with an offset"}
    return wanted.get(rule.type, "no integer")


def _range(rule: PropertyRule) -> str:
    if rule.least and rule.greatest:
        return f"{rule.least} to {rule.greatest}"
    return f"{rule.least} or more" if rule.least else f"{rule.greatest} or less"


_VALUES_TOLD: Final = 8


def _listed(values: Sequence[str]) -> str:
    more = " …" if len(values) > _VALUES_TOLD else ""
    return ", ".join(values[:_VALUES_TOLD]) + more
