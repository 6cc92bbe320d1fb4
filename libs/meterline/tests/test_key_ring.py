"""A signing key is replaced step by step, and every token that is valid is known at any time."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.errors import Unauthenticated
from meterline.errors import TokenError
from meterline.key_ring import KeyRing
from meterline.tokens import AUDIENCE, KEY_FILE_NAME, Grant, SigningKey, mint


def token(ring: KeyRing) -> str:
    key = SigningKey.load(ring.directory / KEY_FILE_NAME)
    return mint(key, Grant("acme", ("read",), "ann"), valid_for=timedelta(hours=1))


def is_accepted(ring: KeyRing, made: str) -> bool:
    """Ask as a service does that has read the list just now."""
    try:
        TokenVerifier(ring.jwks_file, AUDIENCE, SystemClock()).verify(made)
    except Unauthenticated:
        return False
    return True


def test_a_key_is_replaced_while_every_token_stays_valid_until_the_old_key_retires(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys")
    first = ring.create()
    before = token(ring)

    following = ring.prepare()
    assert [(key.kid, key.state) for key in ring.listed()] == [(first.kid, "signing"), (following.kid, "next")]
    assert is_accepted(ring, before)
    # Still by the first key: some services may not know the next one yet.
    between = token(ring)
    assert is_accepted(ring, between)

    ring.activate()
    after = token(ring)
    assert [(key.kid, key.state) for key in ring.listed()] == [(first.kid, "retiring"), (following.kid, "signing")]
    assert all(is_accepted(ring, made) for made in (before, between, after))

    ring.retire(first.kid)
    assert [is_accepted(ring, made) for made in (before, between, after)] == [False, False, True]


def test_only_the_public_halves_are_open_to_others(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys")
    ring.create()
    ring.prepare()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in ring.directory.iterdir()}

    assert modes == {"signing.pem": 0o600, "signing.next.pem": 0o600, "jwks.json": 0o644}
    assert '"d"' not in ring.jwks_file.read_text()


def test_steps_out_of_order_are_refused_with_what_to_do(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)

    with pytest.raises(TokenError, match="can't read the signing key"):
        ring.prepare()
    signing = ring.create().kid
    with pytest.raises(TokenError, match="replace it by `meterline keys rotate`"):
        ring.create()
    with pytest.raises(TokenError, match="no next key is prepared"):
        ring.activate()
    ring.prepare()
    with pytest.raises(TokenError, match="rotate --activate"):
        ring.prepare()
    with pytest.raises(TokenError, match="let another one sign first"):
        ring.retire(signing)
    with pytest.raises(TokenError, match="lists no key 'other'"):
        ring.retire("other")


def test_a_next_key_that_is_not_listed_never_signs(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    ring.create()
    listed = ring.jwks_file.read_text()
    ring.prepare()
    ring.jwks_file.write_text(listed)

    with pytest.raises(TokenError, match="does not list the next key"):
        ring.activate()
