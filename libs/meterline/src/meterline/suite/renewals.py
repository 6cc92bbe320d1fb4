"""What a restored suite must be told before it runs again: its logs are not those they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meterline.suite.services import run_as_owner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meterline.suite.databases import ServiceDatabase
    from meterline.suite.directory import DataDirectory
    from meterline.suite.services import ServiceSpec

COMMANDS: Final[Mapping[str, str]] = {
    # Places that are given to other events from now on must not be mistaken for those that were lost.
    "ingest": "renew-epoch",
    "aggregator": "renew-epoch",
    # Invoices may have been sent whose numbers this database does not know.
    "invoicing": "hold-numbers",
}
"""Service -> the command by which its own database is told that it was restored."""


async def tell_restored(spec: ServiceSpec, database: ServiceDatabase, directory: DataDirectory, reason: str) -> None:
    """Tell a service's database that it was restored, if the service wants to know. Raises SuiteError."""
    command = COMMANDS.get(spec.name)
    if command is not None:
        await run_as_owner(spec, database, directory.log_file(f"{spec.name}-restored"), command, "--reason", reason)
