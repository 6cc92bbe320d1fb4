"""What a service serves to Prometheus, fetched from every replica, and how it grew between two looks."""

from __future__ import annotations

import asyncio
import http.client
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Series = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels."""

_INSTANCE_METRIC: Final = "target_info"
_INSTANCE_LABEL: Final = "service_instance_id"
_BYTES_MAX: Final = 16 * 1024 * 1024
_BUCKET_LABEL: Final = "le"
_EXPECTED: Final = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which series are meant: those of a name that have `labels`, but for those for which `left_out` is true."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    left_out: Callable[[Mapping[str, str]], bool] = lambda _: False

    def within(self, values: Mapping[Series, float]) -> Iterator[tuple[Series, float]]:
        """Give the series that are meant."""
        for series, value in values.items():
            name, labels = series
            if name == self.name and self.labels.items() <= labels and not self.left_out(dict(labels)):
                yield series, value


@dataclass(frozen=True, slots=True)
class Replica:
    """What one process served. `at_s` is when, on a clock that only runs forward."""

    instance: str
    at_s: float
    values: Mapping[Series, float]


@dataclass(frozen=True, slots=True)
class Look:
    """What all replicas of a service served at about the same time; `problem` says why, if none did."""

    replicas: Mapping[str, Replica] = field(default_factory=dict)
    problem: str | None = None

    def total(self, chosen: Chosen) -> float | None:
        """Return the sum of series over all replicas, of which some appear when they first count; None without any."""
        return sum(self._values(chosen)) if self.replicas else None

    def highest(self, chosen: Chosen) -> float | None:
        """Return the highest of series that every replica tells of the same thing."""
        return max(self._values(chosen), default=None)

    def _values(self, chosen: Chosen) -> Iterator[float]:
        for replica in self.replicas.values():
            yield from (value for _, value in chosen.within(replica.values))


@dataclass(frozen=True, slots=True)
class Growth:
    """How counters grew from one look to the next; only replicas that are in both count."""

    before: Look
    now: Look

    def per_s(self, chosen: Chosen) -> float | None:
        """Return by how much a second; None if no replica was looked at twice."""
        rates = [
            sum(grown for _, grown in self._grown(old, new, chosen)) / (new.at_s - old.at_s)
            for old, new in self._pairs()
        ]
        return sum(rates) if rates else None

    def quantile(self, share: float, name: str, left_out: Callable[[Mapping[str, str]], bool]) -> float | None:
        """Return what `share` of a histogram's new values do not exceed, guessed within its bucket; None without any.

        Above the highest bound nothing is known but that: it is returned itself.
        """
        counts: dict[float, float] = {}
        for old, new in self._pairs():
            for (_, labels), grown in self._grown(old, new, Chosen(f"{name}_bucket", left_out=left_out)):
                bound = float(dict(labels)[_BUCKET_LABEL])
                counts[bound] = counts.get(bound, 0.0) + grown
        return _quantile(share, sorted(counts.items()))

    def _pairs(self) -> Iterator[tuple[Replica, Replica]]:
        for instance, new in self.now.replicas.items():
            old = self.before.replicas.get(instance)
            if old is not None and new.at_s > old.at_s:
                yield old, new

    @staticmethod
    def _grown(old: Replica, new: Replica, chosen: Chosen) -> Iterator[tuple[Series, float]]:
        for series, value in chosen.within(new.values):
            earlier = old.values.get(series, 0.0)
            # A counter never falls: one that did began anew with its process, and counted all of this since.
            yield series, value - earlier if value >= earlier else value


def _quantile(share: float, cumulative: Sequence[tuple[float, float]]) -> float | None:
    if not cumulative or not cumulative[-1][1]:
        return None
    wanted, lower, below = share * cumulative[-1][1], 0.0, 0.0
    for bound, count in cumulative:
        if count >= wanted and count > below:
            return lower if bound == float("inf") else lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower


async def look(address: str, limit_s: float) -> Look:
    """Ask every process behind `address` ("host:port"); one name may stand for all replicas of a service."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(limit_s):
            found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
            places = sorted({(str(place[0]), int(place[1])) for *_, place in found})
            asked = await asyncio.gather(
                *(asyncio.to_thread(_fetch, *place, limit_s) for place in places), return_exceptions=True
            )
    except (OSError, ValueError, OverflowError) as error:
        return Look(problem=_away(address, error))
    replicas = [answer for answer in asked if isinstance(answer, Replica)]
    if replicas:
        # One process may have two addresses, as `localhost` has.
        return Look({replica.instance: replica for replica in replicas})
    errors = [answer for answer in asked if isinstance(answer, BaseException)]
    defect = next((error for error in errors if not isinstance(error, _EXPECTED)), None)
    if defect is not None:
        raise defect
    return Look(problem=_away(address, errors[0]))


def _away(address: str, error: BaseException) -> str:
    why = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
    return f"no metrics at {address}: {why}"


def _fetch(host: str, port: int, limit_s: float) -> Replica:
    # Not by urllib: that would send it through a proxy if one is set.
    connection = http.client.HTTPConnection(host, port, timeout=limit_s)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"it answers {response.status} {response.reason}")
        body = response.read(_BYTES_MAX + 1)
    finally:
        connection.close()
    if len(body) > _BYTES_MAX:
        raise ValueError(f"it answers more than {_BYTES_MAX} bytes")
    return replica_of(body.decode("utf-8"), f"{host}:{port}", time.monotonic())


def replica_of(text: str, place: str, at_s: float) -> Replica:
    """Read what a process serves; `place` stands for its instance if it names none. Raises ValueError."""
    # Here, not above: only who looks at metrics waits until it is loaded.
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    values: dict[Series, float] = {}
    instance = place
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == _INSTANCE_METRIC:
                instance = sample.labels.get(_INSTANCE_LABEL, place)
            values[sample.name, frozenset(sample.labels.items())] = sample.value
    return Replica(instance, at_s, values)
