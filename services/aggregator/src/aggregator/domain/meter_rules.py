"""What is wrong with the rules of a meter about time: sessions, units, carry-over, percentiles."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.aggregations.over_time import OverTime
from aggregator.domain.aggregations.percentile import Percentile
from aggregator.domain.aggregations.rules import NO_SESSION, TIMEOUT_MAX_S
from aggregator.domain.aggregations.sessions import Duration, LiveCount
from aggregator.domain.aggregations.values import WeightedSum
from money import InvalidDecimalError, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.domain.aggregations.aggregation import Aggregation
    from aggregator.domain.aggregations.rules import Rules, Session
    from aggregator.domain.billable import EventRounding
    from aggregator.domain.meters import MeterSpec

_PERCENT_MAX: Final = Decimal(100)
Problem = tuple[str, str]
"""A field of a meter, and what is wrong with it."""


def problems_of_rules(aggregation: Aggregation, rules: Rules) -> Iterator[Problem]:
    """Yield what is wrong with the rules of a meter of this aggregation."""
    if aggregation.READS is Reads.SESSION:
        yield from _problems_of_session(aggregation, rules.session)
    elif rules.session != NO_SESSION:
        yield "session", f"{aggregation} counts no sessions; leave it out (DURATION and LIVE_COUNT do)"
    if rules.time_unit is not None and not isinstance(aggregation, Duration | WeightedSum):
        yield "time_unit", f"{aggregation} counts no time; leave it out (DURATION and WEIGHTED_SUM do)"
    if rules.carries_over and not isinstance(aggregation, WeightedSum):
        yield "carry_over", f"{aggregation} has no level to carry over; leave it out (WEIGHTED_SUM has)"
    if rules.are_levels and not isinstance(aggregation, WeightedSum):
        yield "values_are", f"{aggregation} weighs no levels; leave it out (WEIGHTED_SUM does)"
    yield from _problems_of_percentile(aggregation, rules)
    if rules.session_rounding is not None:
        yield from _problems_of_rounding(aggregation, rules, rules.session_rounding)


def same_rules(counting: Sequence[MeterSpec]) -> bool:
    """Whether versions of a meter count time alike, so that what goes on may cross them."""
    kept = {
        (
            spec.rules,
            spec.bucket_minutes if isinstance(spec.aggregation, Percentile) else 0,
            # A reading takes the place of one of the same group.
            (spec.group_by, spec.dimensions) if spec.rules.are_levels else (),
        )
        for spec in counting
        if isinstance(spec.aggregation, OverTime)
    }
    return len(kept) <= 1


def _problems_of_session(aggregation: Aggregation, session: Session) -> Iterator[Problem]:
    for name, reading in (("key", session.key), ("phase", session.phase)):
        if reading.key and reading.expression:
            yield f"session.{name}_expression", f"stands beside {name}_property; leave one of them empty"
        elif not reading.key and not reading.expression:
            yield (
                f"session.{name}_property",
                f"{aggregation} needs the property that holds the {name} of a session; name it",
            )
    if not session.start and not session.heartbeat:
        yield "session.start", "no session could ever begin; name the phase that starts one, or that of a heartbeat"
    phases = session.phases()
    if len(phases) != len(set(phases)):
        yield "session.phase_property", "start, stop and heartbeat must be different texts; change one of them"
    may_last_for_ever = isinstance(aggregation, LiveCount)
    if session.timeout_s > TIMEOUT_MAX_S or not (session.timeout_s or may_last_for_ever):
        message = (
            f"must be from 1 to {TIMEOUT_MAX_S} (31 days): so long a session counts after its last event where no stop "
            "comes; take a little more than the longest time between two events of a session"
        )
        yield "session.timeout_seconds", message


def _problems_of_rounding(aggregation: Aggregation, rules: Rules, rounding: EventRounding) -> Iterator[Problem]:
    field = "billable.per_session"
    if not isinstance(aggregation, Duration):
        yield field, f"goes with DURATION, and {aggregation} counts no time of sessions; leave it out"
    elif rules.session.heartbeat:
        message = (
            "rounds what goes from a start to a stop, and a session with heartbeats may have begun at any time before; "
            "leave session.heartbeat out, and let session.timeout_seconds be longer than any session (at most 31 days)"
        )
        yield field, message
    for problem in rounding.problems(field):
        yield problem.field, problem.text


def _problems_of_percentile(aggregation: Aggregation, rules: Rules) -> Iterator[Problem]:
    if not isinstance(aggregation, Percentile):
        given = {
            "percentile": rules.percentile,
            "bucket_aggregation": rules.bucket_aggregation,
            "empty_buckets": rules.skips_empty_buckets,
        }
        for field, value in given.items():
            if value:
                yield field, f"{aggregation} has no buckets to choose from; leave it out (PERCENTILE has)"
        return
    if rules.bucket_aggregation is None:
        yield "bucket_aggregation", "must be SUM, AVG, MIN, MAX, LATEST or FIRST; leave it out for SUM"
    try:
        percentile = parse_decimal(rules.percentile)
    except InvalidDecimalError as problem:
        yield "percentile", problem.message
        return
    if not 0 < percentile <= _PERCENT_MAX:
        yield "percentile", 'must be above 0 and at most 100; write a percentage such as "95"'
