"""Who may see what, over the real suite: every path of the description, with what is of others and with bad tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import session_pb2
from meterline import Client
from meterline.suite import context as contexts
from testkit.browser.portal import Portal
from testkit.flights import ROOT
from testkit.live import LiveSuite, Tenant

DESCRIBED = json.loads((ROOT / "ui" / "openapi.json").read_text(encoding="utf-8"))["paths"]
EVERY = sorted((path, method) for path, methods in DESCRIBED.items() for method in methods)
OPERATIONS = [(path, method) for path, method in EVERY if "/operator/" not in path]
PAGES = ("overview", "usage", "cost", "invoices", "plan")
BODY = {"name": "Mine", "query": "/usage"}


@pytest.fixture(scope="module")
def client(tenant: Tenant) -> Iterator[Client]:
    """The seller's backend."""
    with Client(contexts.load(tenant.context)) as client:
        yield client


def token(client: Client, customer: str, *pages: session_pb2.PortalPage.ValueType, ttl_s: int = 600) -> str:
    """Make a session for elements, and return its bearer token."""
    request = pb.CreateSessionRequest(customer=customer, kind=session_pb2.SESSION_KIND_EMBED, pages=pages)
    request.ttl.seconds = ttl_s
    made: pb.CreateSessionResponse = client.call(client.aio.stub("portal").CreateSession(request))
    return made.token


def knock(portal: Portal, bearer: str, path: str, method: str) -> tuple[int, str]:
    """Ask, without waiting for the end of a stream; return status and reason."""
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    content = BODY if method == "post" else None
    with httpx.stream(method, portal.url + path, json=content, headers=headers, timeout=30) as answer:
        if "event-stream" in answer.headers.get("content-type", ""):
            return answer.status_code, ""
        answer.read()
        is_problem = answer.headers.get("content-type") == "application/problem+json"
        return answer.status_code, answer.json()["reason"] if is_problem else ""


def named(path: str, number: str) -> str:
    """A path with the names of an invoice and its second line, and the parameters that it needs."""
    names = {"number": number, "lineId": f"{number}.2", "viewId": "3f6f0c1a-0000-4000-8000-000000000000"}
    filled = re.sub(r"\{(\w+)\}", lambda mark: names[mark[1]], path)
    bucket = "meter=flights&billingPeriod=2013-10&bucket=2013-10-02T04:00:00Z"
    needed = {
        "usage": "meter=flights",
        "usage.csv": "meter=flights",
        "usage/bucket": bucket,
        "usage/events": bucket,
        "compare": f"with={number}",
        "plan/quote": "item=Flights&quantity=12",
    }
    return filled + next((f"?{query}" for end, query in needed.items() if filled.endswith(f"/{end}")), "")


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if re.search(r"\{(number|lineId)\}", one[0])])
def test_what_is_of_another_customer_does_not_exist(portal: Portal, client: Client, path: str, method: str) -> None:
    others = portal.preview("DL", "2013-11")["number"]

    assert knock(portal, token(client, "DL"), named(path, others), method)[0] == 200
    assert knock(portal, token(client, "UA"), named(path, others), method)[0] == 404


def test_events_views_and_buckets_of_others_are_not_there(portal: Portal, client: Client) -> None:
    saved = httpx.post(
        f"{portal.url}/api/v1/views",
        json=BODY,
        headers={"authorization": f"Bearer {token(client, 'DL')}"},
        timeout=30,
    ).json()
    headers = {"authorization": f"Bearer {token(client, 'UA')}"}
    own = httpx.get(f"{portal.url}/api/v1/views", headers=headers, timeout=30).json()
    assert saved["id"] not in {view["id"] for view in own}
    httpx.delete(f"{portal.url}/api/v1/views/{saved['id']}", headers=headers, timeout=30)
    theirs = httpx.get(
        f"{portal.url}/api/v1/views", headers={"authorization": f"Bearer {token(client, 'DL')}"}, timeout=30
    ).json()
    assert saved["id"] in {view["id"] for view in theirs}


