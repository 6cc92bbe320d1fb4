"""Changes that nothing but the superuser of a database can make, as a restore or an attacker would."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import asyncpg

from meterline.suite.directory import DataDirectory
from meterline.suite.postgres import SUPERUSER

if TYPE_CHECKING:
    from testkit.live import LiveSuite


_DROP_CHECKS: Final = """
DO $$ DECLARE found text; BEGIN
    FOR found IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'c' LOOP
        EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', found);
    END LOOP;
END $$
"""


def tamper(suite: LiveSuite, service: str, statement: str, *values: Any, unchecked: str = "") -> str:
    """Run a statement on a service's database past all that guards it; return its command tag, such as `UPDATE 1`.

    With `unchecked`, the constraints of that table are dropped before, and stay so.
    """
    address = urlsplit(suite.context["dsn"][service])
    password = DataDirectory(suite.directory / "data").password("postgres")
    place = address.netloc.rpartition("@")[2]

    async def change() -> str:
        connection = await asyncpg.connect(address._replace(netloc=f"{SUPERUSER}:{password}@{place}").geturl())
        try:
            await connection.execute("SET session_replication_role = replica")
            if unchecked:
                await connection.execute(_DROP_CHECKS.format(table=unchecked))
            tag: str = await connection.execute(statement, *values)
            return tag
        finally:
            await connection.close()

    # A thread of its own: a test in a browser has a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, change()).result()
