"""Sessions, profiles and saved views over a real channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import text

from chassis.errors import Reason
from chassis.errors.status import from_rpc_error
from metering.common.v1 import audit_service_pb2, audit_service_pb2_grpc, values_pb2
from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import profile_pb2, session_pb2


async def refused(call: Any) -> Reason:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return from_rpc_error(error.value).reason


async def test_a_session_is_made_listed_and_revoked(portal: Any) -> None:
    stub = portal.stub("listing")
    made = [await portal.session(customer, tenant="listing") for customer in ("UA", "DL", "UA")]

    listed = (await stub.ListSessions(pb.ListSessionsRequest(customer="UA"))).sessions
    assert {session.id for session in listed} == {made[0].session.id, made[2].session.id}
    ended = await stub.RevokeSession(pb.RevokeSessionRequest(session_id=made[0].session.id))
    again = await stub.RevokeSession(pb.RevokeSessionRequest(session_id=made[0].session.id))
    assert ended == again
    assert [session.id for session in (await stub.ListSessions(pb.ListSessionsRequest(customer="UA"))).sessions] == [
        made[2].session.id
    ]
    everything = await stub.ListSessions(pb.ListSessionsRequest(ended=True))
    assert len(everything.sessions) == 3


async def test_pages_of_sessions_follow_one_another(portal: Any) -> None:
    stub = portal.stub("paging")
    made = {(await portal.session(tenant="paging")).session.id for _ in range(5)}
    seen: list[str] = []
    token = ""
    while not seen or token:
        page = await stub.ListSessions(pb.ListSessionsRequest(page_size=2, page_token=token))
        seen += [session.id for session in page.sessions]
        token = page.next_page_token

    assert len(seen) == len(made)
    assert set(seen) == made
    assert await refused(stub.ListSessions(pb.ListSessionsRequest(page_token="made up"))) is Reason.PAGE_TOKEN_INVALID


async def test_what_a_session_may_not_be_is_refused(portal: Any) -> None:
    for changed, reason in (
        ({"ttl": Duration(seconds=3601)}, Reason.FIELD_INVALID),
        ({"ttl": Duration(seconds=0)}, Reason.FIELD_INVALID),
        ({"ttl": Duration(seconds=315_576_000_000)}, Reason.FIELD_INVALID),
        ({"locale": "English"}, Reason.FIELD_INVALID),
        ({"kind": session_pb2.SESSION_KIND_OPERATOR}, Reason.FIELD_REQUIRED),
    ):
        assert await refused(portal.session(**changed)) is reason


async def test_the_secret_is_kept_nowhere(portal: Any) -> None:
    made = await portal.session(tenant="secretive")
    async with portal.engine.connect() as conn:
        rows = (
            (await conn.execute(text("SELECT session::text FROM session WHERE tenant = 'secretive'"))).scalars().all()
        )

    assert len(rows) == 1
    assert made.token not in rows[0]


async def test_a_platform_may_make_sessions_and_nothing_else(portal: Any) -> None:
    stub = portal.stub(scopes=("portal",))
    request = pb.CreateSessionRequest(customer="UA", kind=session_pb2.SESSION_KIND_EMBED, ttl=Duration(seconds=60))
    made = await stub.CreateSession(request)

    lasts = made.session.ends_at.ToDatetime() - made.session.created_at.ToDatetime()
    assert (lasts, made.url) == (timedelta(minutes=1), "")
    assert made.token.startswith("mlp_")
    apply = pb.ApplyProfileRequest(spec=profile_pb2.ProfileSpec())
    assert await refused(stub.ApplyProfile(apply)) is Reason.SCOPE_MISSING


async def test_sessions_of_others_do_not_exist(portal: Any) -> None:
    made = await portal.session()
    revoke = pb.RevokeSessionRequest(session_id=made.session.id)

    assert await refused(portal.stub("globex").RevokeSession(revoke)) is Reason.SESSION_NOT_FOUND
    assert await refused(portal.stub(customer="DL").RevokeSession(revoke)) is Reason.SESSION_NOT_FOUND
    assert (await portal.stub("globex").ListSessions(pb.ListSessionsRequest(ended=True))).sessions == []


async def test_who_made_a_session_is_in_the_audit_trail(portal: Any) -> None:
    stub = portal.stub("audited")
    made = await portal.session(tenant="audited")
    await stub.RevokeSession(pb.RevokeSessionRequest(session_id=made.session.id))
    audit = audit_service_pb2_grpc.AuditServiceStub(portal.channels[-1])

    records = (await audit.ListAuditRecords(audit_service_pb2.ListAuditRecordsRequest())).records
    methods = [(record.method.rpartition("/")[2], record.subject) for record in records]
    assert methods == [("CreateSession", "platform"), ("RevokeSession", "platform")]


async def test_a_profile_has_versions_that_stay(portal: Any) -> None:
    stub = portal.stub("versions")

    async def apply(**content: Any) -> pb.ApplyProfileResponse:
        spec = profile_pb2.ProfileSpec(**content)
        answer: pb.ApplyProfileResponse = await stub.ApplyProfile(pb.ApplyProfileRequest(spec=spec))
        return answer

    assert (await stub.GetProfile(pb.GetProfileRequest())).profile.version == 0
    assert (await apply(radius_px=4)).outcome == values_pb2.APPLY_OUTCOME_CREATED
    assert (await apply(radius_px=4)).outcome == values_pb2.APPLY_OUTCOME_UNCHANGED
    looked = await stub.ApplyProfile(
        pb.ApplyProfileRequest(spec=profile_pb2.ProfileSpec(radius_px=9), validate_only=True)
    )
    assert (looked.outcome, looked.profile.version) == (values_pb2.APPLY_OUTCOME_NEW_VERSION, 2)
    assert (await apply(radius_px=0, texts={"en": profile_pb2.Texts(texts={"help": "Ask us"})})).profile.version == 2
    newest = await stub.GetProfile(pb.GetProfileRequest())
    assert (newest.profile.spec.radius_px, list(newest.versions)) == (0, [2, 1])
    assert newest.profile.spec.texts["en"].texts == {"help": "Ask us"}
    assert (await stub.GetProfile(pb.GetProfileRequest(version=1))).profile.spec.radius_px == 4
    assert await refused(stub.GetProfile(pb.GetProfileRequest(version=9))) is Reason.PROFILE_NOT_FOUND


async def test_a_colour_that_cannot_be_read_is_refused_with_its_ratio(portal: Any) -> None:
    request = pb.ApplyProfileRequest(spec=profile_pb2.ProfileSpec(accent="#ffff00", radius_px=3))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await portal.stub().ApplyProfile(request)

    found = from_rpc_error(error.value)
    assert [violation.field for violation in found.violations] == ["spec.accent"]
    assert "1.07:1" in found.message


async def test_saved_views_are_those_of_one_customer(portal: Any) -> None:
    stub = portal.stub("views")
    request = pb.SaveViewRequest(customer="UA", name="Mine", query="/usage", request_id="r-1")
    saved = await stub.SaveView(request)

    assert await stub.SaveView(request) == saved
    assert (await stub.ListViews(pb.ListViewsRequest(customer="DL"))).views == []
    assert [view.id for view in (await stub.ListViews(pb.ListViewsRequest(customer="UA"))).views] == [saved.view.id]
    await stub.DeleteView(pb.DeleteViewRequest(customer="UA", view_id=saved.view.id))
    assert (await stub.ListViews(pb.ListViewsRequest(customer="UA"))).views == []
