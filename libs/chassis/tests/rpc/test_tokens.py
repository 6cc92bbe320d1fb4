"""Who gets in: a table of good, forged, foreign and expired tokens against a real server."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from structlog.testing import capture_logs

from chassis.auth import TokenVerifier
from chassis.errors import MeterlineError, Reason, Unauthenticated, Unavailable
from chassis.errors.status import from_rpc_error
from chassis.identity import Scope, current_identity, current_tenant
from chassis.keys import load_keys
from chassis.rpc.refused_callers import LINES_MAX, WINDOW_S, RefusedCallers
from chassis.startup import SettingsError
from testkit.clock import FakeClock
from testkit.tokens import SigningKey

METHOD = "/test.v1.EchoService/Echo"
OTHER = SigningKey.generate("key-1")


async def whoami(request: bytes, context: Any) -> bytes:
    identity = current_identity()
    return json.dumps([current_tenant(), identity.subject, sorted(identity.scopes)]).encode()


HANDLERS: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Echo": grpc.unary_unary_rpc_method_handler(whoami)}


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(key: SigningKey) -> str:
    payload = key.mint("acme", ["read"]).split(".")[1]
    return f"{encoded({'alg': 'none', 'kid': key.kid})}.{payload}."


def hmac_with_the_public_key(key: SigningKey) -> str:
    claims = jwt.decode(key.mint("acme", ["read"]), options={"verify_signature": False})
    public = key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return jwt.encode(claims, public, algorithm="HS256", headers={"kid": key.kid})


def changed_after_signing(key: SigningKey) -> str:
    header, payload, signature = key.mint("acme", ["read"]).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return f"{header}.{encoded({**claims, 'tenant': 'globex'})}.{signature}"


def signature_of_another_token(key: SigningKey) -> str:
    head = key.mint("globex", ["admin"]).rpartition(".")[0]
    return f"{head}.{key.mint('acme', ['read']).rpartition('.')[2]}"


def own_key_in_the_header(key: SigningKey) -> str:
    return OTHER.mint("acme", ["read"], headers={"jwk": OTHER.jwks()["keys"][0], "kid": "mine"})


def signed(key: SigningKey, header: str, claims: str) -> str:
    """A token of these texts, soundly signed: what a library would not write."""
    parts = [base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in (header, claims)]
    signature = base64.urlsafe_b64encode(key.private.sign(b".".join(parts))).rstrip(b"=")
    return b".".join([*parts, signature]).decode()


def texts_of(token: str) -> list[str]:
    """Header and claims as they are written."""
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode() for part in token.split(".")[:2]]


def claims_twice(key: SigningKey) -> str:
    header, claims = texts_of(key.mint("acme", ["read"]))
    return signed(key, header, claims.replace("{", '{"tenant": "globex", ', 1))


def header_twice(key: SigningKey) -> str:
    header, claims = texts_of(key.mint("acme", ["read"]))
    return signed(key, header.replace("{", '{"alg": "none", ', 1), claims)


def claims_without_end(key: SigningKey) -> str:
    header, claims = texts_of(key.mint("acme", ["read"]))
    return signed(key, header, claims.replace("{", '{"x": ' + "[" * 1500 + "]" * 1500 + ", ", 1))


def test_a_token_signed_by_hand_is_as_good_as_any(signing_key: SigningKey, tmp_path: Path, clock: FakeClock) -> None:
    clock.advance(time.time() - clock.now().timestamp())
    verifier = TokenVerifier(signing_key.write_jwks(tmp_path / "jwks.json"), "meterline", clock)

    identity = verifier.verify(signed(signing_key, *texts_of(signing_key.mint("acme", ["read"]))))

    assert identity.tenant == "acme"


ONE_AND_ALL = {"customer": "ann", "acts_for": "customers"}
INVALID, EXPIRED = Reason.TOKEN_INVALID, Reason.TOKEN_EXPIRED
FORGED: list[tuple[str, Callable[[SigningKey], str], Reason]] = [
    ("empty", lambda _: "", INVALID),
    ("no token at all", lambda _: "let-me-in", INVALID),
    ("three empty parts", lambda _: "..", INVALID),
    ("alg none", unsigned, INVALID),
    ("HS256 keyed with our public key", hmac_with_the_public_key, INVALID),
    ("changed after signing", changed_after_signing, INVALID),
    ("signature of another token", signature_of_another_token, INVALID),
    ("signature cut off", lambda key: key.mint("acme", ["read"]).rpartition(".")[0] + ".", INVALID),
    ("another key under our kid", lambda _: OTHER.mint("acme", ["read"]), INVALID),
    ("kid unknown", lambda key: key.mint("acme", ["read"], headers={"kid": "key-9"}), INVALID),
    ("kid missing", lambda key: key.mint("acme", ["read"], headers={"kid": None}), INVALID),
    ("key in its own header", own_key_in_the_header, INVALID),
    ("jku to a foreign key", lambda _: OTHER.mint("acme", ["read"], headers={"jku": "https://evil.example"}), INVALID),
    ("unknown critical extension", lambda key: key.mint("acme", ["read"], headers={"crit": ["x"], "x": 1}), INVALID),
    ("other audience", lambda key: key.mint("acme", ["read"], audience="billing"), INVALID),
    ("audience list", lambda key: key.mint("acme", ["read"], claims={"aud": ["meterline", "x"]}), INVALID),
    ("part of the issuer", lambda key: key.mint("acme", ["read"], claims={"iss": "meter"}), INVALID),
    ("issuer list", lambda key: key.mint("acme", ["read"], claims={"iss": ["meterline"]}), INVALID),
    ("expired", lambda key: key.mint("acme", ["read"], valid_s=60, now_s=time.time() - 3600), EXPIRED),
    ("expires never", lambda key: key.mint("acme", ["read"], claims={"exp": None}), INVALID),
    ("expires as text", lambda key: key.mint("acme", ["read"], claims={"exp": "soon"}), INVALID),
    ("expires at infinity", lambda key: key.mint("acme", ["read"], claims={"exp": 1e300}), INVALID),
    ("not yet valid", lambda key: key.mint("acme", ["read"], claims={"nbf": time.time() + 3600}), INVALID),
    ("issued tomorrow", lambda key: key.mint("acme", ["read"], now_s=time.time() + 86_400), INVALID),
    ("no tenant", lambda key: key.mint("acme", ["read"], claims={"tenant": None}), INVALID),
    ("tenant empty", lambda key: key.mint("", ["read"]), INVALID),
    ("tenant list", lambda key: key.mint("acme", ["read"], claims={"tenant": ["acme", "globex"]}), INVALID),
    ("tenant with NUL", lambda key: key.mint("ac\x00me", ["read"]), INVALID),
    ("every tenant for a user", lambda key: key.mint("*", ["read", "admin"]), INVALID),
    ("internal but of one tenant", lambda key: key.mint("acme", ["internal"]), INVALID),
    ("no scopes", lambda key: key.mint("acme", []), INVALID),
    ("scopes as one text", lambda key: key.mint("acme", ["read"], claims={"scopes": "read admin"}), INVALID),
    ("unknown scope", lambda key: key.mint("acme", ["read", "root"]), INVALID),
    ("no jti", lambda key: key.mint("acme", ["read"], claims={"jti": None}), INVALID),
    ("jti with a space", lambda key: key.mint("acme", ["read"], claims={"jti": "a b"}), INVALID),
    ("jti a number", lambda key: key.mint("acme", ["read"], claims={"jti": 7}), INVALID),
    ("a token within a token", lambda key: key.mint("acme", ["read"], headers={"cty": "JWT"}) + ".x.y", INVALID),
    ("a claim twice", claims_twice, INVALID),
    ("the algorithm twice", header_twice, INVALID),
    ("claims nested 1,500 deep", claims_without_end, INVALID),
    ("customer empty", lambda key: key.mint("acme", ["read"], claims={"customer": ""}), INVALID),
    ("customer list", lambda key: key.mint("acme", ["read"], claims={"customer": ["a", "b"]}), INVALID),
    ("customer of every tenant", lambda key: key.mint("*", ["internal"], claims={"customer": "ann"}), INVALID),
    ("acts for nobody known", lambda key: key.mint("acme", ["read"], claims={"acts_for": "tenants"}), INVALID),
    (
        "one customer and all",
        lambda key: key.mint("acme", ["read"], claims={"customer": "a", "acts_for": "customers"}),
        INVALID,
    ),
    ("one megabyte", lambda key: key.mint("acme", ["read"], claims={"x": "y" * 9000}), INVALID),
]


async def call(channel: Any, *metadata: tuple[str, str]) -> Any:
    try:
        return json.loads(await channel.unary_unary(METHOD)(b"", metadata=metadata))
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error)


async def test_refused_tokens_are_logged_without_the_token_and_a_flood_of_them_in_a_few_lines(
    start: Any, signing_key: SigningKey
) -> None:
    running = await start(HANDLERS)
    expired = signing_key.mint("acme", ["read"], valid_s=60, now_s=time.time() - 3600, claims={"jti": "laptop-7"})
    forged = OTHER.mint("acme", ["read"], claims={"jti": "forged"})
    foreign = OTHER.mint("acme", ["read"], headers={"kid": "not-ours"})

    with capture_logs() as logged:
        for token in (expired, forged, foreign, *[""] * 2 * LINES_MAX):
            await call(running.bare_channel(), ("authorization", f"Bearer {token}"))

    lines = [line for line in logged if line["event"] == "caller refused"]
    assert [(line["reason"], line.get("kid"), line.get("jti")) for line in lines[:3]] == [
        (EXPIRED, "key-1", "laptop-7"),
        (INVALID, "key-1", None),
        (INVALID, None, None),
    ]
    assert len(lines) == 1 + LINES_MAX
    assert all(line["peer"].startswith("ipv4:127.0.0.1:") and line["rpc"] == METHOD[1:] for line in lines)
    assert not any(token in str(logged) for token in (expired, forged, foreign))


def test_the_first_line_after_a_flood_says_how_many_were_left_out(
    tmp_path: Path, signing_key: SigningKey, clock: FakeClock
) -> None:
    verifier = TokenVerifier(signing_key.write_jwks(tmp_path / "jwks.json"), "meterline", clock)
    now_s = [0.0]
    callers = RefusedCallers(verifier, now_s=lambda: now_s[0])
    refused = Unauthenticated(INVALID, "no")
    a_call: Any = SimpleNamespace(method=METHOD, metadata={})
    context: Any = SimpleNamespace(peer=lambda: "ipv4:192.0.2.1:5000")

    with capture_logs() as logged:
        for at_s in (*[0.0] * (LINES_MAX + 5), WINDOW_S):
            now_s[0] = at_s
            callers.note(a_call, context, refused)

    assert [line["left_out_before"] for line in logged] == [0] * LINES_MAX + [5]


@pytest.mark.parametrize(("token", "reason"), [row[1:] for row in FORGED], ids=[row[0] for row in FORGED])
async def test_a_token_that_is_not_right_is_refused(
    start: Any, signing_key: SigningKey, token: Callable[[SigningKey], str], reason: Reason
) -> None:
    running = await start(HANDLERS)

    refused = await call(running.bare_channel(), ("authorization", f"Bearer {token(signing_key)}"))

    assert isinstance(refused, Unauthenticated)
    assert refused.reason is reason


@pytest.mark.parametrize("metadata", [(), (("authorization", "Basic abc"),), (("authorization", "bearer"),)])
async def test_a_call_without_a_bearer_token_is_refused(start: Any, metadata: tuple[tuple[str, str], ...]) -> None:
    running = await start(HANDLERS)

    refused = await call(running.bare_channel(), *metadata)

    assert (type(refused), refused.reason) == (Unauthenticated, Reason.TOKEN_MISSING)


async def test_the_tenant_comes_from_the_token(start: Any, signing_key: SigningKey) -> None:
    running = await start(HANDLERS)
    token = signing_key.mint("acme", ["read", "report"], subject="ann")

    assert await call(running.channel(token)) == ["acme", "ann", ["read", "report"]]


@pytest.mark.parametrize("named", ["globex", "*", "ACME"])
async def test_a_user_cannot_name_another_tenant(start: Any, signing_key: SigningKey, named: str) -> None:
    running = await start(HANDLERS)

    refused = await call(running.channel(signing_key.mint("acme", ["read"])), ("x-meterline-tenant", named))

    assert refused.reason is Reason.TENANT_FOREIGN


async def test_a_service_acts_for_the_tenant_it_names(start: Any, signing_key: SigningKey) -> None:
    running = await start(HANDLERS)
    channel = running.channel(signing_key.mint_internal("rating"))

    assert await call(channel, ("x-meterline-tenant", "globex")) == ["globex", "rating", ["internal"]]


@pytest.mark.parametrize("named", [(), (("x-meterline-tenant", "*"),), (("x-meterline-tenant", ""),)])
async def test_a_service_must_name_a_tenant_where_one_is_needed(
    start: Any, signing_key: SigningKey, named: tuple[tuple[str, str], ...]
) -> None:
    running = await start(HANDLERS)

    refused = await call(running.channel(signing_key.mint_internal()), *named)

    assert refused.reason is Reason.TENANT_MISSING


async def test_a_scope_that_the_method_does_not_accept_is_refused_by_name(start: Any, signing_key: SigningKey) -> None:
    running = await start(HANDLERS, scopes=frozenset({Scope.ADMIN, Scope.INTERNAL}))

    refused = await call(running.channel(signing_key.mint("acme", ["read", "report"])))

    assert refused.reason is Reason.SCOPE_MISSING
    assert "admin, internal" in refused.message


def test_a_remembered_token_still_expires(tmp_path: Path, signing_key: SigningKey, clock: FakeClock) -> None:
    token = signing_key.mint("acme", ["read"], valid_s=60, now_s=clock.now().timestamp())
    verifier = TokenVerifier(signing_key.write_jwks(tmp_path / "jwks.json"), "meterline", clock)
    assert verifier.verify(token).tenant == "acme"

    clock.advance(89)
    assert verifier.verify(token).tenant == "acme"

    clock.advance(2)
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token)
    assert caught.value.reason is Reason.TOKEN_EXPIRED


def test_keys_rotate_without_a_restart_and_a_revoked_key_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    old, new = SigningKey.generate("2026-a"), SigningKey.generate("2026-b")
    now_s = clock.now().timestamp()
    jwks_file = old.write_jwks(tmp_path / "jwks.json")
    verifier = TokenVerifier(jwks_file, "meterline", clock)
    old_token, new_token = old.mint("acme", ["read"], now_s=now_s), new.mint("acme", ["read"], now_s=now_s)
    assert verifier.verify(old_token).tenant == "acme"

    new.write_jwks(jwks_file, old)
    clock.advance(11)
    assert verifier.verify(old_token).tenant == verifier.verify(new_token).tenant == "acme"

    new.write_jwks(jwks_file)
    clock.advance(11)
    with pytest.raises(Unauthenticated):
        verifier.verify(old_token)


def test_keys_that_cannot_be_read_any_more_close_the_door(
    tmp_path: Path, signing_key: SigningKey, clock: FakeClock
) -> None:
    jwks_file = signing_key.write_jwks(tmp_path / "jwks.json")
    verifier = TokenVerifier(jwks_file, "meterline", clock)
    token = signing_key.mint("acme", ["read"], now_s=clock.now().timestamp())
    assert verifier.verify(token).tenant == "acme"

    jwks_file.write_text("{")
    clock.advance(11)
    for _ in range(2):
        with pytest.raises(Unavailable):
            verifier.verify(token)

    signing_key.write_jwks(jwks_file)
    assert verifier.verify(token).tenant == "acme"


def with_private_part(key: SigningKey) -> dict[str, Any]:
    raw = key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    document = key.jwks()
    document["keys"][0]["d"] = base64.urlsafe_b64encode(raw).decode()
    return document


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "holds no keys"),
        ([], "holds no keys"),
        ({"keys": []}, "holds no keys"),
        ({"keys": [{"kty": "RSA", "n": "x", "e": "AQAB", "kid": "a"}]}, "not Ed25519"),
        ({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}, "without kid"),
        ({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AAAA"}]}, "broken key 'a'"),
        (with_private_part(OTHER), "private key"),
        ({"keys": OTHER.jwks()["keys"] * 2}, "twice"),
    ],
)
def test_a_key_file_that_is_wrong_says_so_at_start(tmp_path: Path, document: object, said: str) -> None:
    jwks_file = tmp_path / "jwks.json"
    jwks_file.write_text(json.dumps(document))

    with pytest.raises(SettingsError, match=said):
        load_keys(jwks_file)


def test_a_key_file_that_is_absent_says_so_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"can't read the JWKS file .*none\.json"):
        load_keys(tmp_path / "none.json")


def test_every_refusal_is_an_error_of_our_vocabulary(signing_key: SigningKey, tmp_path: Path, clock: FakeClock) -> None:
    verifier = TokenVerifier(signing_key.write_jwks(tmp_path / "jwks.json"), "meterline", clock)

    for garbage in ("a.b.c", "é.é.é", "\x00", "=" * 100, "e30.e30.e30", encoded([]) + "." + encoded({}) + ".x"):
        with pytest.raises(MeterlineError):
            verifier.verify(garbage)


def test_a_token_that_lives_too_long_is_refused_with_the_time_it_may(
    tmp_path: Path, signing_key: SigningKey, clock: FakeClock
) -> None:
    jwks_file, now_s = signing_key.write_jwks(tmp_path / "jwks.json"), clock.now().timestamp()
    verifier = TokenVerifier(jwks_file, "meterline", clock, life_max_s=2 * 86_400)

    assert verifier.verify(signing_key.mint("acme", ["read"], now_s=now_s, valid_s=2 * 86_400)).tenant == "acme"
    with pytest.raises(Unauthenticated, match="within 48 hours"):
        verifier.verify(signing_key.mint("acme", ["read"], now_s=now_s, valid_s=2 * 86_400 + 1))


def test_a_service_has_a_longest_life_of_its_own(tmp_path: Path, signing_key: SigningKey, clock: FakeClock) -> None:
    jwks_file, now_s = signing_key.write_jwks(tmp_path / "jwks.json"), clock.now().timestamp()
    verifier = TokenVerifier(jwks_file, "meterline", clock, life_max_s=3600, service_life_max_s=7200)

    assert verifier.verify(signing_key.mint("*", ["internal"], now_s=now_s, valid_s=7200)).is_internal
    for tenant, scopes, valid_s in (("*", ["internal"], 7201), ("acme", ["read"], 3601)):
        with pytest.raises(Unauthenticated, match="valid for too long"):
            verifier.verify(signing_key.mint(tenant, scopes, now_s=now_s, valid_s=valid_s))


def test_a_revoked_token_is_refused_within_seconds_and_no_other(
    tmp_path: Path, signing_key: SigningKey, clock: FakeClock
) -> None:
    jwks_file, now_s = signing_key.write_jwks(tmp_path / "jwks.json"), clock.now().timestamp()
    revoked_file = tmp_path / "revoked.txt"
    revoked_file.write_text("# stolen in May\n\n")
    stolen, sound = (signing_key.mint("acme", ["read"], now_s=now_s, claims={"jti": name}) for name in ("one", "two"))
    verifier = TokenVerifier(jwks_file, "meterline", clock, revoked_file=revoked_file)
    assert verifier.verify(stolen).token_id == "one"

    revoked_file.write_text("# stolen in May\none\n")
    clock.advance(11)

    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(stolen)
    assert caught.value.reason is Reason.TOKEN_REVOKED
    assert verifier.verify(sound).token_id == "two"


@pytest.mark.parametrize("content", ["two words\n", "x" * (16 * 1024 * 1024 + 1)], ids=["no id", "too large"])
def test_a_list_of_revoked_tokens_that_cannot_be_read_closes_the_door(
    tmp_path: Path, signing_key: SigningKey, clock: FakeClock, content: str
) -> None:
    revoked_file = tmp_path / "revoked.txt"
    revoked_file.write_text("")
    jwks_file = signing_key.write_jwks(tmp_path / "jwks.json")
    verifier = TokenVerifier(jwks_file, "meterline", clock, revoked_file=revoked_file)
    token = signing_key.mint("acme", ["read"], now_s=clock.now().timestamp())

    revoked_file.write_text(content)
    clock.advance(11)

    with pytest.raises(Unavailable):
        verifier.verify(token)
    with pytest.raises(SettingsError, match="revoked tokens"):
        TokenVerifier(jwks_file, "meterline", clock, revoked_file=revoked_file)


RIGHTS: dict[str, tuple[dict[str, object], list[tuple[str, list[str], dict[str, object], bool]]]] = {
    "scopes": (
        {"meterline_scopes": ["report", "read"]},
        [("acme", ["read"], {}, True), ("acme", ["read", "admin"], {}, False), ("*", ["internal"], {}, False)],
    ),
    "tenants": (
        {"meterline_tenants": ["acme"]},
        [("acme", ["admin"], {}, True), ("globex", ["read"], {}, False), ("*", ["internal"], {}, False)],
    ),
    "services": ({"meterline_tenants": ["*"]}, [("*", ["internal"], {}, True), ("acme", ["read"], {}, False)]),
    "customers": (
        {"meterline_customers_only": True},
        [
            ("acme", ["read"], {}, False),
            ("acme", ["read"], {"customer": "ann"}, True),
            ("*", ["read"], {"acts_for": "customers"}, True),
        ],
    ),
}


@pytest.mark.parametrize("rights", RIGHTS)
def test_a_key_signs_no_more_than_it_may(
    tmp_path: Path, signing_key: SigningKey, clock: FakeClock, rights: str
) -> None:
    members, tokens = RIGHTS[rights]
    document = signing_key.jwks()
    document["keys"][0].update(members)
    (tmp_path / "jwks.json").write_text(json.dumps(document))
    verifier = TokenVerifier(tmp_path / "jwks.json", "meterline", clock)

    for tenant, scopes, claims, is_allowed in tokens:
        token = signing_key.mint(tenant, scopes, now_s=clock.now().timestamp(), claims=claims)
        if is_allowed:
            assert verifier.verify(token).tenant == tenant
            continue
        with pytest.raises(Unauthenticated) as caught:
            verifier.verify(token)
        assert caught.value.reason is Reason.KEY_RIGHTS_EXCEEDED


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("meterline_scope", ["read"]),
        ("meterline_scopes", ["raed"]),
        ("meterline_scopes", "read"),
        ("meterline_tenants", []),
        ("meterline_customers_only", "yes"),
    ],
)
def test_rights_of_a_key_that_are_misspelt_stop_the_service(
    tmp_path: Path, signing_key: SigningKey, member: str, value: object
) -> None:
    document = signing_key.jwks()
    document["keys"][0][member] = value
    (tmp_path / "jwks.json").write_text(json.dumps(document))

    with pytest.raises(SettingsError, match="broken key 'key-1'"):
        load_keys(tmp_path / "jwks.json")
