"""Sampling that no caller can force, spans about money that are always kept, and links that are distinct and capped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pydantic import SecretStr

from chassis.exporting import MeterlineSampler
from chassis.settings import ServiceSettings
from chassis.telemetry import (
    LINKS_MAX,
    Telemetry,
    active_telemetry,
    context_from,
    current_traceparent,
    link_from,
    links_from,
    parse_traceparent,
    start_span,
    traceparent_of,
)

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def settings(trace_ratio: float = 1.0) -> ServiceSettings:
    return ServiceSettings(dsn=SecretStr("postgresql://x"), jwks_file=Path("x"), trace_ratio=trace_ratio)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def half(exporter: InMemorySpanExporter) -> Iterator[Telemetry]:
    telemetry = Telemetry.start("demo", settings(0.5), span_processors=[SimpleSpanProcessor(exporter)])
    yield telemetry
    telemetry.shutdown()


@pytest.fixture
def none(exporter: InMemorySpanExporter) -> Iterator[Telemetry]:
    telemetry = Telemetry.start("demo", settings(0.0), span_processors=[SimpleSpanProcessor(exporter)])
    yield telemetry
    telemetry.shutdown()


@pytest.mark.parametrize("flags", ["00", "01"])
def test_the_callers_flag_does_not_change_how_much_is_sampled(
    half: Telemetry, exporter: InMemorySpanExporter, flags: str
) -> None:
    for number in range(1, 1001):
        # Spread over the 64 low bits, by which the share is taken.
        trace_id = (number * 0x9E3779B97F4A7C15) % (1 << 64)
        parent = context_from(f"00-{1:016x}{trace_id:016x}-{1:016x}-{flags}")
        half.tracer.start_span("call", context=parent).end()

    assert 400 < len(exporter.get_finished_spans()) < 600


def test_a_span_about_money_is_kept_whatever_the_share(none: Telemetry, exporter: InMemorySpanExporter) -> None:
    with start_span("call"), start_span("rate usage", money=True) as rated:
        traceparent = traceparent_of(rated)

    (kept,) = exporter.get_finished_spans()
    assert kept.name == "rate usage"
    assert kept.attributes is not None
    assert kept.attributes["metering.money"] is True
    assert traceparent.startswith("00-")


def test_ids_exist_even_where_nobody_listens() -> None:
    telemetry = Telemetry.start("demo", settings())

    with start_span("call"):
        traceparent = current_traceparent()
    telemetry.shutdown()

    assert traceparent is not None
    assert parse_traceparent(traceparent) is not None
    assert current_traceparent() is None
    assert active_telemetry() is not telemetry


def test_an_exception_ends_the_span_as_an_error_without_its_text(
    half: Telemetry, exporter: InMemorySpanExporter
) -> None:
    with pytest.raises(ValueError, match="secret"), start_span("work", money=True):
        raise ValueError("secret")

    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ValueError"
    assert "secret" not in span.to_json()


def test_a_root_span_starts_a_new_trace(half: Telemetry, exporter: InMemorySpanExporter) -> None:
    with start_span("outer", money=True) as outer, start_span("batch", root=True, money=True) as batch:
        assert outer.get_span_context().trace_id != batch.get_span_context().trace_id

    assert all(span.parent is None for span in exporter.get_finished_spans())


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00",
        TRACEPARENT.upper(),
        TRACEPARENT + "-extra",
        "ff" + TRACEPARENT[2:],
        "00-" + "0" * 32 + TRACEPARENT[35:],
        TRACEPARENT[:36] + "0" * 16 + "-01",
        TRACEPARENT + " ",
        "cc" + TRACEPARENT[2:] + "-" + "x" * 600,
        "00-٤bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ],
)
def test_what_is_not_w3c_form_names_no_span(traceparent: str) -> None:
    assert parse_traceparent(traceparent) is None
    assert link_from(traceparent) is None


@pytest.mark.parametrize("traceparent", [TRACEPARENT, TRACEPARENT[:-2] + "00", "cc" + TRACEPARENT[2:] + "-later"])
def test_w3c_form_names_a_remote_span(traceparent: str) -> None:
    context = parse_traceparent(traceparent)

    assert context is not None
    assert context.is_remote
    assert f"{context.trace_id:032x}" == TRACEPARENT[3:35]
    assert f"{context.span_id:016x}" == TRACEPARENT[36:52]


def test_links_are_distinct_in_order_and_what_is_past_the_limit_is_counted() -> None:
    named = [f"00-{trace_id:032x}-{1:016x}-01" for trace_id in range(1, LINKS_MAX + 6)]

    links, omitted = links_from([named[0], "garbage", *named, named[1][:-2] + "00"])

    assert len(links) == LINKS_MAX
    assert omitted == 5
    assert [link.context.trace_id for link in links[:3]] == [1, 2, 3]


def test_no_links_is_no_links() -> None:
    assert links_from([]) == ([], 0)


def test_a_caller_who_chooses_its_trace_id_does_not_choose_whether_it_is_sampled(
    half: Telemetry, exporter: InMemorySpanExporter
) -> None:
    for number in range(1, 1001):
        # By the number itself all of these would be in the lower half, and sampled.
        half.tracer.start_span("call", context=context_from(f"00-{1:016x}{number:016x}-{1:016x}-01")).end()

    assert 400 < len(exporter.get_finished_spans()) < 600


def test_services_with_the_same_keys_sample_the_same_traces() -> None:
    first, second, other = MeterlineSampler(0.5, b"k"), MeterlineSampler(0.5, b"k"), MeterlineSampler(0.5, b"o")

    chosen = [
        [one.should_sample(None, number, "call").decision for number in range(200)] for one in (first, second, other)
    ]

    assert chosen[0] == chosen[1] != chosen[2]
