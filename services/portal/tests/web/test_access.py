"""Who may see what: every path of the description is tried with what is of others, and with bad tokens."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from chassis.errors import Reason, Unavailable
from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import profile_pb2, session_pb2
from portal.web.app import api
from testkit.wait import eventually

API = "/api/v1"
DESCRIBED = api().openapi()["paths"]
EVERY = sorted((path, method) for path, methods in DESCRIBED.items() for method in methods)
OF_SELLERS = [(path, method) for path, method in EVERY if "/operator/" in path]
OPERATIONS = [operation for operation in EVERY if operation not in OF_SELLERS]
FILLED = {
    "{number}": "INV-000001",
    "{lineId}": "INV-000001.2",
    "{viewId}": "3f6f0c1a-0000-4000-8000-000000000000",
}
_BUCKET = "?meter=flights&billingPeriod=2013-10&bucket=2013-10-01T04:00:00Z"
NEEDED = {
    "/usage": "?meter=flights",
    "/usage.csv": "?meter=flights",
    "/usage/bucket": _BUCKET,
    "/usage/figures": "?meter=flights",
    "/usage/heat": "?meter=flights",
    "/usage/events": _BUCKET,
    "/compare": "?with=draft",
    "/plan/quote": "?item=Flights&quantity=12",
}
OTHERS = {**FILLED, "{number}": "INV-000002", "{lineId}": "INV-000002.2"}
PAGES = {"overview": "overview", "usage": "usage", "cost": "cost", "invoices": "invoices", "plan": "plan"}
BODY = {"name": "Mine", "query": "/usage"}
SAME_SITE = {"sec-fetch-site": "same-origin"}


def filled(path: str, names: dict[str, str]) -> str:
    """A path with its names put in, and the parameters it needs."""
    for mark, name in names.items():
        path = path.replace(mark, name)
    return path + next((query for ending, query in NEEDED.items() if path.endswith(ending)), "")


async def knock(client: httpx.AsyncClient, path: str, method: str) -> httpx.Response:
    """Ask, without waiting for the end of a stream."""
    content = BODY if method == "post" else None
    async with client.stream(method, path, json=content) as answer:
        if "event-stream" not in answer.headers.get("content-type", ""):
            await answer.aread()
        return answer


@pytest.fixture(params=OPERATIONS, ids=lambda operation: f"{operation[1]} {operation[0]}")
def operation(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


async def test_with_the_own_session_it_answers(portal: Any, operation: tuple[str, str]) -> None:
    path, method = operation
    async with await portal.client() as client:
        answer = await knock(client, filled(path, FILLED), method)

    assert answer.status_code in {200, 204}


async def test_what_is_of_another_customer_does_not_exist(portal: Any, operation: tuple[str, str]) -> None:
    path, method = operation
    if not re.search(r"\{(number|lineId)\}", path):
        pytest.skip("it names nothing")
    async with await portal.client() as client:
        answer = await knock(client, filled(path, OTHERS), method)
        mixed = await knock(client, filled(path, {**FILLED, "{lineId}": "INV-000002.2"}), method)

    assert answer.status_code == 404
    assert mixed.status_code == (404 if "{lineId}" in path else 200)


@pytest.mark.parametrize("kind", ["none", "nonsense", "unknown", "expired", "revoked", "code", "platform"])
async def test_a_token_that_is_not_good_opens_nothing(portal: Any, kind: str) -> None:
    token = await bad_token(portal, kind)
    async with portal.bearer(token) if token else portal.browser() as client:
        answers = [await knock(client, filled(path, FILLED), method) for path, method in OPERATIONS]

    assert {answer.status_code for answer in answers} == {401}
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["do"]
        assert not token or token not in answer.text


async def bad_token(portal: Any, kind: str) -> str:
    """A token that opens nothing; empty = none."""
    made = {"none": "", "nonsense": "nonsense", "unknown": "mlp_" + "A" * 43}.get(kind)
    if made is not None:
        return made
    if kind == "platform":
        return str(portal.key.mint("acme", ["read", "admin"]))
    link = session_pb2.SESSION_KIND_LINK if kind == "code" else session_pb2.SESSION_KIND_EMBED
    session = await portal.session(kind=link)
    if kind == "revoked":
        await portal.stub().RevokeSession(pb.RevokeSessionRequest(session_id=session.session.id))
    if kind == "expired":
        await end(portal, session.session.id)
    return str(session.token)


async def end(portal: Any, session_id: str) -> None:
    """Let a session's time be over: the clock of the module stands for all tests."""
    statement = text(
        "UPDATE session SET created_at = created_at - day, expires_at = expires_at - day "
        "FROM (VALUES (interval '1 day')) AS one (day) WHERE id = :id"
    )
    async with portal.engine.begin() as conn:
        await conn.execute(statement, {"id": session_id})


