"""`meterline top` on a running suite: what it shows while events come, a service is away, and somebody ends it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from testkit.live import METERLINE, LiveSuite, Tenant
from testkit.wait import wait_until

Document = dict[str, Any]
LIMIT_S = 60


class Watched:
    """A `meterline top` that writes to a pipe, and what it wrote so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def looks(self) -> list[dict[str, Document]]:
        """The services of each line of JSON, by name."""
        return [
            {service["service"]: service for service in json.loads(line)["services"]}
            for line in self.lines
            if line.endswith("\n")
        ]

    def wait_for(self, shows: Callable[[dict[str, Document]], bool], what: str) -> None:
        """Wait until a line shows something that no line before this moment did."""
        first = len(self.looks())
        wait_until(lambda: any(map(shows, self.looks()[first:])), LIMIT_S, what=what)

    def end(self, number: signal.Signals) -> int:
        """End it by a signal and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)


@contextmanager
def watched(tenant: Tenant, *options: str) -> Iterator[Watched]:
    with tenant.suite.begin("--context", tenant.context, "top", "--interval", "0.5", *options) as process:
        top = Watched(process)
        try:
            yield top
        finally:
            process.kill()
            top.reader.join(LIMIT_S)


def events(count: int) -> list[Document]:
    now = datetime.now(UTC).isoformat()
    fields = {"source": "top", "type": "top.tried", "customer": "acme", "time": now}
    return [{**fields, "id": f"{now}-{number}"} for number in range(count)]


def test_rates_follow_what_is_reported_and_no_process_that_begins_anew_makes_one_negative(
    make_tenant: Callable[[str], Tenant], suite: LiveSuite
) -> None:
    tenant = make_tenant("top")

    with watched(tenant, "-o", "json") as top:
        top.wait_for(lambda services: services["ingest"]["metrics"]["calls"]["perS"] is not None, "a first line")
        tenant.report(*events(300))
        wait_until(
            lambda: any(look["ingest"]["metrics"]["counts"]["accepted"]["perS"] > 0 for look in top.looks()),
            LIMIT_S,
            what="the events to be seen coming",
        )
        os.kill(suite.pid("invoicing"), signal.SIGKILL)
        top.wait_for(lambda services: services["invoicing"]["state"] == "down", "the killed service to be shown")
        top.wait_for(
            lambda services: (
                services["invoicing"]["state"] == "up" and services["invoicing"]["metrics"]["calls"]["perS"] is not None
            ),
            "it to be up again, with its rates",
        )
        code = top.end(signal.SIGINT)

    assert code == 0
    looks = top.looks()
    commit = [look["ingest"]["metrics"]["durations"]["commit"] for look in looks]
    assert any(found["p99Ms"] for found in commit)
    assert all(int(look["ingest"]["metrics"]["memoryBytes"]) > 2**24 for look in looks)
    rates = [
        value
        for look in looks
        for service in look.values()
        for found in (service["metrics"]["calls"], *service["metrics"]["counts"].values())
        for name, value in found.items()
        if name.lower().endswith("pers") and value is not None
    ]
    assert rates
    assert min(rates) >= 0


def test_a_service_that_hangs_is_down_and_the_others_are_told_all_the_same(
    make_tenant: Callable[[str], Tenant], suite: LiveSuite
) -> None:
    tenant = make_tenant("top")
    stopped = suite.pid("invoicing")
    os.kill(stopped, signal.SIGSTOP)
    try:
        told = tenant.run("top", "--once", "--interval", "0.5", "-o", "json", expected=(5,))
    finally:
        os.kill(stopped, signal.SIGCONT)

    services = {service["service"]: service for service in json.loads(told.stdout)["services"]}
    assert services["invoicing"]["state"] == "down"
    assert services["invoicing"]["metrics"]["replicas"] == 0
    assert services["ingest"]["state"] == "up"
    assert services["ingest"]["metrics"]["calls"]["perS"] > 0
    wait_until(lambda: tenant.run("status", expected=(0, 4, 5)).returncode == 0, LIMIT_S, what="all to be up again")


def test_without_a_terminal_it_writes_a_line_for_each_service_and_ends_when_nobody_reads_on(
    make_tenant: Callable[[str], Tenant],
) -> None:
    with watched(make_tenant("top")) as top:
        wait_until(lambda: len(top.lines) >= 8, LIMIT_S, what="two looks")
        assert [line.split()[1] for line in top.lines[:4]] == ["ingest", "aggregator", "rating", "invoicing"]
        assert not any("\x1b" in line for line in top.lines)

    piped = f"{METERLINE} --context {make_tenant('top').context} top --interval 0.5 | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_at_a_terminal_it_is_drawn_in_place_and_the_last_picture_stays(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("top")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    command = [str(METERLINE), "--context", str(tenant.context), "top", "--interval", "0.5"]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    # What a runner of tests says of its own terminal goes before what ours has.
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = bytearray()
    reader = threading.Thread(target=read_all, args=(ours, written), daemon=True)
    reader.start()
    try:
        wait_until(lambda: written.count(b"meterline top at") >= 3, LIMIT_S, what="three pictures")
        process.send_signal(signal.SIGINT)
        code = process.wait(LIMIT_S)
        reader.join(LIMIT_S)
    finally:
        process.kill()
        process.wait()
        os.close(ours)

    screen, _, after = written.decode().partition("\x1b[?1049l")
    assert code == 0
    assert screen.count("\x1b[?1049h") == 1
    assert "aggregator  up" in after
    assert "fresh up to" not in after, "sixty columns have no room for it"
    lines = re.sub(r"\x1b\[[0-9;?]*[a-z]", "", after).splitlines()
    # Rows of the tables only: what is wrong with a service, or a library's own message, may stand between them.
    rows = [line for line in lines if re.match(r"(service|ingest|aggregator|rating|invoicing|portal) ", line)]
    assert len(rows) > 6
    assert [row for row in rows if len(row) > 60] == []


def read_all(terminal: int, written: bytearray) -> None:
    """Read until the other end is closed, which Linux tells as an error."""
    while True:
        try:
            written += os.read(terminal, 65536)
        except OSError:
            return
