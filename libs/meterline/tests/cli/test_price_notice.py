"""What `meterline price notice` says."""

from __future__ import annotations

from metering.rating.v1 import notice_pb2 as pb
from meterline.cli.price_notice import effect_text, notices_document


def test_the_effect_is_said_period_by_period() -> None:
    period = pb.NoticePeriod(billing_period="2026-04", difference="3.67")
    notice = pb.PriceNotice(currency="USD", periods=[period], missing_periods=["2026-05"], kind=pb.NOTICE_KIND_SENT)

    assert effect_text(notice) == "2026-04: 3.67 USD, 2026-05: not billed yet"
    assert effect_text(pb.PriceNotice()) == "none yet"
    (document,) = notices_document([notice])["notices"]
    assert (document["kind"], document["reason"], document["missingPeriods"]) == ("SENT", "", ["2026-05"])
