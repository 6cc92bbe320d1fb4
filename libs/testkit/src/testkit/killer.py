"""Kills processes of a running suite at seeded random moments, and reports what survived."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from meterline.suite.services import SERVICES
from testkit.live import LiveSuite
from testkit.wait import wait_until

KILLS_DEFAULT: Final = 32
VICTIMS: Final = ("postgres", *(service.name for service in SERVICES))
_PAUSE_SHORTEST_S: Final = 0.05
_RESTART_LIMIT_S: Final = 60.0


@dataclass
class Killer:
    """Kills processes of a suite with SIGKILL; moments and victims follow from the seed.

    pause_longest_s is to be shorter than the commands that are to be hit take on a fast machine.
    """

    suite: LiveSuite
    chance: random.Random
    left: int
    pause_longest_s: float = 1.2
    killed: Counter[str] = field(default_factory=Counter)
    last_pids: dict[str, int] = field(default_factory=dict)

    def kill_during(self, command: subprocess.Popen[str], kills_max: int) -> None:
        """Kill up to the given number of processes, one after another, while the command runs."""
        for _ in range(min(kills_max, self.left)):
            try:
                command.wait(self.chance.uniform(_PAUSE_SHORTEST_S, self.pause_longest_s))
            except subprocess.TimeoutExpired:
                self._kill_one()
            else:
                return

    def wait_for_all(self) -> None:
        """Wait until every victim is back."""
        for name in self.last_pids:
            wait_until(partial(self._is_back, name), _RESTART_LIMIT_S, what=f"{name} to be restarted")

    def _kill_one(self) -> None:
        # One of those killed least, so that even a short run hits all of them; chance decides moments and ties.
        least = min(self.killed[name] for name in VICTIMS)
        victim = self.chance.choice([name for name in VICTIMS if self.killed[name] == least])
        os.kill(self._new_pid(victim), signal.SIGKILL)
        self.killed[victim] += 1
        self.left -= 1

    def _new_pid(self, name: str) -> int:
        wait_until(partial(self._is_back, name), _RESTART_LIMIT_S, what=f"{name} to be restarted")
        self.last_pids[name] = self.suite.pid(name)
        return self.last_pids[name]

    def _is_back(self, name: str) -> bool:
        return self.suite.pid(name) != self.last_pids.get(name)


@dataclass(frozen=True)
class Survivor:
    """A suite after the killings: the year is imported and billed."""

    suite: LiveSuite
    killed: Counter[str]

    def invoices(self) -> dict[tuple[str, str], dict[str, Any]]:
        """All final invoices by customer and period."""
        return {(each["customer"], each["billingPeriod"]): each for each in self.suite.json("invoice", "list")}
