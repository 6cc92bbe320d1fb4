"""Objects of operators have only fields that their definitions know: an API server drops any other without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import manifest_policies as policies

Objects = list[dict[str, Any]]

# Read in cloudnative-pg api/v1/cluster_types.go, cert-manager deploy/crds, and prometheus-operator
# example/prometheus-operator-crd, of their main branches in 2026. A new field is looked up there before it comes here;
# `*` is any name.
FIELDS = {
    "Cluster": """
        affinity.podAntiAffinityType affinity.topologyKey
        bootstrap.initdb.database bootstrap.initdb.encoding bootstrap.initdb.localeCType
        bootstrap.initdb.localeCollate bootstrap.initdb.owner bootstrap.initdb.postInitApplicationSQL
        bootstrap.initdb.postInitSQL inheritedMetadata.labels.* instances
        managed.roles.ensure managed.roles.login managed.roles.name managed.roles.passwordSecret.name
        postgresql.parameters.* postgresql.synchronous.method postgresql.synchronous.number
        resources.limits.* resources.requests.* storage.size walStorage.size
    """,
    "Certificate": """
        commonName dnsNames duration isCA issuerRef.kind issuerRef.name privateKey.algorithm
        privateKey.rotationPolicy privateKey.size renewBefore secretName usages
    """,
    "Issuer": "ca.secretName selfSigned",
    "PodMonitor": """
        podMetricsEndpoints.interval podMetricsEndpoints.port podMetricsEndpoints.relabelings.sourceLabels
        podMetricsEndpoints.relabelings.targetLabel selector.matchLabels.*
    """,
    "PrometheusRule": """
        groups.name groups.rules.alert groups.rules.annotations.* groups.rules.expr groups.rules.for
        groups.rules.labels.* groups.rules.record
    """,
}


def fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from fields(inner, (*path, name))
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for inner in value:
            yield from fields(inner, path)
    else:
        yield path


def unknown(found: dict[str, Any]) -> list[str]:
    """Return the fields of an object that its definition does not know."""
    known = [tuple(field.split(".")) for field in FIELDS[found["kind"]].split()]

    def is_known(path: tuple[str, ...]) -> bool:
        return any(
            len(path) == len(field) and all(part in {"*", name} for part, name in zip(field, path, strict=True))
            for field in known
        )

    return [".".join(path) for path in fields(found["spec"]) if not is_known(path)]


@pytest.mark.parametrize("kind", FIELDS)
def test_all_fields_are_known_to_the_operator(kind: str, render: Callable[[str], Objects]) -> None:
    objects = policies.of_kind(render("overlays/production"), kind)

    assert objects
    assert [unknown(dict(found)) for found in objects] == [[]] * len(objects)


def test_a_misspelt_field_is_found() -> None:
    cluster = {"kind": "Cluster", "spec": {"instances": 3, "postgresql": {"synchronous": {"methods": "any"}}}}

    assert unknown(cluster) == ["postgresql.synchronous.methods"]


def test_databases_are_asked_for_their_certificates(render: Callable[[str], Objects]) -> None:
    objects = render("overlays/production")
    addresses = [
        address
        for found in policies.of_kind(objects, "ConfigMap")
        if "-database-address" in found["metadata"]["name"]
        for address in found["data"].values()
    ]

    assert len(addresses) == 2 * len(policies.of_kind(objects, "Cluster"))
    assert all("?sslmode=verify-full&sslrootcert=/etc/meterline/" in address for address in addresses)
    assert not any(":" in address.partition("//")[2].partition("@")[0] for address in addresses), "a password"