@pytest.mark.parametrize("kind", ["none", "forged", "revoked", "platform", "code"])
def test_a_token_that_is_not_good_opens_nothing(portal: Portal, client: Client, kind: str) -> None:
    bearer = bad_token(portal, client, kind)

    answers = {
        knock(portal, bearer, named(path, portal.preview("UA", "2013-11")["number"]), method)[0]
        for path, method in OPERATIONS[:3]
    } | {knock(portal, bearer, named(path, "INV-000001"), method)[0] for path, method in OPERATIONS}

    assert answers == {401}


def bad_token(portal: Portal, client: Client, kind: str) -> str:
    """A token that opens nothing."""
    if kind == "platform":
        return str(json.loads(portal.tenant.context.read_text(encoding="utf-8"))["token"])
    if kind == "code":
        return portal.link("UA").rpartition("/")[2]
    if kind == "revoked":
        bearer = token(client, "UA")
        newest = portal.tenant.json("portal", "sessions", "--customer", "UA")["sessions"][0]
        portal.tenant.run("portal", "revoke", newest["id"])
        return bearer
    return {"none": "", "forged": "mlp_" + "A" * 43}[kind]


def test_a_token_of_another_tenant_shows_that_tenant_alone(
    suite: LiveSuite, portal: Portal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Tenant.create(suite, "other-seller", tmp_path_factory.mktemp("other"))
    with Client(contexts.load(other.context)) as backend:
        bearer = token(backend, "UA")

    number = portal.preview("UA", "2013-11")["number"]
    for path, method in OPERATIONS:
        if "{number}" in path:
            assert knock(portal, bearer, named(path, number), method)[0] == 404, path


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_a_page_that_a_session_was_not_made_for_is_forbidden(
    portal: Portal, client: Client, path: str, method: str
) -> None:
    noun = path.split("/")[3].partition(".")[0]
    made_for = session_pb2.PORTAL_PAGE_PLAN if noun == "usage" else session_pb2.PORTAL_PAGE_USAGE
    status, reason = knock(portal, token(client, "UA", made_for), named(path, "INV-000001"), method)

    if noun in PAGES:
        assert (status, reason) == (403, "SCOPE_MISSING")
    else:
        assert status in {200, 204, 404}


def test_a_link_is_opened_once_and_leaves_no_secret_behind(portal: Portal) -> None:
    link = portal.link("UA")
    secret = link.rpartition("/")[2]
    with portal.context() as context:
        page = context.new_page()
        for _ in range(2):
            answer = page.goto(link)
            assert answer is not None
            assert answer.status == 200
            assert context.cookies() == []
        page.get_by_role("button").click()
        page.locator("meterline-portal h1").first.wait_for()
        again = context.request.post(link)
        (cookie,) = context.cookies()
        shown = page.url + page.content()

    assert again.status == 410
    assert secret not in shown
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (
        "__Host-meterline",
        True,
        True,
        "Lax",
    )
    assert (cookie["path"], cookie["domain"]) == ("/", "127.0.0.1")


@pytest.fixture
def viewed(portal: Portal) -> Iterator[Any]:
    """What somebody of the seller sees of a customer."""
    with portal.context() as context:
        page = context.new_page()
        page.goto(portal.link("UA", "--as-operator", "ticket 815"))
        page.get_by_role("button").click()
        page.locator("[data-banner=acting-for]").wait_for()
        yield page


def test_somebody_of_the_seller_sees_a_banner_and_is_recorded(portal: Portal, viewed: Any) -> None:
    text = viewed.locator("[data-banner=acting-for]").inner_text()
    assert "United Air Lines" in text
    assert "ticket 815" in text
    refused = viewed.request.post(
        f"{portal.url}/api/v1/views", data=json.dumps(BODY), headers={"content-type": "application/json"}
    )
    assert refused.status == 403
    reasons = [one.get("reason") for one in portal.tenant.json("portal", "sessions")["sessions"]]
    assert "ticket 815" in reasons
