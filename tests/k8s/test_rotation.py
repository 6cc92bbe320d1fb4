"""What proves who somebody is gets replaced while calls run, and none fails; the old proof is worth nothing then."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from meterline.tokens import ANY_TENANT, Grant, SigningKey, jwks, mint
from testkit.k8s.suite import SERVICE_NAMES, ClusterSuite, Example, Load, failures
from testkit.wait import wait_until

# A node looks for changes of what is mounted every 10 s here, and every minute by default.
MOUNTED_WITHIN_S: Final = 150.0
# Services read their files again every 10 s.
REREAD_S: Final = 12.0
LIFE: Final = timedelta(hours=1)
CALLS_MIN: Final = 500
END_IDLE: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}' AND state = 'idle'"


def test_keys_and_tokens_are_replaced_without_a_failed_call(
    example: Example, tmp_path: Path, found: Callable[[str, Any], None]
) -> None:
    suite, began_at = example.suite, time.time()
    new_key = SigningKey.generate()
    old_keys = json.loads(
        json.loads(suite.kubectl("get", "configmap/meterline-keys", "--output=json"))["data"]["jwks.json"]
    )
    old = json.loads(example.context.read_text())
    user = Grant(tenant="default", scopes=("report", "read", "admin"), subject="example")
    new_token = mint(new_key, user, valid_for=LIFE)

    with suite.load(example.context, calls_per_s=4.0) as load:
        trust(suite, {"keys": [*old_keys["keys"], new_key.public_jwk()]})
        wait_until(
            lambda: every_replica_takes(example, tmp_path, new_token), MOUNTED_WITHIN_S, what="the new key to be known"
        )
        for service in SERVICE_NAMES[1:]:
            token = mint(new_key, Grant(ANY_TENANT, ("internal",), service), valid_for=LIFE)
            suite.set_secret(f"{service}-token", {"token": token})
            wait_until_mounted(suite, service, "/etc/meterline/token/token", token)
        mounted_at = time.monotonic()
        # A program renews its token by writing the file it has it from.
        example.context.write_text(json.dumps({**old, "token": new_token}))
        wait_until(lambda: time.monotonic() > mounted_at + REREAD_S, REREAD_S + 5, what="services to read their tokens")
        trust(suite, jwks([new_key]))
        wait_until(
            lambda: no_replica_takes(example, tmp_path, old["token"]),
            MOUNTED_WITHIN_S,
            what="the old key to be forgotten",
        )
        for service in SERVICE_NAMES:
            load.wait_for_calls(CALLS_MIN, service, began_at)

    found("keys and tokens replaced", summary(load))
    assert not failures(load.outcomes())
    # Neighbors take each other's new tokens.
    states = json.loads(suite.meterline(example.context, "status", "--output", "json").stdout)["services"]
    assert {each["service"]: each["state"] for each in states} == dict.fromkeys(SERVICE_NAMES, "up")
    suite.set_secret("meterline-context", {"context.json": example.context.read_text()})


def test_a_database_password_is_replaced_without_a_failed_call(
    example: Example, found: Callable[[str, Any], None]
) -> None:
    """Two roles take turns: the new one is there before the old one goes, so there is no moment without either."""
    suite, began_at = example.suite, time.time()
    with suite.load(example.context, calls_per_s=4.0) as load:
        for service in SERVICE_NAMES:
            password = secrets.token_urlsafe(24)
            role, former = f"{service}_app_2", f"{service}_app"
            sql(suite, service, f"CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE {former}")
            address = f"postgresql://{role}:{password}@{service}-postgres:5432/{service}"
            suite.set_secret(f"{service}-database", {"uri": address})
            wait_until_mounted(suite, service, "/etc/meterline/database/uri", address)
            sql(suite, service, f"ALTER ROLE {former} PASSWORD NULL NOLOGIN")
            sql(suite, service, END_IDLE.format(role=former))
        for service in SERVICE_NAMES:
            load.wait_for_calls(CALLS_MIN, service, began_at)
    found("passwords replaced", summary(load))
    assert not failures(load.outcomes())
    for service in SERVICE_NAMES:
        assert f"{service}_app_2" in sql(suite, service, "SELECT DISTINCT usename FROM pg_stat_activity")


def summary(load: Load) -> dict[str, int]:
    """Return how many calls there were, and how many of them failed."""
    made = load.outcomes()
    return {"calls": len(made), "failed": len(failures(made))}


def trust(suite: ClusterSuite, keys: dict[str, Any]) -> None:
    """Have the services trust these keys."""
    patch = {"data": {"jwks.json": json.dumps(keys)}}
    suite.kubectl("patch", "configmap/meterline-keys", "--type=merge", f"--patch={json.dumps(patch)}")


def wait_until_mounted(suite: ClusterSuite, service: str, path: str, content: str) -> None:
    """Wait until every replica has the content in its file."""

    def is_there() -> bool:
        names = [pod["metadata"]["name"] for pod in suite.pods(service)]
        return all(suite.kubectl("exec", name, "--", "cat", path).strip() == content for name in names)

    wait_until(is_there, MOUNTED_WITHIN_S, what=f"{path} of {service} to change")


def every_replica_takes(example: Example, folder: Path, token: str) -> bool:
    """Whether each pod of each service answers to a token."""
    return all(answered == "up" for answered in answers(example, folder, token))


def no_replica_takes(example: Example, folder: Path, token: str) -> bool:
    """Whether each pod of each service refuses a token."""
    return all(answered == "not allowed" for answered in answers(example, folder, token))


def answers(example: Example, folder: Path, token: str) -> list[str]:
    """Ask every pod by its own address, as the example's context says otherwise."""
    suite, context = example.suite, json.loads(example.context.read_text())
    addresses = {service: [pod["status"]["podIP"] for pod in suite.pods(service)] for service in SERVICE_NAMES}
    states = []
    for number in range(max(map(len, addresses.values()))):
        services = {service: f"{ips[number % len(ips)]}:8080" for service, ips in addresses.items()}
        file = folder / f"replica-{number}.json"
        file.write_text(json.dumps({**context, "services": services, "token": token}))
        said = suite.meterline(file, "status", "--output", "json", check=False).stdout
        states += [each["state"] for each in json.loads(said)["services"]]
    return states


def sql(suite: ClusterSuite, service: str, statement: str) -> str:
    """Run a statement as the superuser of a service's Postgres."""
    psql = ["psql", "--host=/tmp", "--username=postgres", "--dbname", service, "--tuples-only", "--no-psqlrc"]
    return suite.kubectl("exec", f"{service}-postgres-0", "--", *psql, "--command", statement)
