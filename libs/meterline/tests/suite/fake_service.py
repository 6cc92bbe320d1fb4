"""Stands in for a service under the supervisor: migrates a table of facts, listens, says so, ends on SIGTERM.

Started as `python -m fake_left|fake_right serve|migrate`; both are this file under another name.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import asyncpg

NAME = Path(__file__).stem


def setting(key: str) -> str:
    return os.environ[f"{NAME}_{key}".upper()]


async def migrate() -> None:
    connection = await asyncpg.connect(setting("migrate_dsn"))
    await connection.execute("CREATE TABLE IF NOT EXISTS alembic_version AS SELECT '0001' AS version_num")
    await connection.execute("CREATE TABLE IF NOT EXISTS fact (x int)")
    await connection.execute(f"GRANT SELECT, INSERT ON fact TO {setting('app_role')}")
    await connection.close()


def serve() -> None:
    if os.environ.get("FAKE_FAILS") == NAME:
        sys.exit("the stars are wrong")
    host, _, port = setting("listen").partition(":")
    with socket.create_server((host, int(port))):
        ready_file = Path(setting("ready_file"))
        partial = ready_file.with_suffix(".partial")
        partial.write_text(json.dumps({"pid": os.getpid(), "environment": {k: os.environ[k] for k in keys()}}))
        partial.replace(ready_file)
        signal.sigwait({signal.SIGTERM})
    sys.stdout.write(f"stopped at {time.monotonic()}\n")


def keys() -> list[str]:
    return [key for key in os.environ if key.startswith(NAME.upper())]


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    if sys.argv[1:] == ["migrate"]:
        asyncio.run(migrate())
    else:
        serve()
