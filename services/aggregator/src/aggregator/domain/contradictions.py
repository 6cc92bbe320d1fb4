"""Schemas whose repairs and rules contradict each other, so that events they are meant to mend could never count."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aggregator.domain.judging import judge, what_is_wrong
from aggregator.domain.repairs import NO_FAULT, repaired
from aggregator.domain.schemas import Alias, Default, Unit, problems_of
from chassis.errors import Reason
from chassis.errors.refused import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregator.domain.schemas import Repair, SchemaSpec


def all_problems_of(spec: SchemaSpec) -> list[Refused]:
    """What is wrong with a schema looked at alone; contradictions are looked for once each part is right in itself."""
    return problems_of(spec) or [*_defaults_that_break_a_rule(spec), *_required_that_are_moved(spec)]


def _defaults_that_break_a_rule(spec: SchemaSpec) -> Iterator[Refused]:
    rules = {rule.name: rule for rule in spec.rules}
    for number, repair in enumerate(spec.repairs):
        if not isinstance(repair, Default) or repair.property not in rules:
            continue
        # Later repairs mend a default, too, or move it to another property.
        read, _ = repaired({repair.property: repair.value}, spec.repairs[number + 1 :])
        if repair.property not in read:
            continue
        alone = replace(spec, rules=(rules[repair.property],), holds_unknown=False)
        fault = judge(alone, read, NO_FAULT)
        if fault is not None:
            advice = "every event without it would be held; give a value that the property may have, or leave it out"
            message = f"breaks the rule of {repair.property}: it {what_is_wrong(fault)}; {advice}"
            yield Refused(f"spec.repairs[{number}].default.value", Reason.SCHEMA_INVALID, message)


def _required_that_are_moved(spec: SchemaSpec) -> Iterator[Refused]:
    required = {rule.name for rule in spec.rules if rule.required}
    for number, repair in enumerate(spec.repairs):
        given_later = {_written_by(later) for later in spec.repairs[number + 1 :]}
        for field, name, target in _moves(repair):
            if name in required and name not in given_later:
                advice = f"require {target} instead, or leave this repair out"
                message = f"moves {name} to {target}, but {name} is required, so the event would be held; {advice}"
                yield Refused(f"spec.repairs[{number}].{field}", Reason.SCHEMA_INVALID, message)


def _moves(repair: Repair) -> list[tuple[str, str, str]]:
    """Return what a repair renames: the field that says so, the name before and the one after."""
    match repair:
        case Alias(key, names):
            return [("alias.names", name, key) for name in names]
        case Unit(key, _, to) if to != key:
            return [("unit.to", key, to)]
        case _:
            return []


def _written_by(repair: Repair) -> str:
    return repair.to if isinstance(repair, Unit) else repair.property
