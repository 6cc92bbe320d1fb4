"""Log lines are JSON with service, time and trace; tracebacks come without the values of variables."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import logging
from pathlib import Path
from pydantic import SecretStr
from chassis.logs import configure_logs, get_logger
from chassis.settings import ServiceSettings
from chassis.telemetry import Telemetry, start_span

configure_logs("demo", "info", as_json=AS_JSON)
settings = ServiceSettings(dsn=SecretStr("postgresql://app:hunter2@db/demo"), jwks_file=Path("x"))
Telemetry.start("demo", settings)
log = get_logger("demo.module")
log.debug("not shown")
log.info("starting", settings=settings.effective())
with start_span("work"):
    log.warning("inside", events=3)
logging.getLogger("asyncpg").warning("from a %s", "library")
logging.getLogger("sqlalchemy.engine").info("SELECT not shown")

def fails(payload):
    raise ValueError("broken")

try:
    fails("hunter2")
except ValueError as error:
    log.error("failed", exc_info=error)
"""


def lines(*, as_json: bool) -> list[str]:
    """Run the program in a process of its own: logs are configured once a process."""
    program = PROGRAM.replace("AS_JSON", repr(as_json))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert not done.stdout
    return done.stderr.splitlines()


def test_every_line_is_json_with_what_an_operator_searches_for() -> None:
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines(as_json=True)]

    assert [entry["event"] for entry in entries] == ["starting", "inside", "from a library", "failed"]
    assert all(entry["service"] == "demo" and entry["time"].endswith("Z") for entry in entries)
    assert [entry["level"] for entry in entries] == ["info", "warning", "warning", "error"]
    inside = entries[1]
    assert (len(inside["trace_id"]), len(inside["span_id"]), inside["events"]) == (32, 16, 3)
    assert "trace_id" not in entries[0]


def test_a_traceback_tells_the_place_and_no_values() -> None:
    *_, failed = [json.loads(line) for line in lines(as_json=True)]

    (raised,) = failed["exception"]
    assert (raised["exc_type"], raised["exc_value"]) == ("ValueError", "broken")
    assert raised["frames"][-1]["name"] == "fails"
    assert "hunter2" not in json.dumps(failed)


def test_a_terminal_gets_text_without_values_too() -> None:
    text = "\n".join(lines(as_json=False))

    assert "ValueError: broken" in text
    assert "hunter2" not in text
