"""Tokens made here are what services accept; keys stay with their owner."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.auth import TokenVerifier
from chassis.identity import Identity, Scope
from chassis.revoked import load_revoked
from meterline.errors import TokenError
from meterline.tokens import Grant, SigningKey, mint, open_keys, revoke
from testkit.clock import FakeClock

HOUR = timedelta(hours=1)


def test_a_service_accepts_what_we_mint(tmp_path: Path) -> None:
    key, clock = open_keys(tmp_path), FakeClock()
    token = mint(key, Grant("acme", ("report", "read"), "ann"), valid_for=HOUR, issued_at=clock.now())

    identity = TokenVerifier(tmp_path / "jwks.json", "meterline", clock).verify(token)

    assert replace(identity, token_id="") == Identity("acme", "ann", frozenset({Scope.REPORT, Scope.READ}))


def test_the_keys_are_made_once_and_the_private_one_is_for_its_owner_alone(tmp_path: Path) -> None:
    first, second = open_keys(tmp_path), open_keys(tmp_path)

    assert first.kid == second.kid
    assert stat.S_IMODE((tmp_path / "signing.pem").stat().st_mode) == 0o600
    assert [key["kid"] for key in json.loads((tmp_path / "jwks.json").read_text())["keys"]] == [first.kid]


def test_a_replaced_key_leaves_its_public_half_so_that_its_tokens_live_on(tmp_path: Path) -> None:
    old = open_keys(tmp_path)
    (tmp_path / "signing.pem").unlink()

    new = open_keys(tmp_path)

    assert [key["kid"] for key in json.loads((tmp_path / "jwks.json").read_text())["keys"]] == [new.kid, old.kid]


def test_the_kid_is_the_keys_thumbprint(tmp_path: Path) -> None:
    key = SigningKey.generate()
    key.save(tmp_path / "key.pem")

    assert SigningKey.load(tmp_path / "key.pem").kid == key.kid
    assert len(key.kid) == 43


@pytest.mark.parametrize(
    ("tenant", "scopes", "message"),
    [
        ("acme", ("raed",), "unknown scope 'raed'; choose from report, read, admin, portal, internal"),
        ("acme", (), "no scope given"),
        ("", ("read",), "the tenant must have 1 to 128 printable characters"),
        ("*", ("read",), "scope internal and tenant '\\*' go together, or neither"),
        ("acme", ("internal",), "scope internal and tenant '\\*' go together, or neither"),
    ],
)
def test_what_services_would_refuse_is_not_made(tenant: str, scopes: tuple[str, ...], message: str) -> None:
    with pytest.raises(TokenError, match=message):
        Grant(tenant, scopes, "ann")


def test_a_token_that_is_never_valid_is_not_made() -> None:
    with pytest.raises(TokenError, match="more than no time"):
        mint(
            SigningKey.generate(), Grant("acme", ("read",), "ann"), valid_for=timedelta(0), issued_at=datetime.now(UTC)
        )


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "signing.pem").write_text("no key")

    with pytest.raises(TokenError, match=r"can't read the signing key .*signing\.pem"):
        open_keys(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o666])
def test_a_signing_key_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    open_keys(tmp_path)
    (tmp_path / "signing.pem").chmod(mode)

    with pytest.raises(TokenError, match="chmod 600"):
        open_keys(tmp_path)


def test_a_token_of_one_customer_says_so_and_has_the_id_it_was_given(tmp_path: Path) -> None:
    key, clock = open_keys(tmp_path), FakeClock()
    verifier = TokenVerifier(tmp_path / "jwks.json", "meterline", clock)
    one = Grant("acme", ("read",), "ann", customer="Zoë", token_id="lost-1")
    portal = Grant("*", ("read",), "portal", acts_for_customers=True)

    of_one, of_portal = (
        verifier.verify(mint(key, grant, valid_for=HOUR, issued_at=clock.now())) for grant in (one, portal)
    )

    assert (of_one.customer, of_one.token_id, of_one.acts_for_customers) == ("Zoë", "lost-1", False)
    assert (of_portal.tenant, of_portal.customer, of_portal.acts_for_customers) == ("*", "", True)


def test_a_customer_or_an_id_that_services_would_refuse_is_not_put_in() -> None:
    with pytest.raises(TokenError, match="can't act for other customers"):
        Grant("acme", ("read",), "ann", customer="zoe", acts_for_customers=True)
    with pytest.raises(TokenError, match="no spaces"):
        Grant("acme", ("read",), "ann", token_id="a b")


def test_a_token_is_revoked_once_and_the_service_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "revoked.txt"
    file.write_text("# stolen in May\nfirst\n")

    assert [revoke(file, "second"), revoke(file, "second"), revoke(file, "first")] == [True, False, False]
    assert load_revoked(file) == {"first", "second"}
