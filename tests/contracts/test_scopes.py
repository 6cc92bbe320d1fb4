"""What a contract's comment says after `Scope:` is what the service lets in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import aggregator.rpc
import ingest.rpc
import invoicing.rpc
import rating.rpc

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

SERVICES: Final = 6  # field number of FileDescriptorProto: the first step of a comment's path
METHODS: Final = 2  # of ServiceDescriptorProto
SCOPE: Final = re.compile(r"\bScope: ([a-z]+(?: or [a-z]+)*)\.")


def promised(contracts: list[FileDescriptorProto]) -> dict[str, frozenset[str]]:
    """The scopes that the comment of every RPC names, by full method name."""
    found = {}
    for file in contracts:
        comments = {
            tuple(place.path): " ".join(place.leading_comments.split()) for place in file.source_code_info.location
        }
        for s, service in enumerate(file.service):
            for m, method in enumerate(service.method):
                match = SCOPE.search(comments[SERVICES, s, METHODS, m])
                scopes = match[1].split(" or ") if match else ()
                found[f"/{file.package}.{service.name}/{method.name}"] = frozenset(scopes)
    return found


def test_every_comment_names_exactly_the_scopes_that_are_let_in(contracts: list[FileDescriptorProto]) -> None:
    policies = [module.POLICY for module in (ingest.rpc, aggregator.rpc, rating.rpc, invoicing.rpc)]

    decided = {method: frozenset(map(str, scopes)) for policy in policies for method, scopes in policy.items()}

    assert promised(contracts) == decided
