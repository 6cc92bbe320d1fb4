"""The command of a log's owner that gives the log a new epoch, for whoever has restored its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.clock import SystemClock
from chassis.command_line import Command
from chassis.one_off import one_off_engine
from chassis.postgres import driver_transaction
from eventlog.log.epochs import renew_epoch

if TYPE_CHECKING:
    from chassis.settings import MigrateSettings


def renew_epoch_command(service: str, settings_type: type[MigrateSettings], next_steps: str) -> Command:
    """Return the command of `service`, whose answer ends with what to do next."""

    async def renew(settings: MigrateSettings, reason: str) -> str:
        async with (
            one_off_engine(service, settings.database) as engine,
            driver_transaction(engine) as driver,
        ):
            renewal = await renew_epoch(driver, reason, SystemClock().now())
        return (
            f"former epoch: {renewal.shared.epoch}\nnew epoch: {renewal.epoch}\nends: {renewal.shared.in_words()}\n"
            f"Up to there both are the same log. {next_steps}"
        )

    summary = "give the log a new epoch after its database was restored, before it takes anything new"
    return Command("renew-epoch", summary, settings_type, renew, needs_reason=True)