async def test_a_page_the_session_was_not_made_for_is_forbidden(portal: Any, operation: tuple[str, str]) -> None:
    path, method = operation
    noun = path.split("/")[3].partition(".")[0]
    if noun not in PAGES:
        pytest.skip("every session sees it")
    other = session_pb2.PORTAL_PAGE_PLAN if noun != "plan" else session_pb2.PORTAL_PAGE_USAGE
    async with await portal.client(pages=[other]) as client:
        answer = await knock(client, filled(path, FILLED), method)

    assert (answer.status_code, answer.json()["reason"]) == (403, "SCOPE_MISSING")


async def test_a_page_that_the_seller_hides_does_not_exist(portal: Any) -> None:
    spec = profile_pb2.ProfileSpec(pages=[session_pb2.PORTAL_PAGE_USAGE])
    await portal.stub("narrow").ApplyProfile(pb.ApplyProfileRequest(spec=spec))
    made = await portal.session(tenant="narrow")
    async with portal.bearer(made.token) as client:
        assert (await client.get(f"{API}/session")).json()["views"] == ["usage"]
        assert (await client.get(f"{API}/invoices")).status_code == 404
        assert (await client.get(f"{API}/usage", params={"meter": "flights"})).status_code == 200


async def test_every_question_names_tenant_and_customer(portal: Any) -> None:
    portal.world.asked.clear()
    made = await portal.session("DL", tenant="globex")
    async with portal.bearer(made.token) as client:
        for path, method in OPERATIONS:
            await knock(client, filled(path, OTHERS), method)

    assert {(tenant, customer) for _, tenant, customer in portal.world.asked} == {("globex", "DL")}


async def test_a_link_is_opened_once_and_leaves_no_secret_in_the_address(portal: Any) -> None:
    made = await portal.session(kind=session_pb2.SESSION_KIND_LINK)
    path = made.url.removeprefix(portal.url)
    async with portal.browser() as browser:
        for _ in range(2):
            looked = await browser.get(path)
            assert (looked.status_code, looked.headers.get("set-cookie")) == (200, None)
        opened = await browser.post(path)
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        cookie = SimpleCookie(opened.headers["set-cookie"])["__Host-meterline"]
        assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "lax", "/")
        assert (await browser.post(path)).status_code == 410
        cookies = {"cookie": f"__Host-meterline={cookie.value}"}
        told = await browser.get(f"{API}/session", headers=cookies)
        assert told.json()["kind"] == "link"
        shell = await browser.get("/usage", headers=cookies)
        assert "<meterline-portal" in shell.text
        for secret in (made.token, cookie.value):
            assert secret not in shell.text


