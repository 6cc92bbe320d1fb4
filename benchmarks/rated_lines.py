"""Rated lines a second on one core, beside CloudKitty's hashmap rating: `python -m benchmarks.rated_lines`.

A line is the quantity of a month, priced by its flavor, a tenth less above 1,000 hours. CloudKitty (Apache-2.0, from
the package index, in an environment of its own below .cache) says what each comes to; we say it with every row and step
of its derivation, as they are kept and explained. Both come to the same total, or this fails.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
import venv
from decimal import Decimal
from pathlib import Path
from typing import Final

from benchmarks.__main__ import console
from money import ZERO, exact_arithmetic
from rating.domain.charges import MeterUsage
from rating.domain.plans import PlanItem
from rating.domain.pricing.price import Price
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from rating.domain.proration import WHOLE
from rating.domain.rated_period import charge_of_item

RATIO_BAR: Final = 5.0
VERSION: Final = "25.0.0"
ROOT: Final = Path(__file__).resolve().parent
ENVIRONMENT: Final = ROOT.parent / ".cache" / f"cloudkitty-{VERSION}"
ABOVE: Final = Decimal(1000)
FACTOR: Final = Decimal("0.9")
UNIT_PRICES: Final = {f"m{size}.large": Decimal(size) / 1000 for size in range(1, 21)}

Line = tuple[str, Decimal]


def lines_of(count: int) -> list[Line]:
    """Return so many lines; no quantity is that above which a line is cheaper."""
    chance = random.Random(20_260_101)
    flavors = list(UNIT_PRICES)
    return [(chance.choice(flavors), Decimal(chance.randrange(1, 4_000_000) * 2 + 1) / 4000) for _ in range(count)]


def ours(lines: list[Line], rounds: int) -> tuple[float, Decimal]:
    """Return the processor seconds of the best round, and the total."""
    items = {
        flavor: PlanItem(flavor, flavor, "", Price(Volume((Tier(ABOVE, price), Tier(None, price * FACTOR)))))
        for flavor, price in UNIT_PRICES.items()
    }
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        charges = [
            charge_of_item(items[flavor], {flavor: MeterUsage(quantity, "h", 1)}, "USD", WHOLE)
            for flavor, quantity in lines
        ]
        seconds.append(time.process_time() - began)
    with exact_arithmetic():
        total = sum((Decimal(str(charge.derivation.amount)) for charge in charges), ZERO)
    return min(seconds), total


def theirs(lines: list[Line], rounds: int) -> tuple[float, Decimal]:
    """Return the same of CloudKitty, which is installed where it is not there yet."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "installed").exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"cloudkitty=={VERSION}"], check=True)
        (ENVIRONMENT / "installed").touch()
    asked = {
        "rounds": rounds,
        "unit_prices": {flavor: str(price) for flavor, price in UNIT_PRICES.items()},
        "above": str(ABOVE),
        "factor": str(FACTOR),
        "lines": [(flavor, str(quantity)) for flavor, quantity in lines],
    }
    command = [python, "-P", str(ROOT / "peers" / "cloudkitty_hashmap.py")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"CloudKitty did not rate: {done.stderr.strip().splitlines()[-1]}")
    told = json.loads(done.stdout)
    return told["seconds"], Decimal(told["total"])


def main() -> None:
    """Take turns, compare, and fail below the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    lines = lines_of(asked.lines)
    their_seconds, their_total = theirs(lines, asked.rounds)
    our_seconds, our_total = ours(lines, asked.rounds)
    if our_total != their_total:
        raise SystemExit(f"we come to {our_total}, CloudKitty to {their_total}")
    ratio = their_seconds / our_seconds
    console.print(f"ours       {asked.lines / our_seconds:>12,.0f} lines/s a core, with every step")
    console.print(f"CloudKitty {asked.lines / their_seconds:>12,.0f} lines/s a core")
    console.print(f"ratio      {ratio:>12.2f} (at least {RATIO_BAR:g})")
    sys.exit(ratio < RATIO_BAR)


if __name__ == "__main__":
    main()
