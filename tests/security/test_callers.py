"""Who may call what, method by method: nobody without a sound token, nobody beyond its scopes and tenant."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from chassis.errors import Forbidden, InvalidRequest, Reason, Unauthenticated
from chassis.identity import Scope
from testkit.tokens import SigningKey

ALL = list(Scope)
UNSOUND: dict[str, tuple[Callable[[SigningKey], str | None], Reason]] = {
    "no token": (lambda key: None, Reason.TOKEN_MISSING),
    "no JWT": (lambda key: "x", Reason.TOKEN_INVALID),
    "expired": (lambda key: key.mint("acme", ALL[:3], now_s=time.time() - 7200, valid_s=3600), Reason.TOKEN_EXPIRED),
    "foreign key": (lambda key: SigningKey.generate(key.kid).mint("acme", ALL[:3]), Reason.TOKEN_INVALID),
    "unknown key": (lambda key: SigningKey.generate("other").mint("acme", ALL[:3]), Reason.TOKEN_INVALID),
    "wrong audience": (lambda key: key.mint("acme", ALL[:3], audience="else"), Reason.TOKEN_INVALID),
    "wrong issuer": (lambda key: key.mint("acme", ALL[:3], claims={"iss": "else"}), Reason.TOKEN_INVALID),
    "user of all tenants": (lambda key: key.mint("*", ALL[:3]), Reason.TOKEN_INVALID),
    "service of one tenant": (lambda key: key.mint("acme", [Scope.INTERNAL]), Reason.TOKEN_INVALID),
}


@pytest.mark.parametrize("kind", UNSOUND)
async def test_without_a_sound_token_nothing_is_answered(door: Any, method: Any, kind: str) -> None:
    make, reason = UNSOUND[kind]

    refused = await door.knock(method, make(door.key))

    assert isinstance(refused, Unauthenticated)
    assert refused.reason is reason


@pytest.mark.parametrize("scope", ALL)
async def test_a_token_opens_the_methods_of_its_scope_and_no_other(door: Any, method: Any, scope: Scope) -> None:
    tenant = "acme" if scope is Scope.INTERNAL else None

    refused = await door.knock(method, door.token(scope), tenant=tenant)

    if scope in method.scopes:
        # The empty request may be wrong; that the door says so shows that the caller is let in.
        assert refused is None or isinstance(refused, InvalidRequest)
    else:
        assert isinstance(refused, Forbidden)
        assert refused.reason is Reason.SCOPE_MISSING


async def test_a_user_acts_for_no_other_tenant(door: Any, method: Any) -> None:
    scopes = method.scopes - {Scope.INTERNAL} or {Scope.READ}

    refused = await door.knock(method, door.key.mint("acme", scopes), tenant="globex")

    assert isinstance(refused, Forbidden)


async def test_every_method_has_a_policy(method: Any) -> None:
    assert method.scopes
