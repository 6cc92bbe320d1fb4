"""What `meterline top` makes of two looks at the metrics of a service, and how much of it a terminal has room for."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from meterline.cli.scraped import Chosen, Growth, Look, look, replica_of
from meterline.cli.terminal import Grid
from meterline.cli.top_figures import figures
from meterline.cli.top_picture import picture, plain_lines

ACCEPTED = 'metering_ingest_events_total{metering_outcome="accepted"}'
EVENTS = Chosen("metering_ingest_events_total", {"metering_outcome": "accepted"})
COMMIT = "metering_ingest_commit_duration_seconds"
CALLS = "rpc_server_call_duration_seconds"
FEED = "metering.common.v1.FeedService/Read"


def seen(at_s: float, *replicas: tuple[str, str]) -> Look:
    """A look at replicas, each an instance and its lines."""
    found = [
        replica_of(f'target_info{{service_instance_id="{instance}"}} 1\n{lines}\n', "10.0.0.1:9464", at_s)
        for instance, lines in replicas
    ]
    return Look({replica.instance: replica for replica in found})


def buckets(name: str, labels: str = "", **counts: int) -> str:
    bounds = {"le_5ms": "0.005", "le_10ms": "0.01", "le_inf": "+Inf"}
    lines = [f'{name}_bucket{{{labels}le="{bounds[key]}"}} {count}' for key, count in counts.items()]
    return "\n".join([*lines, f"{name}_count{{{labels.rstrip(',')}}} {counts['le_inf']}"])


def test_a_rate_is_what_came_between_two_looks_in_all_replicas() -> None:
    before = seen(10.0, ("a", f"{ACCEPTED} 100"), ("b", f"{ACCEPTED} 1000"))
    now = seen(12.0, ("a", f"{ACCEPTED} 150"), ("b", f"{ACCEPTED} 1010"))

    assert Growth(before, now).per_s(EVENTS) == 30.0
    assert now.total(EVENTS) == 1160.0


def test_a_counter_that_began_anew_has_no_negative_rate() -> None:
    growth = Growth(seen(10.0, ("a", f"{ACCEPTED} 100")), seen(12.0, ("a", f"{ACCEPTED} 8")))

    assert growth.per_s(EVENTS) == 4.0


def test_a_new_process_has_a_rate_from_its_second_look_on() -> None:
    before, now = seen(10.0, ("a", f"{ACCEPTED} 100")), seen(12.0, ("b", f"{ACCEPTED} 8"))

    assert Growth(before, now).per_s(EVENTS) is None
    assert Growth(now, seen(13.0, ("b", f"{ACCEPTED} 9"))).per_s(EVENTS) == 1.0


def test_a_counter_that_appears_between_two_looks_counted_all_of_it_since() -> None:
    assert Growth(seen(10.0, ("a", "")), seen(12.0, ("a", f"{ACCEPTED} 6"))).per_s(EVENTS) == 3.0


def test_how_long_something_takes_is_that_of_what_came_since_the_last_look() -> None:
    before = seen(10.0, ("a", buckets(COMMIT, le_5ms=1000, le_10ms=1000, le_inf=1000)))
    now = seen(12.0, ("a", buckets(COMMIT, le_5ms=1000, le_10ms=1010, le_inf=1010)))

    commit = figures("ingest", before, now)["durations"]["commit"]

    assert commit == {"perS": 5.0, "total": "1010", "p50Ms": 7.5, "p99Ms": 9.95}


def test_what_is_slower_than_the_highest_bound_is_told_as_that_bound() -> None:
    growth = Growth(
        seen(10.0, ("a", buckets(COMMIT, le_5ms=0, le_10ms=0, le_inf=0))),
        seen(12.0, ("a", buckets(COMMIT, le_5ms=0, le_10ms=0, le_inf=7))),
    )

    assert growth.quantile(0.5, COMMIT, lambda _: False) == 0.01


def test_calls_that_fail_are_told_apart_from_faults_and_feeds_make_no_call_slow() -> None:
    def served(ok: int, refused: int, fault: int, feed: int) -> str:
        report = 'rpc_method="metering.ingest.v1.IngestService/Report",'
        return "\n".join(
            [
                buckets(CALLS, f'{report}rpc_response_status_code="OK",', le_5ms=ok, le_10ms=ok, le_inf=ok),
                f'{CALLS}_count{{{report}rpc_response_status_code="NOT_FOUND"}} {refused}',
                f'{CALLS}_count{{{report}rpc_response_status_code="INTERNAL",error_type="INTERNAL"}} {fault}',
                buckets(
                    CALLS,
                    f'rpc_method="{FEED}",rpc_response_status_code="OK",',
                    le_5ms=0,
                    le_10ms=0,
                    le_inf=feed,
                ),
            ]
        )

    calls = figures("ingest", seen(0.0, ("a", served(0, 0, 0, 0))), seen(1.0, ("a", served(8, 3, 1, 100))))["calls"]

    assert calls["perS"] == 112.0
    assert (calls["failedPerS"], calls["faultsPerS"]) == (4.0, 1.0)
    assert calls["p99Ms"] <= 5.0


def test_memory_is_that_of_all_replicas_and_unknown_of_an_older_release() -> None:
    memory = "process_memory_usage_bytes"
    two = seen(1.0, ("a", f"{memory} 100"), ("b", f"{memory} 50"))

    assert figures("rating", Look(), two)["memoryBytes"] == "150"
    assert figures("rating", Look(), seen(1.0, ("a", "")))["memoryBytes"] is None


async def test_an_address_that_does_not_answer_says_so() -> None:
    found = await look("127.0.0.1:1", 5.0)

    assert not found.replicas
    assert found.problem is not None
    assert "127.0.0.1:1" in found.problem


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:", "127.0.0.1:http"])
async def test_an_address_that_is_none_says_so(address: str) -> None:
    assert (await look(address, 5.0)).problem is not None


def document(state: str = "up") -> dict[str, Any]:
    feed = {"consumer": "usage", "lagEvents": "1200", "lagSeconds": 3, "freshUpTo": "2026-03-01T12:00:00Z"}
    more: dict[str, Any] = {"cutOff": False, "stuckSince": None, "lastError": None, "lastContactAt": None}
    service = {
        "service": "aggregator",
        "state": state,
        "problems": [],
        "feeds": [{**feed, **more}],
        "error": None,
        "next": None,
        "metrics": figures("aggregator", Look(), Look(problem="no metrics at 10.0.0.1:9464: timed out")),
    }
    return {"at": "2026-03-01T12:00:01.000Z", "services": [service]}


def drawn(grid: Grid, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(grid.fitting(console))
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [40, 50, 80, 120, 200])
def test_a_narrow_terminal_has_fewer_columns_and_no_folded_ones(width: int) -> None:
    grids = [part for part in picture(document()) if isinstance(part, Grid)]

    for grid in grids:
        lines = drawn(grid, width)
        assert len(lines) == 1 + len(grid.rows)
        assert all(len(line) <= width for line in lines)
    assert {"service", "state", "seconds"} <= set(drawn(grids[0], width)[0].split())
    assert ("fresh up to" in drawn(grids[0], width)[0]) == (width > 100)


def test_what_is_wrong_stands_between_the_tables() -> None:
    assert "aggregator: no metrics at 10.0.0.1:9464: timed out" in picture(document())


def test_a_line_for_scripts_has_one_word_for_each_figure() -> None:
    (line,) = plain_lines(document("cut off"))

    first, values = line.split()[:3], line.split()[3:]
    assert first == ["2026-03-01T12:00:01.000Z", "aggregator", "cut-off"]
    assert all(value.count("=") == 1 for value in values)
    assert {"usage.behind=1200", "usage.seconds=3", "parked.total=-"} <= set(values)
