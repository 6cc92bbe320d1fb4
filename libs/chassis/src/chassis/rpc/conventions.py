"""Names from OpenTelemetry's RPC conventions, copied because the package that has them is declared unstable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter

RPC_SYSTEM: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_STATUS: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
TENANT: Final = "metering.tenant"
REASON: Final = "metering.reason"
TRACEPARENT_METADATA: Final = "traceparent"

# A server's span is an error only if the server is at fault; a client's span is one whenever the call failed.
SERVER_FAULTS: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_DURATION_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


def call_duration(meter: Meter, side: str) -> Histogram:
    """Return the histogram of call durations of `side` ("server" or "client"), in seconds."""
    return meter.create_histogram(
        f"rpc.{side}.call.duration",
        unit="s",
        description=f"Duration of gRPC calls, measured at the {side}.",
        explicit_bucket_boundaries_advisory=_DURATION_BOUNDS_S,
    )


def metric_attributes(method: str, code: grpc.StatusCode, *, is_error: bool) -> dict[str, str]:
    """Return the attributes of one measurement; never the tenant, which would make one series per tenant."""
    attributes = {RPC_SYSTEM: "grpc", RPC_METHOD: method, RPC_STATUS: code.name}
    if is_error:
        attributes[ERROR_TYPE] = code.name
    return attributes