async def test_two_who_open_a_link_at_once_are_not_both_let_in(portal: Any) -> None:
    made = await portal.session(kind=session_pb2.SESSION_KIND_LINK)
    async with portal.browser() as browser:
        answers = await asyncio.gather(*(browser.post(made.url) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410, 410]


async def test_a_code_is_no_token(portal: Any) -> None:
    made = await portal.session(kind=session_pb2.SESSION_KIND_LINK)
    async with portal.bearer(made.token) as client:
        assert (await client.get(f"{API}/session")).status_code == 401


async def cookie_of(portal: Any, **changed: Any) -> dict[str, str]:
    made = await portal.session(kind=changed.pop("kind", session_pb2.SESSION_KIND_LINK), **changed)
    async with portal.browser() as browser:
        opened = await browser.post(made.url)
    value = SimpleCookie(opened.headers["set-cookie"])["__Host-meterline"].value
    return {"cookie": f"__Host-meterline={value}"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (SAME_SITE, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example.com"}, 403),
        ({}, 403),
    ],
    ids=str,
)
async def test_a_cookie_changes_something_from_the_portals_own_pages_alone(
    portal: Any, headers: dict[str, str], status: int
) -> None:
    async with portal.browser() as browser:
        sent = {**await cookie_of(portal), **headers}
        answer = await browser.post(f"{API}/views", json=BODY, headers=sent)

    assert answer.status_code == status


async def test_somebody_of_the_seller_looks_and_changes_nothing(portal: Any) -> None:
    cookie = await cookie_of(portal, kind=session_pb2.SESSION_KIND_OPERATOR, reason="ticket 4711")
    async with portal.browser() as browser:
        told = (await browser.get(f"{API}/session", headers=cookie)).json()
        changed = await browser.post(f"{API}/views", json=BODY, headers={**cookie, **SAME_SITE})

    assert told["actingFor"] == {"operator": "platform", "reason": "ticket 4711"}
    assert changed.status_code == 403


async def test_scripts_of_allowed_origins_may_ask_and_no_others(portal: Any) -> None:
    for tenant, origin in (("embeds", "https://app.example.com"), ("frames", "https://other.example.com")):
        spec = profile_pb2.ProfileSpec(allowed_origins=[origin])
        await portal.stub(tenant).ApplyProfile(pb.ApplyProfileRequest(spec=spec))
    made = await portal.session(tenant="embeds")
    async with portal.bearer(made.token) as client:
        own = await client.get(f"{API}/session", headers={"origin": "https://app.example.com"})
        others = await client.get(f"{API}/session", headers={"origin": "https://other.example.com"})
        preflights = {
            origin: await client.options(f"{API}/session", headers={"origin": origin})
            for origin in ("https://app.example.com", "https://evil.example.com", "https://*.example.com")
        }

    assert own.status_code == 200
    assert own.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "access-control-allow-credentials" not in own.headers
    assert (others.status_code, others.json()["reason"]) == (403, "ORIGIN_FOREIGN")
    assert "access-control-allow-origin" not in others.headers
    allowed = {origin: answer.headers.get("access-control-allow-origin") for origin, answer in preflights.items()}
    assert allowed == {
        "https://app.example.com": "https://app.example.com",
        "https://evil.example.com": None,
        "https://*.example.com": None,
    }


async def test_a_script_of_an_allowed_origin_can_read_that_its_token_is_no_good(portal: Any) -> None:
    spec = profile_pb2.ProfileSpec(allowed_origins=["https://app.example.com"])
    await portal.stub("renews").ApplyProfile(pb.ApplyProfileRequest(spec=spec))
    told = {}
    async with portal.bearer("mlp_" + "A" * 43) as client:
        for origin in ("https://app.example.com", "https://evil.example.com"):
            answer = await client.get(f"{API}/session", headers={"origin": origin})
            assert answer.status_code == 401
            told[origin] = answer.headers.get("access-control-allow-origin")

    assert told == {"https://app.example.com": "https://app.example.com", "https://evil.example.com": None}


async def test_a_frame_may_stand_in_the_pages_of_its_own_tenant_alone(portal: Any) -> None:
    spec = profile_pb2.ProfileSpec(allowed_origins=["https://app.example.com"])
    await portal.stub("framed").ApplyProfile(pb.ApplyProfileRequest(spec=spec))
    async with portal.browser() as browser:
        own = await browser.get("/embed/framed/usage")
        other = await browser.get("/embed/nobody/usage")

    assert "frame-ancestors https://app.example.com" in own.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in other.headers["content-security-policy"]


async def test_every_answer_is_held_to_the_policy(portal: Any) -> None:
    async with await portal.client() as client:
        paths = ["/", "/usage", "/l/mlp_x", f"{API}/session", f"{API}/absent", "/assets/x/kit.js", "/favicon.ico"]
        answers = [await client.get(path) for path in paths]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers


async def test_hostile_names_are_text_in_every_page(portal: Any) -> None:
    async with await portal.client("DL") as client:
        told = await client.get(f"{API}/session")
    async with portal.browser() as browser:
        page = await browser.get('/l/"><script>alert(1)</script>')

    assert told.json()["customer"]["name"] == "Delta <b>Air</b> Lines"
    assert told.headers["content-type"] == "application/json"
    assert "<script>alert" not in page.text


async def test_a_stream_says_what_was_counted_before_the_first_look_and_what_is_counted_after_it(portal: Any) -> None:
    async with await portal.client() as client, client.stream("GET", f"{API}/changes") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == ": watching"
        # What the page has shown may be older than the first look.
        assert await told_while_time_goes_on(portal, lines) == {"meters": ["flights"]}

        portal.world.flights["UA"].append(replace(portal.world.flights["UA"][-1], at=portal.clock.now()))
        assert await told_while_time_goes_on(portal, lines) == {"meters": ["flights"]}


async def test_a_page_that_follows_later_than_another_is_told_once_what_it_may_have_missed(portal: Any) -> None:
    async with await portal.client() as client, client.stream("GET", f"{API}/changes") as first:
        lines = first.aiter_lines()
        assert await anext(lines) == ": watching"
        assert await told_while_time_goes_on(portal, lines) == {"meters": ["flights"]}

        async with client.stream("GET", f"{API}/changes") as second:
            lines = second.aiter_lines()
            assert await anext(lines) == ": watching"
            assert await told_while_time_goes_on(portal, lines) == {"meters": ["flights"]}


async def told_while_time_goes_on(portal: Any, lines: Any) -> Any:
    """What the next event of a stream says."""
    told = asyncio.create_task(next_event(lines))

    def is_told() -> bool:
        portal.clock.advance(1)
        return told.done()

    await eventually(is_told)
    return json.loads((await told).removeprefix("data: "))


async def next_event(lines: Any) -> str:
    """The data of the next event of a stream."""
    async for line in lines:
        if line.startswith("data: "):
            return str(line)
    raise AssertionError("the stream has ended")


async def test_a_session_has_two_streams(portal: Any) -> None:
    async with await portal.client() as client:
        async with client.stream("GET", f"{API}/changes"), client.stream("GET", f"{API}/changes"):
            third = await client.get(f"{API}/changes")
        assert (third.status_code, third.json()["reason"]) == (429, "OVERLOADED")


async def test_a_neighbor_that_is_away_is_told_with_when_to_ask_again(portal: Any) -> None:
    portal.world.failing = Unavailable(Reason.SERVICE_NOT_READY, "it starts", retry_after_s=2)
    async with await portal.client() as client:
        answer = await client.get(f"{API}/session")
    portal.world.failing = None

    assert (answer.status_code, answer.json()["reason"]) == (503, "SERVICE_NOT_READY")
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "FIELD_INVALID"),
        ({"meter": "nope"}, "METER_NOT_FOUND"),
        ({"meter": "flights", "window": "year"}, "FIELD_INVALID"),
        ({"meter": "flights", "groupBy": "nope"}, "GROUP_UNKNOWN"),
        ({"meter": "flights", "filter": "origin"}, "FIELD_INVALID"),
        ({"meter": "flights", "billingPeriod": "2013-13x"}, "FIELD_INVALID"),
        ({"meter": "flights", "billingPeriod": "1999-01"}, "CONTRACT_NOT_FOUND"),
        ({"meter": "flights", "from": "2013-10-01"}, "PERIOD_INVALID"),
        ({"meter": "flights", "from": "2013-10-02", "until": "2013-10-01"}, "PERIOD_INVALID"),
        ({"meter": "flights", "from": "0001-01-01", "until": "9999-12-31"}, "PERIOD_INVALID"),
        ({"meter": "flights", "from": "2013-01-01", "until": "2013-12-31", "window": "hour"}, "WINDOW_INVALID"),
    ],
    ids=str,
)
async def test_a_question_that_cannot_be_answered_is_refused_with_what_to_do(
    portal: Any, parameters: dict[str, str], reason: str
) -> None:
    async with await portal.client() as client:
        answer = await client.get(f"{API}/usage", params=parameters)

    assert answer.status_code in {400, 404}
    assert answer.json()["reason"] == reason


