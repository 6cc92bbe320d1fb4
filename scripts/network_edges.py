"""Which pods may connect to which, as NetworkPolicies say: the rules of Kubernetes over labels, written out.

A connection is allowed if the egress of its source and the ingress of its destination both allow it. A pod that no
policy of a direction picks allows everything in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Policy = Mapping[str, Any]
Labels = Mapping[str, str]


class Edge(NamedTuple):
    """A connection by TCP that is allowed."""

    source: str
    destination: str
    port: int


def _selected(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    return selector is not None and selector.get("matchLabels", {}).items() <= labels.items()


def _picks_peer(peers: Sequence[Mapping[str, Any]] | None, other: Labels) -> bool:
    # Peers of other namespaces are none of ours, and no rule of ours goes by addresses.
    if not peers:
        return True
    return any("namespaceSelector" not in peer and _selected(peer.get("podSelector"), other) for peer in peers)


def _has_port(ports: Sequence[Mapping[str, Any]] | None, port: int) -> bool:
    return not ports or any(item["port"] == port and item.get("protocol", "TCP") == "TCP" for item in ports)


def _allows(policies: Iterable[Policy], direction: str, own: Labels, other: Labels, port: int) -> bool:
    side, far = direction.lower(), "from" if direction == "Ingress" else "to"
    picking = [
        policy["spec"]
        for policy in policies
        if direction in policy["spec"]["policyTypes"] and _selected(policy["spec"]["podSelector"], own)
    ]
    rules = [rule for spec in picking for rule in spec.get(side, ())]
    return not picking or any(
        _picks_peer(rule.get(far), other) and _has_port(rule.get("ports"), port) for rule in rules
    )


def edges(policies: Sequence[Policy], pods: Mapping[str, Labels], ports: Iterable[int]) -> Iterator[Edge]:
    """Yield every allowed connection between two different pods, named by the keys of `pods`, to one of `ports`."""
    for port in ports:
        for source, source_labels in pods.items():
            for destination, labels in pods.items():
                if source == destination:
                    continue
                leaves = _allows(policies, "Egress", source_labels, labels, port)
                if leaves and _allows(policies, "Ingress", labels, source_labels, port):
                    yield Edge(source, destination, port)
