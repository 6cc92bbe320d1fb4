"""Token buckets per tenant: how many calls, bytes and events a second one tenant may send.

A bucket holds what a tenant may send at once and fills by its rate. One who finds it not empty may take more than it
holds, and pays by waiting afterwards: so there is no batch that would never be let in.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chassis.errors import Overloaded, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chassis.settings import ServiceSettings, TenantRates

BURST_S: Final = 2.0
"""A tenant that was quiet may send at once what it may send in this time."""
_TENANTS_MAX: Final = 100_000


@dataclass(slots=True)
class _Bucket:
    level: float
    filled_at_s: float


@dataclass(frozen=True)
class RateLimit:
    """How much of something each tenant may send a second, 0 = without limit; `overrides` hold for single tenants.

    `what` is plural and is said to the caller: "calls", "bytes of requests", "events".
    """

    what: str
    per_s: float
    overrides: Mapping[str, float]
    now_s: Callable[[], float] = time.monotonic
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def check(self, tenant: str) -> None:
        """Raise Overloaded RATE_LIMITED, with the time to wait, while `tenant` has used up what it may send."""
        rate = self.overrides.get(tenant, self.per_s)
        if not rate:
            return
        level = self._filled(tenant, rate).level
        if level <= 0:
            raise Overloaded(
                Reason.RATE_LIMITED,
                f"more than {rate:g} {self.what} a second; retry after the delay in the error, or ask for more",
                retry_after_s=max(0.01, -level / rate),
            )

    def charge(self, tenant: str, amount: float) -> None:
        """Take `amount` out of the bucket of `tenant`, also more than it holds."""
        rate = self.overrides.get(tenant, self.per_s)
        if rate:
            self._filled(tenant, rate).level -= amount

    def _filled(self, tenant: str, rate: float) -> _Bucket:
        now_s, burst = self.now_s(), rate * BURST_S
        bucket = self._buckets.get(tenant)
        if bucket is None:
            if len(self._buckets) >= _TENANTS_MAX:
                # Dicts keep insertion order, so this removes the oldest entry.
                del self._buckets[next(iter(self._buckets))]
            bucket = self._buckets[tenant] = _Bucket(burst, now_s)
        bucket.level = min(burst, bucket.level + (now_s - bucket.filled_at_s) * rate)
        bucket.filled_at_s = now_s
        return bucket


@dataclass(frozen=True, slots=True)
class CallRates:
    """What is counted of every call of a user: the call, and the bytes of its request."""

    calls: RateLimit | None = None
    request_bytes: RateLimit | None = None

    def begin(self, tenant: str) -> None:
        """Count a call of `tenant`. Raises Overloaded RATE_LIMITED, before any byte of its request is read."""
        if self.request_bytes is not None:
            self.request_bytes.check(tenant)
        if self.calls is not None:
            self.calls.check(tenant)
            self.calls.charge(tenant, 1)

    def received(self, tenant: str, request_bytes: int) -> None:
        """Count the bytes of a request."""
        if self.request_bytes is not None:
            self.request_bytes.charge(tenant, request_bytes)


def call_rates(settings: ServiceSettings) -> CallRates:
    """Return the rates of calls that `settings` allow."""
    return CallRates(
        calls=rate_limit(settings, "calls", settings.tenant_calls_per_s, lambda own: own.calls_per_s),
        request_bytes=rate_limit(
            settings, "bytes of requests", settings.tenant_bytes_per_s, lambda own: own.bytes_per_s
        ),
    )


def rate_limit(
    settings: ServiceSettings, what: str, per_s: float, own: Callable[[TenantRates], float | None]
) -> RateLimit | None:
    """Return the limit of `per_s` for all tenants but those with their `own`; None if nobody has one."""
    named = {tenant: own(rates) for tenant, rates in settings.tenant_rates.items()}
    overrides = {tenant: rate for tenant, rate in named.items() if rate is not None}
    if not per_s and not any(overrides.values()):
        return None
    return RateLimit(what, per_s, overrides)
