"""CloudKitty's hashmap rating in its own process and environment: lines on standard input, seconds and a total back.

The rules that it would read from its database are given to it as it keeps them, so nothing but rating is timed.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from datetime import UTC, datetime
from decimal import Decimal

warnings.filterwarnings("ignore")

from cloudkitty import dataframe  # type: ignore[import-not-found]  # noqa: E402 - it warns as it is imported
from cloudkitty.rating.hash import HashMap  # type: ignore[import-not-found]  # noqa: E402

FRAME_POINTS = 1000
MONTH = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2026, 2, 1, tzinfo=UTC)}


def rules(asked: dict[str, object]) -> HashMap:
    """Return the module with a price by flavor, and a factor above a quantity."""
    module = HashMap.__new__(HashMap)
    unit_prices: dict[str, str] = asked["unit_prices"]  # type: ignore[assignment]
    by_flavor = {name: {"type": "flat", "cost": Decimal(price)} for name, price in unit_prices.items()}
    above = {Decimal(str(asked["above"])): {"type": "rate", "cost": Decimal(str(asked["factor"]))}}
    module._entries = {  # noqa: SLF001
        "instance": {
            "mappings": {},
            "thresholds": {"_DEFAULT_": above},
            "fields": {"flavor": {"mappings": {"_DEFAULT_": by_flavor}, "thresholds": {}}},
        }
    }
    return module


def main() -> None:
    """Rate every line `rounds` times; print the best time and the total."""
    asked = json.load(sys.stdin)
    module, lines = rules(asked), asked["lines"]
    frames = []
    for first in range(0, len(lines), FRAME_POINTS):
        frame = dataframe.DataFrame(**MONTH)
        for flavor, quantity in lines[first : first + FRAME_POINTS]:
            frame.add_point(dataframe.DataPoint("h", Decimal(quantity), 0, {"id": "1"}, {"flavor": flavor}), "instance")
        frames.append(frame)
    seconds = []
    for _ in range(asked["rounds"]):
        began = time.process_time()
        rated = [module.process(frame) for frame in frames]
        seconds.append(time.process_time() - began)
    total = sum((point.price for frame in rated for _, point in frame.iterpoints()), Decimal(0))
    json.dump({"seconds": min(seconds), "total": format(total, "f")}, sys.stdout)


if __name__ == "__main__":
    main()
