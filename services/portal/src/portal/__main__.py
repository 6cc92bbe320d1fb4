"""Composition root of the portal: `python -m portal serve|migrate`.

The only place that builds things.
"""

from __future__ import annotations

import chassis.stop_at_once  # noqa: F401 - first, because the other imports take seconds

# isort: split

from typing import TYPE_CHECKING

from chassis.auth import TokenVerifier
from chassis.command_line import main
from chassis.logs import get_logger
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import service_token_source
from chassis.service import Composition
from eventlog.audit import served_audit
from eventlog.feed.progress import FeedBoard
from eventlog.status import served_status
from portal.config import PortalMigrateSettings, PortalSettings
from portal.loops import loops
from portal.operations.changes import Changes
from portal.operations.deps import Deps
from portal.operations.passed_on import OPERATOR_TOKEN
from portal.operations.remembered import RememberedAnswers, RememberedSessions
from portal.rpc import PortalServicer, served
from portal.telemetry import Instruments
from portal.upstream import (
    CALLED_AGGREGATOR,
    CALLED_INVOICING,
    CALLED_RATING,
    AggregatorClient,
    InvoicingClient,
    RatingClient,
    SellerClient,
)
from portal.web.app import create_app
from portal.web.assets import Assets
from portal.web.limits import Limits
from portal.web.own_calls import OwnCalls
from portal.web.parts import Parts
from portal.web.server import WebServer, address_of, listening
from portal.web.sessions import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import grpc
    from google.protobuf.descriptor import ServiceDescriptor

    from chassis.rpc.credentials import TokenSource
    from chassis.service import Runtime

_log = get_logger(__name__)


async def compose(runtime: Runtime[PortalSettings]) -> Composition:
    """Build the portal from what the process was given."""
    settings = runtime.settings
    own_token = service_token_source(settings)

    def channel(target: str, services: Iterable[ServiceDescriptor], token: TokenSource = own_token) -> grpc.aio.Channel:
        opened = open_channel(target, settings, token, services=services, tls=runtime.upstream_tls)
        runtime.closing.push_async_callback(opened.close, None)
        return opened

    deps = Deps(
        engine=runtime.engine,
        clock=runtime.clock,
        aggregator=AggregatorClient(channel(settings.aggregator_target, CALLED_AGGREGATOR)),
        rating=RatingClient(channel(settings.rating_target, CALLED_RATING)),
        invoicing=InvoicingClient(channel(settings.invoicing_target, CALLED_INVOICING)),
        seller=SellerClient(
            channel(settings.aggregator_target, CALLED_AGGREGATOR, OPERATOR_TOKEN),
            channel(settings.rating_target, CALLED_RATING, OPERATOR_TOKEN),
            channel(settings.invoicing_target, CALLED_INVOICING, OPERATOR_TOKEN),
        ),
        instruments=Instruments(runtime.telemetry.meter),
        sessions=RememberedSessions(settings.session_kept_s),
        answers=RememberedAnswers(runtime.clock, settings.answers_kept_s),
        public_url=settings.public_url.rstrip("/"),
    )
    changes = Changes(deps, settings.changes_interval_s)
    listener = listening(settings.http_listen, plaintext_allowed=settings.plaintext == "allowed")
    runtime.closing.callback(listener.close)
    _log.info("serving pages", listen=address_of(listener), public_url=deps.public_url)
    parts = Parts(
        deps=deps,
        limits=Limits(settings.session_requests_per_s, settings.session_streams_max),
        verifier=TokenVerifier(
            settings.jwks_file,
            settings.audience,
            runtime.clock,
            revoked_file=settings.revoked_tokens_file,
            life_max_s=settings.token_life_max_s,
            service_life_max_s=settings.service_token_life_max_s,
        ),
        changes=changes,
        own_calls=OwnCalls(PortalServicer(deps), runtime.engine),
        assets=Assets(),
        origin=origin_of(deps.public_url),
        draining=runtime.draining,
    )
    return Composition(
        served=[served(deps), served_status(runtime, FeedBoard()), served_audit(runtime.engine)],
        loops=loops(deps, changes, WebServer(create_app(parts), listener).run),
    )


if __name__ == "__main__":
    main("portal", PortalSettings, PortalMigrateSettings, compose)
