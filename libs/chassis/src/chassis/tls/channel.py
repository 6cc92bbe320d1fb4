"""A channel that goes on with new certificates when their files change, without a failed call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from chassis.tls.files import TlsMaterial, TlsSource

_SETTLING_S: Final = 60.0
"""Until an old channel is closed to new calls: far longer than a call needs to reach it through the interceptors."""
_OLD_CALLS_MAX_S: Final = 3600.0
"""How long calls may go on there; servers end connections, and the streams on them, much earlier."""


def channel_credentials(material: TlsMaterial) -> grpc.ChannelCredentials:
    """Return gRPC's credentials: whom to believe and, if there is one, the certificate to show."""
    return grpc.ssl_channel_credentials(material.authorities, material.key, material.certificate)


class RenewedChannel(grpc.aio.Channel):
    """Opens a new channel when the files of `source` change: new calls go there, those in flight end on the old one.

    gRPC's own channel keeps the certificates it was made with.
    """

    def __init__(self, source: TlsSource, open_with: Callable[[TlsMaterial], grpc.aio.Channel]) -> None:
        """Open the first channel. Needs a running loop."""
        self._source = source
        self._open_with = open_with
        self._material = source.current()
        self._channel = open_with(self._material)
        self._retired: dict[asyncio.Task[None], grpc.aio.Channel] = {}
        self._is_closed = False

    def newest(self) -> grpc.aio.Channel:
        """Return the channel for a call that begins now."""
        material = self._source.current()
        if material is not self._material and not self._is_closed:
            task = asyncio.get_running_loop().create_task(_retire(self._channel))
            self._retired[task] = self._channel
            task.add_done_callback(self._retired.pop)
            self._material, self._channel = material, self._open_with(material)
        return self._channel

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what calls `method` on the newest channel; so do the other three."""
        return _Callable(self, lambda channel: channel.unary_unary(method, *arguments, **options))

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """See `unary_unary`."""
        return _Callable(self, lambda channel: channel.unary_stream(method, *arguments, **options))

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """See `unary_unary`."""
        return _Callable(self, lambda channel: channel.stream_unary(method, *arguments, **options))

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """See `unary_unary`."""
        return _Callable(self, lambda channel: channel.stream_stream(method, *arguments, **options))

    async def close(self, grace: float | None = None) -> None:
        """Close the newest channel and those whose last calls have not ended."""
        self._is_closed = True
        retired = dict(self._retired)
        for task in retired:
            task.cancel()
        await asyncio.gather(*retired, return_exceptions=True)
        for channel in (*retired.values(), self._channel):
            await channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - as gRPC has it
        """Return the state of the newest channel."""
        return self.newest().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait for the newest channel to change."""
        await self.newest().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until the newest channel is connected."""
        await self.newest().channel_ready()

    async def __aenter__(self) -> Self:
        """Return the channel."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it; calls in flight are cancelled."""
        await self.close()


async def _retire(channel: grpc.aio.Channel) -> None:
    await asyncio.sleep(_SETTLING_S)
    await channel.close(_OLD_CALLS_MAX_S)


class _Callable:
    """A method of a stub, made anew for each channel."""

    def __init__(self, channel: RenewedChannel, made_by: Callable[[grpc.aio.Channel], Any]) -> None:
        self._channel = channel
        self._made_by = made_by
        self._made_for: grpc.aio.Channel | None = None
        self._made: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        newest = self._channel.newest()
        if newest is not self._made_for:
            self._made_for, self._made = newest, self._made_by(newest)
        return self._made(*arguments, **options)
