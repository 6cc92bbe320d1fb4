"""Channels to the left neighbor: kept alive, balanced over replicas, and retried where that is harmless."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc

from chassis.errors import NO_METADATA, Forbidden, Internal, Reason, Unauthenticated, Unavailable
from chassis.errors.status import from_rpc_error
from chassis.rpc.method import polled_methods, repeatable_methods
from chassis.rpc.outgoing import client_interceptors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from google.protobuf.descriptor import ServiceDescriptor

    from chassis.rpc.credentials import TokenSource
    from chassis.tls.files import TlsMaterial, TlsSource


class _Cancellable(Protocol):
    def cancel(self) -> bool:
        """Cancel the call; has no effect once it is done."""
        ...


StreamType = TypeVar("StreamType", bound=_Cancellable)


class ChannelSettings(Protocol):
    """What a channel needs to know of its owner's settings."""

    @property
    def message_bytes_max(self) -> int:
        """Largest message sent or received."""
        ...


def open_channel(
    target: str,
    settings: ChannelSettings,
    token_source: TokenSource | None,
    *,
    services: Iterable[ServiceDescriptor] = (),
    outer_interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    metadata: Mapping[str, str | bytes] = NO_METADATA,
    tls: TlsSource | None = None,
) -> grpc.aio.Channel:
    """Open a channel to `target` ("host:port" or "dns:///name:port"). Needs a running loop; close it with `close()`.

    gRPC itself repeats calls that a stopping or lost server did not answer, within their deadline, if the contract of
    one of `services` declares them repeatable. `outer_interceptors` see a call before and after everything else. Each
    call carries `metadata`. With `tls` the channel speaks TLS, and goes on with new certificates when their files
    change; without, plain text.
    """
    called = tuple(services)
    options = channel_options(settings, repeatable_methods(called))
    polled = polled_methods(called)
    interceptors = [*outer_interceptors, *client_interceptors(target, token_source, metadata, polled)]
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
    # Loaded only where it is needed: most clients on one machine speak plain text.
    from chassis.tls.channel import RenewedChannel, channel_credentials  # noqa: PLC0415

    def opened(material: TlsMaterial) -> grpc.aio.Channel:
        credentials = channel_credentials(material)
        return grpc.aio.secure_channel(target, credentials, options=options, interceptors=interceptors)

    return RenewedChannel(tls, opened)


@asynccontextmanager
async def reading(call: StreamType) -> AsyncIterator[StreamType]:
    """Hold a streaming call for the block and cancel it at the end.

    `async with reading(stub.Read(request)) as feed: async for response in feed: ...`

    Every stream needs this: gRPC never collects a stream that is left unfinished (a reader cancelled at the wrong
    moment is enough), and the server would go on working for nobody.
    """
    try:
        yield call
    finally:
        call.cancel()


def channel_options(settings: ChannelSettings, repeatable: Iterable[tuple[str, str]]) -> list[tuple[str, str | int]]:
    """Return gRPC's options of every channel of the suite; docs/sdk.md gives them to other languages."""
    return [
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        # A dead peer is noticed within 40 s, also by a feed that waits for the next segment.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 0),
        # The default backs off up to 2 minutes, which is far too long for a service that restarts in a second.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        # The default asks DNS every 30 s at most: where replicas are replaced, every address known may be gone by then.
        ("grpc.dns_min_time_between_resolutions_ms", 500),
        ("grpc.enable_retries", 1),
        # A request beyond it is never repeated; the default of 256 KiB is less than one batch of events.
        ("grpc.per_rpc_retry_buffer_size", settings.message_bytes_max),
        ("grpc.service_config", json.dumps(service_config(repeatable))),
        # Channels of several services in one process (tests) must not share a connection and its token bucket.
        ("grpc.use_local_subchannel_pool", 1),
    ]


def service_config(repeatable: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return gRPC's service config of a client that may repeat the pairs (service, method)."""
    names = [{"service": service, "method": method} for service, method in repeatable]
    config: dict[str, object] = {
        # A Kubernetes Service pins a connection to one pod; a headless one, with round_robin, does not.
        "loadBalancingConfig": [{"round_robin": {}}],
        # Stops retrying while most calls fail: retries must not bring down a service that is struggling. Half of the
        # tokens must outlast one replica that ends with all the calls it had.
        "retryThrottling": {"maxTokens": 1000, "tokenRatio": 0.1},
    }
    if names:
        retry = {
            "maxAttempts": 5,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            # CANCELLED is what a stopping server answers to calls that it has not begun. A caller's own cancel ends a
            # call in its client, which does not repeat it.
            "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
        }
        config["methodConfig"] = [{"name": names, "retryPolicy": retry}]
    return config


@contextmanager
def neighbor_errors(neighbor: str) -> Iterator[None]:
    """Raise the errors of `neighbor` in the block as MeterlineErrors of ours; most are meant for our caller to read.

    There are two exceptions. If it refuses our token, that token is this service's own, so it is a defect and no hint
    to log in again. If it can't be reached, our caller must not take that to mean us, because it did reach us.
    """
    try:
        yield
    except grpc.RpcError as failure:
        error = from_rpc_error(failure)
        if error.reason is Reason.CERTIFICATE_FOREIGN:
            message = (
                f"{neighbor} does not accept this service's certificate: add a name of it to its tls_internal_names"
            )
            raise Internal(Reason.INTERNAL, message) from failure
        if isinstance(error, Unauthenticated | Forbidden):
            message = f"{neighbor} does not accept this service's own token; fix its service_token_file"
            raise Internal(Reason.INTERNAL, message) from failure
        if isinstance(error, Unavailable) and error.reason is Reason.UNAVAILABLE:
            message = f"{neighbor} can't be reached; call again"
            raise Unavailable(Reason.UPSTREAM_UNAVAILABLE, message, retry_after_s=1.0) from failure
        raise error from failure
