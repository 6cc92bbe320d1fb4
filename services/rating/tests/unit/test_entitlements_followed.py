"""However reading, hearing and counting fall together, an answer is about usage that is no older than it says."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from eventlog.as_of import AsOf
from rating.domain.allowance import Allowance, FeaturePeriod, Stretch
from rating.domain.billing_period import BillingPeriod
from rating.domain.entitlements import Counted, Entitled
from rating.domain.features import Feature
from rating.domain.heard import Ends, Heard
from rating.domain.remembered import EntitlementKey, Reading, Remembered, RememberedEntitlements

KEY = EntitlementKey("acme", "UA", "calls")
START = datetime(2026, 1, 1, tzinfo=UTC)
CALLS = Feature("calls", meter="calls")
STRETCH = Stretch(FeaturePeriod(BillingPeriod("2026-01", START, START + timedelta(days=31)), CALLS), START, START, ())


@dataclass
class World:
    """A log that counts one more at each commit, an aggregator whose memory looks now and then, and who follows it."""

    memory: RememberedEntitlements = field(default_factory=RememberedEntitlements)
    ends: Ends = field(default_factory=Ends)
    now_s: float = 0.0
    commits_s: list[float] = field(default_factory=list)
    heard: int = 0
    looked: tuple[float, int] = (0.0, 0)
    """When the aggregator's memory was last as the log was, and what was counted then."""
    asked: tuple[float, Counted | None, Reading] | None = None
    """A reading that is under way: when it began, and its answer once the aggregator gave it."""
    stack: ExitStack = field(default_factory=ExitStack)

    def commit(self) -> None:
        self.commits_s.append(self.now_s)

    def look(self) -> None:
        self.looked = self.now_s, len(self.commits_s)

    def hear(self) -> None:
        if self.heard < len(self.commits_s):
            self.heard += 1
            self.memory.changed("acme", "UA", Heard(self.now_s, START))
            self.follow()

    def see_end(self) -> None:
        self.ends.seen(self.now_s, len(self.commits_s))
        self.follow()

    def follow(self) -> None:
        self.memory.followed_s = self.ends.reached(self.heard) or self.memory.followed_s

    def begin(self) -> None:
        self.stack.close()
        self.asked = self.now_s, None, self.stack.enter_context(self.memory.reading(KEY))

    def answer(self) -> None:
        if self.asked is not None:
            began_s, _, reading = self.asked
            seen_s, count = self.looked
            # As rating reckons: it knows how old the answer was when it was given, not when that was.
            counted = Counted(Decimal(count), "call", AsOf(), began_s - (self.now_s - seen_s), adds_up=True)
            self.asked = began_s, counted, reading

    def keep(self) -> None:
        if self.asked is not None and self.asked[1] is not None:
            began_s, counted, reading = self.asked
            entitled = Entitled("UA-1", CALLS, Allowance(STRETCH, ()), counted)
            self.memory.keep(reading, Remembered(entitled, began_s, began_s))
            self.stack.close()
            self.asked = None

    def recount(self) -> None:
        kept = self.memory.find(KEY)
        if kept is not None and self.asked is not None and self.asked[1] is not None:
            assert isinstance(kept.found, Entitled)
            kept.found = replace(kept.found, counted=self.asked[1])
            self.stack.close()
            self.asked = None

    def restart(self) -> None:
        """The follower begins anew, where the consumer of the feed is."""
        self.memory.clear(self.now_s)
        self.ends, self.heard = Ends(), len(self.commits_s)

    def check(self) -> None:
        kept = self.memory.find(KEY)
        if kept is None:
            return
        told = kept.known(self.memory.followed_s)
        assert isinstance(told, Entitled)
        assert told.counted is not None
        until_then = sum(at_s <= told.counted.seen_s for at_s in self.commits_s)
        assert until_then <= told.counted.quantity <= len(self.commits_s)


OFTEN = (
    World.commit,
    World.look,
    World.hear,
    World.hear,
    World.see_end,
    World.begin,
    World.answer,
    World.answer,
    World.keep,
    World.recount,
)


@pytest.mark.parametrize("seed", range(60))
def test_an_answer_is_no_older_than_it_says(seed: int) -> None:
    chance, world = Random(seed), World()
    world.restart()
    with world.stack:
        for step in range(400):
            world.now_s += chance.choice([0.01, 0.25, 1.0, 6.0])
            act = World.restart if step % 50 == 49 else chance.choice(OFTEN)
            act(world)
            world.check()
