"""The log has a new epoch: places in the former one are understood as far as nothing of it was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from chassis.command_line import main
from chassis.errors import Reason
from chassis.errors.status import from_rpc_error
from chassis.migrations import MigrationError
from chassis.postgres import connect_with
from ingest.__main__ import COMMANDS, compose
from ingest.config import IngestMigrateSettings, IngestSettings
from metering.common.v1 import feed_service_pb2, values_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.feed import renewed

EventMaker = Callable[..., event_pb.UsageEvent]


async def listed(
    ingest: Any, *, after: values_pb2.AsOf | None = None, up_to: values_pb2.AsOf | None = None
) -> list[str]:
    responses = ingest.caller().ListEvents(pb.ListEventsRequest(after=after, up_to=up_to))
    return [event.event.id async for response in responses for event in response.events]


async def test_events_up_to_a_place_in_the_former_epoch_are_listed_as_before(
    ingest: Any, new_event: EventMaker, database: Any
) -> None:
    former = (await ingest.caller().Report(pb.ReportRequest(events=[new_event(id="a"), new_event(id="b")]))).as_of
    await renewed(database.owner_dsn)
    now = (await ingest.caller().Report(pb.ReportRequest(events=[new_event(id="c")]))).as_of

    assert former.epoch != now.epoch
    assert await listed(ingest, up_to=former) == ["a", "b"]
    assert await listed(ingest, after=former, up_to=now) == ["c"]


async def test_a_place_whose_end_was_lost_is_refused_with_how_much_was_lost(
    ingest: Any, new_event: EventMaker, database: Any
) -> None:
    former = (await ingest.caller().Report(pb.ReportRequest(events=[new_event()]))).as_of
    await renewed(database.owner_dsn)
    (lane,) = former.lanes
    beyond = values_pb2.AsOf(
        epoch=former.epoch, lanes=[values_pb2.LanePosition(lane=lane.lane, position=lane.position + 2)]
    )

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(ingest, up_to=beyond)

    error = from_rpc_error(caught.value)
    assert error.reason is Reason.FEED_DIVERGED
    assert "2 positions of log" in error.message
    assert "were lost" in error.message


async def test_a_process_that_runs_tells_the_new_epoch_also_of_what_is_only_repeated(
    ingest: Any, new_event: EventMaker, database: Any
) -> None:
    events = [new_event(id="a")]
    await ingest.caller().Report(pb.ReportRequest(events=events))
    renewal = await renewed(database.owner_dsn)

    repeated = await ingest.caller().Report(pb.ReportRequest(events=events))
    refused = await ingest.caller().Report(pb.ReportRequest(events=[new_event(customer="")]))

    assert {repeated.as_of.epoch, refused.as_of.epoch} == {renewal.epoch}


def settings_of(database: Any) -> IngestMigrateSettings:
    return IngestMigrateSettings(migrate_dsn=SecretStr(database.owner_dsn), app_role=database.app.role)


async def test_the_command_renews_the_epoch_and_says_what_to_do_next(
    ingest: Any, new_event: EventMaker, database: Any
) -> None:
    former = (await ingest.caller().Report(pb.ReportRequest(events=[new_event()]))).as_of
    (command,) = COMMANDS

    told = await command.run(settings_of(database), "restored from last night's backup")

    heads = (await ingest.service().Heads(feed_service_pb2.HeadsRequest())).heads
    owner = await connect_with(database.owner_dsn)()
    reason = await owner.fetchval("SELECT reason FROM feed_epoch WHERE epoch = $1", heads.epoch)
    await owner.close()
    assert reason == "restored from last night's backup"
    assert told.splitlines()[:2] == [f"former epoch: {former.epoch}", f"new epoch: {heads.epoch}"]
    assert f"lane {former.lanes[0].lane} at 1" in told
    assert "python -m aggregator follow-anew" in told


async def test_the_command_wants_a_schema_of_its_release(postgres_cluster: Any) -> None:
    empty = await postgres_cluster.empty_database("ingest")
    (command,) = COMMANDS

    with pytest.raises(MigrationError, match="run python -m ingest migrate first"):
        await command.run(settings_of(empty), "because")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["renew-epoch"], "required: --reason"),
        (["renew-epoch", "--reason", " "], "say why"),
        (["renew-epoch", "--reason", "because", "now"], "unrecognized arguments: now"),
        (["renew"], "invalid choice: 'renew'"),
        ([], "say what to do"),
    ],
)
def test_the_command_wants_a_reason(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main("ingest", IngestSettings, IngestMigrateSettings, compose, commands=COMMANDS, arguments=arguments)

    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "usage: python -m ingest serve|migrate|renew-epoch --reason TEXT" in shown
    assert said in shown
