"""What a tenant may send a second: enough at once, then its rate, and never a batch that would be refused for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from chassis.errors import Overloaded
from chassis.rpc.rates import BURST_S, RateLimit, call_rates
from chassis.settings import ServiceSettings


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def retry_after_s(limit: RateLimit) -> float:
    try:
        limit.check("acme")
    except Overloaded as refused:
        return 1e-6 + (refused.retry_after_s or 0)
    return 0


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 50)), min_size=1, max_size=60))
def test_over_any_time_no_more_than_the_rate_and_one_burst_and_one_batch_are_let_in(
    steps: list[tuple[float, int]],
) -> None:
    clock, rate, let_in = Seconds(), 10.0, 0
    limit = RateLimit("events", rate, {}, clock)
    for pause_s, amount in steps:
        clock.now += pause_s
        # After the time it names there is room again, whatever the size of the batch.
        clock.now += retry_after_s(limit)
        assert retry_after_s(limit) == 0
        limit.charge("acme", amount)
        let_in += amount
        assert let_in <= rate * (clock.now - 100.0) + rate * BURST_S + 50


def test_a_tenant_has_its_own_rate_and_another_is_not_touched() -> None:
    limit = RateLimit("calls", 1.0, {"big": 100.0, "free": 0.0}, Seconds())
    for tenant, amount in (("acme", 2), ("big", 199), ("free", 1_000_000)):
        limit.check(tenant)
        limit.charge(tenant, amount)

    with pytest.raises(Overloaded, match="1 calls a second"):
        limit.check("acme")
    limit.check("big")
    limit.check("free")
    limit.check("globex")


def test_settings_name_rates_for_all_and_for_single_tenants() -> None:
    settings = ServiceSettings(
        dsn=SecretStr("x"),
        jwks_file=Path("x"),
        tenant_calls_per_s=5,
        tenant_rates='{"acme": {"bytes_per_s": 1000}}',  # type: ignore[arg-type]  # as the environment has it
    )

    rates = call_rates(settings)

    assert rates.calls is not None
    assert rates.request_bytes is not None
    assert (rates.calls.per_s, rates.calls.overrides) == (5, {})
    assert (rates.request_bytes.per_s, rates.request_bytes.overrides) == (0, {"acme": 1000})