async def test_the_sellers_pages_ask_with_the_token_of_whoever_looks(portal: Any) -> None:
    token = portal.key.mint("acme", ["read"], now_s=portal.clock.now().timestamp())
    portal.world.operators.clear()
    made = await portal.session("DL")
    async with portal.bearer(token) as client:
        customers = (await client.get(f"{API}/operator/customers")).json()
        sessions = (await client.get(f"{API}/operator/sessions", params={"customer": "DL"})).json()

    assert portal.world.operators == {token}
    assert [(one["key"], one["lastInvoice"]["number"]) for one in customers["customers"]] == [
        ("DL", "INV-000002"),
        ("UA", "INV-000001"),
    ]
    assert all(one["live"]["billingPeriod"] == "2013-11" for one in customers["customers"])
    assert all(one["trend"] == [one["lastInvoice"]["total"]] for one in customers["customers"])
    assert made.session.id in {one["id"] for one in sessions["sessions"]}


@pytest.mark.parametrize(
    ("scopes", "claims", "headers", "status"),
    [
        (["report"], {}, {}, 403),
        (["read"], {"customer": "UA"}, {}, 403),
        (["read"], {}, {"origin": "https://app.example.com"}, 403),
        (["read"], {"exp": 1}, {}, 401),
    ],
    ids=str,
)
async def test_the_sellers_pages_are_for_the_seller_alone(
    portal: Any, scopes: list[str], claims: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    token = portal.key.mint("acme", scopes, claims=claims, now_s=portal.clock.now().timestamp())
    async with portal.bearer(token, **headers) as client:
        answers = [await knock(client, path, method) for path, method in OF_SELLERS]
    async with await portal.client() as customer:
        refused = [await knock(customer, path, method) for path, method in OF_SELLERS]

    assert {answer.status_code for answer in answers} == {status}
    assert {answer.status_code for answer in refused} == {401}


@pytest.mark.parametrize("body", [b"x" * 20_000, None], ids=["long", "of unknown length"])
async def test_a_body_that_is_too_long_is_not_read(portal: Any, body: bytes | None) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{}"

    async with await portal.client() as client:
        answer = await client.post(f"{API}/views", content=body or parts())

    assert (answer.status_code, answer.json()["reason"]) == (413, "MESSAGE_TOO_LARGE")


@pytest.mark.parametrize(("path", "status"), [("/seller", 200), ("/favicon.ico", 404), ("/usage", 401), ("/nope", 404)])
async def test_pages_are_there_or_not(portal: Any, path: str, status: int) -> None:
    async with portal.browser() as browser:
        answer = await browser.get(path)

    assert answer.status_code == status


async def test_an_invoice_is_not_compared_with_that_of_another_customer(portal: Any) -> None:
    async with await portal.client() as client:
        answer = await client.get(f"{API}/invoices/INV-000001/compare", params={"with": "INV-000002"})
    assert answer.status_code == 404


async def test_files_find_others_beside_them(portal: Any) -> None:
    async with portal.browser() as client:
        page = await client.get("/l/mlp_x")
        (tokens,) = re.findall(r'href="([^"]+/tokens\.css)"', page.text)
        style = await client.get(tokens)
        fonts = re.findall(r'url\("([^"]+)"\)', style.text)
        assert style.status_code == 200
        assert fonts
        for font in fonts:
            found = await client.get(httpx.URL(tokens).join(font).path)
            assert (found.status_code, found.headers["content-type"]) == (200, "font/woff2")
