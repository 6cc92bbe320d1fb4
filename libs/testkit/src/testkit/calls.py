"""Calls any method of a running suite by its name, with whatever token."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.errors.status import from_rpc_error


def ask(address: str, token: str, method: str, request: Message) -> list[Message]:
    """Call `method` (its full path) with a bearer's token. Returns all answers; raises what the service answered."""
    service, _, name = method[1:].partition("/")
    described = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    with grpc.insecure_channel(address) as channel:
        open_call: Any = channel.unary_stream if described.server_streaming else channel.unary_unary
        call = open_call(
            method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(described.output_type).FromString,
        )
        try:
            answer = call(request, metadata=[("authorization", f"Bearer {token}")], timeout=30)
            return list(answer) if described.server_streaming else [answer]
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
