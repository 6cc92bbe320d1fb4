"""The caller is known inside a call or a block that acts for a tenant, and nowhere else."""

from __future__ import annotations

import asyncio

import pytest

from chassis.errors import InvalidRequest, Reason
from chassis.identity import Identity, Scope, acting_for, current_identity, current_tenant, find_identity, set_identity


def test_outside_any_call_there_is_nobody() -> None:
    assert find_identity() is None
    with pytest.raises(LookupError):
        current_identity()


def test_a_worker_acts_for_one_tenant_at_a_time() -> None:
    with acting_for("acme"):
        assert current_tenant() == "acme"
        with acting_for("globex"):
            assert current_tenant() == "globex"
        assert current_tenant() == "acme"
        assert current_identity().scopes == {Scope.INTERNAL}

    assert find_identity() is None


@pytest.mark.parametrize("tenant", ["", "*"])
def test_nobody_acts_for_no_tenant_or_for_all(tenant: str) -> None:
    with pytest.raises(ValueError, match="one tenant"), acting_for(tenant):
        pass


async def test_tasks_do_not_see_one_anothers_caller() -> None:
    async def seen(tenant: str) -> str:
        set_identity(Identity(tenant, "ann", frozenset({Scope.READ})))
        await asyncio.sleep(0)
        return current_tenant()

    assert list(await asyncio.gather(seen("acme"), seen("globex"))) == ["acme", "globex"]
    assert find_identity() is None


async def test_a_service_that_names_no_tenant_has_none() -> None:
    async def ask() -> str:
        set_identity(Identity("*", "rating", frozenset({Scope.INTERNAL})))
        return current_tenant()

    with pytest.raises(InvalidRequest) as caught:
        await asyncio.create_task(ask())

    assert caught.value.reason is Reason.TENANT_MISSING
