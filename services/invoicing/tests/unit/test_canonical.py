"""The frozen text has one form, and anybody can recompute its hashes with a JSON library and SHA-256."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from invoicing.domain.canonical import canonical_json, chain_of, digest_of
from invoicing.domain.composition import compose
from invoicing.domain.invoice import GENESIS_CHAIN, Charge, IssuedLine, Rated

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]

MOMENT = datetime(2025, 2, 1, 1, 0, 0, 1500, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GOLDEN = (
    '{"asOf":{"epoch":"5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35","lanes":[{"lane":"0","position":"41"},'
    '{"lane":"1","position":"7"}]},"billingPeriod":"2025-01","contract":"C-1","currency":"USD","customer":"UA",'
    '"customerName":"Zoë \\"Air\\" \\u0001","finalizedAt":"2025-02-01T01:00:00.001500Z",'
    '"format":"meterline-invoice-v1",'
    '"lines":[{"amount":"1.01","billingPeriod":"2025-01","chargeId":"chg-Calls-3","eventCount":"3",'
    '"exactAmount":"1.005","id":"INV-000001.1","item":"Calls","kind":"USAGE","meter":"calls",'
    '"period":{"end":"2025-02-01T00:00:00Z","start":"2025-01-01T00:00:00Z"},"plan":"standard","planVersion":"1",'
    '"quantity":"3","snapshotId":"snap-1","tiers":[{"amount":"1.005","flat":"","quantity":"3","unit":"0.335","upTo":""}],'
    '"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","unit":"call"}],"number":"INV-000001",'
    '"period":{"end":"2025-02-01T00:00:00Z","start":"2025-01-01T00:00:00Z"},'
    '"previousChain":"0000000000000000000000000000000000000000000000000000000000000000","seller":"Seller",'
    '"timeZone":"UTC","total":"1.01"}'
)


def frozen(rated: Rated) -> bytes:
    draft = compose(rated, [], "Seller")
    lines = tuple(IssuedLine(f"INV-000001.{n}", n, line, TRACEPARENT) for n, line in enumerate(draft.lines, start=1))
    return canonical_json("INV-000001", draft, lines, MOMENT, GENESIS_CHAIN)


def test_the_golden_invoice(charge: ChargeMaker, rated: RatedMaker) -> None:
    text = frozen(rated(charge(), customer_name='Zoë "Air" \x01'))

    assert text.decode() == GOLDEN
    assert digest_of(text).hex() == "7f5ed650f6299aeab092ddf0fbf74469c375714c46d80a39d842b83dda0213e2"
    assert (
        chain_of(GENESIS_CHAIN, digest_of(text)).hex()
        == "c6c370fea567efef47499946ddcdc52508638ea548f38d003f8d626d1e10beea"
    )


def test_digest_and_chain_need_nothing_but_sha256(charge: ChargeMaker, rated: RatedMaker) -> None:
    text = frozen(rated(charge()))

    digest = hashlib.sha256(text).digest()
    assert digest_of(text) == digest
    assert chain_of(b"\x07" * 32, digest) == hashlib.sha256(b"\x07" * 32 + digest).digest()


def test_reading_and_writing_the_text_again_gives_the_same_bytes(
    charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker
) -> None:
    text = frozen(rated(fee(), charge(), customer_name="日本 / \u2028 é \t"))

    again = json.dumps(json.loads(text), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert again == text
    # What looks the same stays different: text is kept as it was sent.
    assert unicodedata.normalize("NFD", text.decode()).encode() != text


def test_equal_numbers_have_one_text(charge: ChargeMaker, rated: RatedMaker) -> None:
    plain = replace(charge(quantity="150"), quantity=Decimal(150))
    other = replace(plain, quantity=Decimal("1.50E+2"), exact_amount=Decimal("1.00500"))

    assert frozen(rated(plain)) == frozen(rated(other))


def test_no_number_is_left_to_the_reader_of_the_text(charge: ChargeMaker, rated: RatedMaker) -> None:
    def refuse(text: str) -> object:
        raise AssertionError(text)

    json.loads(frozen(rated(charge())), parse_float=refuse, parse_int=refuse, parse_constant=refuse)
