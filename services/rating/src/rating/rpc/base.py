"""What the methods of every room share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc

    from rating.operations.deps import Deps

    Context = grpc.aio.ServicerContext[Any, Any]


class Methods:
    """A part of the service's methods."""

    def __init__(self, deps: Deps) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps
