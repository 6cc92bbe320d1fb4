"""How `meterline top` looks: tables at a terminal, a line for each service elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meterline.cli.status import lag_texts, lines_of, seconds_text
from meterline.cli.terminal import Grid
from meterline.cli.top_figures import COUNTS, DURATIONS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meterline.cli.terminal import Picture

_SERVICE_COLUMNS: Final = (
    "service",
    "state",
    ">replicas",
    ">calls/s",
    ">failed/s",
    ">faults/s",
    ">p50 ms",
    ">p99 ms",
    ">memory",
    "follows",
    ">behind",
    ">seconds",
    "fresh up to",
)
_LEFT_OUT_FIRST: Final = (
    ">replicas",
    ">p50 ms",
    ">faults/s",
    "fresh up to",
    ">p99 ms",
    "follows",
    ">memory",
    ">failed/s",
    ">behind",
)
_WORK_COLUMNS: Final = ("service", "work", ">/s", ">since start", ">p50 ms", ">p99 ms")
_WORK_LEFT_OUT_FIRST: Final = (">p50 ms", ">p99 ms", ">since start")
_STATE_STYLES: Final = {
    "up": "green",
    "behind": "yellow",
    "not ready": "yellow",
    "cut off": "red",
    "stuck": "red",
    "down": "red",
    "not allowed": "red",
}
_NOTHING: Final = "-"
_MEBIBYTE: Final = 1024 * 1024
_WHOLE_FROM: Final = 100


def picture(document: dict[str, Any], interval_s: float | None = None) -> Picture:
    """Return the tables of one look, and what is wrong between them."""
    title = f"meterline top at {document['at'][:19]}Z"
    if interval_s is not None:
        title += f", every {interval_s:g} s; Ctrl-C ends it"
    services = document["services"]
    return (
        title,
        "",
        Grid(
            _SERVICE_COLUMNS,
            [row for service in services for row in _service_rows(service)],
            _LEFT_OUT_FIRST,
            _STATE_STYLES,
        ),
        *(f"{service['service']}: {line}" for service in services for line in _notes(service)),
        "",
        Grid(_WORK_COLUMNS, [row for service in services for row in _work_rows(service)], _WORK_LEFT_OUT_FIRST),
    )


def plain_lines(document: dict[str, Any]) -> Iterator[str]:
    """Return a line for each service: the time, its name and state, and each figure as name=value."""
    for service in document["services"]:
        values = dict(_values(service))
        state = service["state"].replace(" ", "-")
        yield " ".join(
            (document["at"], service["service"], state, *(f"{name}={value}" for name, value in values.items()))
        )


def _service_rows(service: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    metrics = service["metrics"]
    calls = metrics["calls"]
    head = (
        service["service"],
        service["state"],
        str(metrics["replicas"] or _NOTHING),
        _number(calls["perS"]),
        _number(calls["failedPerS"]),
        _number(calls["faultsPerS"]),
        _number(calls["p50Ms"]),
        _number(calls["p99Ms"]),
        _memory(metrics["memoryBytes"]),
    )
    for feed in service["feeds"]:
        yield *head, feed["consumer"], *lag_texts(feed), seconds_text(feed["freshUpTo"])
        head = (service["service"], service["state"], *[""] * (len(head) - 2))
    if not service["feeds"]:
        yield *head, *[_NOTHING] * 4


def _work_rows(service: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    name, metrics = service["service"], service["metrics"]
    for key, count in COUNTS[name].items():
        found = metrics["counts"][key]
        if count.always or found["total"] not in {None, "0"}:
            yield name, count.title, _number(found["perS"]), _grouped(found["total"]), "", ""
    for key, duration in DURATIONS[name].items():
        found = metrics["durations"][key]
        times = (_number(found["p50Ms"]), _number(found["p99Ms"]))
        yield name, duration.title, _number(found["perS"]), _grouped(found["total"]), *times
    for key, level in LEVELS.get(name, {}).items():
        if metrics["levels"][key] not in {None, "0"}:
            yield name, f"{level.title}, now", "", _grouped(metrics["levels"][key]), "", ""


def _notes(service: dict[str, Any]) -> list[str]:
    problem = service["metrics"]["problem"]
    # Of a service that is away there is nothing to add.
    return lines_of(service) + ([problem] if problem and service["error"] is None else [])


def _values(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    metrics = service["metrics"]
    yield from _known({f"calls.{name}": value for name, value in metrics["calls"].items()})
    for feed in service["feeds"]:
        behind, seconds = lag_texts(feed)
        yield f"{feed['consumer']}.behind", behind
        yield f"{feed['consumer']}.seconds", seconds
        yield f"{feed['consumer']}.freshUpTo", feed["freshUpTo"] or _NOTHING
    for part in ("counts", "durations"):
        for key, found in metrics[part].items():
            yield from _known({f"{key}.{name}": value for name, value in found.items()})
    yield from _known(metrics["levels"])
    yield from _known({"memoryBytes": metrics["memoryBytes"]})


def _known(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name, _NOTHING if value is None else str(value)) for name, value in values.items())


def _number(value: float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:.1f}"


def _grouped(whole: str | None) -> str:
    return _NOTHING if whole is None else f"{int(whole):,}"


def _memory(memory_bytes: str | None) -> str:
    return _NOTHING if memory_bytes is None else f"{int(memory_bytes) // _MEBIBYTE:,} MiB"
