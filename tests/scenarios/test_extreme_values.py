"""No request, however odd its values, is answered by "internal error": what is wrong is said, or it is answered."""

from __future__ import annotations

import base64
import json
import os
import random
from collections.abc import Callable
from typing import Any, Final

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis.identity import TENANT_METADATA, Scope
from chassis.rpc.method import declared_methods
from metering.common.v1 import feed_service_pb2
from meterline.client import contract_of
from meterline.suite import services
from testkit.live import Tenant

REQUESTS_PER_METHOD: Final = int(os.environ.get("METERLINE_ODD_REQUESTS", "40"))
FEED: Final = feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"]
SERVED: Final = [(spec.name, contract_of(spec.name)[0]) for spec in services.SERVICES]
METHODS: Final = [
    (service, method)
    for service, described in [*SERVED, ("ingest", FEED), ("aggregator", FEED)]
    for method in described.methods
]
# Some answers wait until they are as fresh as asked for, which odd places in the log never are.
TIMEOUT_S: Final = 1.0
DEFECTS: Final = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}

CATALOG: Final = """
kind: Meter
metadata: {name: odd-units}
spec: {eventTypes: [odd.used], aggregation: SUM, value: n, groupBy: [region]}
---
kind: Plan
metadata: {name: odd-plan}
spec: {currency: USD, items: [{name: Units, meter: odd-units, price: {perUnit: "1"}}]}
---
kind: Customer
metadata: {name: odd-customer}
spec: {currency: USD}
---
kind: Contract
metadata: {name: odd-contract}
spec: {customer: odd-customer, plan: odd-plan, start: "2024-01-01", timeZone: America/New_York}
"""
EVENT: Final[dict[str, Any]] = {
    "id": "odd-1",
    "source": "odd",
    "type": "odd.used",
    "customer": "odd-customer",
    "time": "2024-01-02T00:00:00Z",
    "properties": {"n": "1", "region": "eu"},
}


def _token(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


PLACES: Final = [
    "a",
    "",
    "a\0",
    "\ud800",
    "2024-01-01",
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    1.5,
    True,
    None,
    [],
    {},
    "9" * 400,
]
NAMES: Final = [
    "odd-units",
    "odd-plan",
    "odd-customer",
    "odd-contract",
    "odd.used",
    "odd",
    "odd-1",
    "region",
    "n",
    "eu",
]
TIMES: Final = [
    "2024-01",
    "2024-01-01",
    "2024-02-01",
    "0001-01",
    "9999-12",
    "9999-12-31",
    "0001-01-01",
    "0000-00",
    "2024-W1",
]
ZONES: Final = ["UTC", "America/New_York", "Pacific/Apia", "Nowhere/Land", "../../etc/passwd", "posixrules", "Factory"]
DECIMALS: Final = ["0", "1", "-1", "1e999999", "NaN", "Infinity", "9" * 48, "0." + "9" * 46, "-0", ".5", "٣", "1_0"]
OTHERS: Final = [
    "",
    " ",
    "USD",
    "JPY",
    "XXX",
    "n + 1",
    "n / 0",
    "x" * 200,
    "\u202e",
    "\ufeff",
    "'; --",
    "%s",
    "00" * 16,
]
TEXTS: Final = [*NAMES * 3, *TIMES, *ZONES, *DECIMALS, *OTHERS]
NUMBERS: Final = [0, 1, 2, 10, 1000, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**31), -(2**63)]
MONTHS: Final = [1_704_067_200, 1_706_745_600, 1_709_251_200]
FIRST_DAY, LAST_DAY = -62_135_596_800, 253_402_214_400
EDGES: Final = [
    FIRST_DAY,
    FIRST_DAY + 86_400,
    LAST_DAY,
    LAST_DAY + 85_500,
    FIRST_DAY - 1,
    LAST_DAY + 86_399,
    LAST_DAY + 86_400,
]
SECONDS: Final = [*MONTHS, *EDGES * 2, 0, -1, 1, 2**63 - 1, -(2**63)]
NANOS: Final = [0, 0, 0, 0, 1, 999_999_999, 1_000_000_000, -1, 2**31 - 1]
LIMITS: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


COMMON: Final[dict[str, Any]] = {
    "meter": "odd-units",
    "meters": "odd-units",
    "windows_of_meter": "odd-units",
    "customer": "odd-customer",
    "customers": "odd-customer",
    "contract": "odd-contract",
    "plan": "odd-plan",
    "source": "odd",
    "id": "odd-1",
    "type": "odd.used",
    "types": "odd.used",
    "event_types": "odd.used",
    "group_by": "region",
    "property": "region",
    "time_zone": "America/New_York",
    "currency": "USD",
    "billing_period": "2024-01",
    "start": "2024-01-01",
    "end": "",
    "page_token": "",
    "epoch": "",
    "position": 0,
}
NAME_OF: Final = {"Meter": "odd-units", "Plan": "odd-plan", "Customer": "odd-customer", "Contract": "odd-contract"}


class Odd:
    """Makes requests with odd values among common ones; the same requests for the same seed."""

    def __init__(self, method: MethodDescriptor) -> None:
        self._random = random.Random(method.full_name)
        self._name = next((name for kind, name in NAME_OF.items() if kind in method.name), "odd")
        self._oddness = 0.0

    def request(self, described: Descriptor) -> Any:
        """A request of a method; some are odd in one value, some in most."""
        self._oddness = self._random.choice([0.05, 0.1, 0.2, 0.6])
        return self.message(described)

    def _is_odd(self) -> bool:
        return self._random.random() < self._oddness

    def message(self, described: Descriptor, depth: int = 0) -> Any:
        """A message in which each field is odd, common or left out."""
        message: Any = GetMessageClass(described)()
        if described.full_name == "google.protobuf.Timestamp":
            message.seconds = self._random.choice(SECONDS if self._is_odd() else MONTHS)
            message.nanos = self._random.choice(NANOS) if self._is_odd() else 0
            return message
        if described.name == "Period" and not self._is_odd():
            message.start.seconds, message.end.seconds = MONTHS[:2]
            # Each end may be odd by itself: the other is then as good as it gets.
            for end in (message.start, message.end):
                if self._is_odd():
                    end.seconds = self._random.choice(SECONDS)
            return message
        chosen = {one.name: self._random.choice(one.fields).name for one in described.oneofs}
        for field in described.fields:
            if field.containing_oneof is not None and chosen[field.containing_oneof.name] != field.name:
                continue
            # Deep down fewer, or messages that hold themselves would never end.
            if self._random.random() < (0.95 if depth < 5 else 0.1):
                self._fill(message, field, depth)
        return message

    def _fill(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        count = self._random.choice([1, 2, 5]) if field.is_repeated and self._is_odd() else 1
        target = getattr(message, field.name)
        entry = field.message_type
        for _ in range(count):
            if entry is not None and entry.GetOptions().map_entry:
                self._fill_map(target, entry)
            elif entry is not None and field.is_repeated:
                target.add().CopyFrom(self.message(entry, depth + 1))
            elif entry is not None:
                target.CopyFrom(self.message(entry, depth + 1))
            elif field.is_repeated:
                target.append(self._value(field))
            else:
                setattr(message, field.name, self._value(field))

    def _fill_map(self, target: Any, entry: Descriptor) -> None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        if value.message_type is None:
            target[self._value(key)] = self._value(value)
        else:
            target[self._value(key)].CopyFrom(self.message(value.message_type, 5))

    def _value(self, field: FieldDescriptor) -> Any:
        choose = self._random.choice
        if not self._is_odd():
            return self._common(field)
        if field.name == "page_token":
            places = [choose(PLACES) for _ in range(self._random.randrange(1, 4))]
            return choose(["", _token(places), _token(choose(PLACES)), "no token"])
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return (
                choose(TEXTS)
                if field.type == FieldDescriptor.TYPE_STRING
                else choose([b"", b"\0", bytes(32), b"x" * 99])
            )
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return choose([False, True])
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return choose([*_numbers(field), 99])
        least, most = LIMITS[field.cpp_type]
        return choose([number for number in NUMBERS if least <= number <= most])

    def _common(self, field: FieldDescriptor) -> Any:
        known = {**COMMON, "request_id": f"{self._random.getrandbits(64):x}", "name": self._name}
        if field.name in known and field.cpp_type != FieldDescriptor.CPPTYPE_ENUM:
            return known[field.name]
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type == FieldDescriptor.TYPE_STRING:
            return "1"
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return bytes(32)
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return self._random.choice(_numbers(field))
        return self._random.choice([0, 1]) if field.cpp_type != FieldDescriptor.CPPTYPE_BOOL else False


def _numbers(field: FieldDescriptor) -> list[int]:
    return [value.number for value in field.enum_type.values] if field.enum_type is not None else []


@pytest.fixture(scope="module")
def odd_tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("odd")
    tenant.apply(CATALOG)
    tenant.report(EVENT)
    return tenant


@pytest.fixture(scope="module")
def internal_token(odd_tenant: Tenant) -> str:
    made = odd_tenant.suite.run("token", "create", "--tenant", "*", "--scope", "internal", "--subject", "odd")
    return made.stdout.strip()


async def _answer(channel: grpc.aio.Channel, method: MethodDescriptor, request: Any, metadata: Any) -> Any:
    """Call, and return the code and the text of the answer."""
    service = method.containing_service
    assert service is not None
    path, data = f"/{service.full_name}/{method.name}", request.SerializeToString()
    # The stubs do not know of calls on bytes.
    raw: Any = channel
    try:
        if method.server_streaming:
            # A feed has no end, but says at once what is wrong with a cursor.
            timeout_s = 0.2 if method.name == "Read" else TIMEOUT_S
            async for _ in raw.unary_stream(path)(data, metadata=metadata, timeout=timeout_s):
                pass
        else:
            await raw.unary_unary(path)(data, metadata=metadata, timeout=TIMEOUT_S)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize(("service", "method"), METHODS, ids=lambda one: one if isinstance(one, str) else str(one.name))
async def test_odd_values_are_never_our_defect(
    odd_tenant: Tenant, internal_token: str, service: str, method: MethodDescriptor
) -> None:
    context = json.loads(odd_tenant.context.read_text(encoding="utf-8"))
    described = method.containing_service
    assert described is not None
    scopes = declared_methods(described)[f"/{described.full_name}/{method.name}"].scopes
    is_user = scopes != {Scope.INTERNAL}
    metadata = [("authorization", f"Bearer {context['token'] if is_user else internal_token}")]
    if not is_user:
        metadata.append((TENANT_METADATA, odd_tenant.name))
    odd = Odd(method)
    failed = []
    async with grpc.aio.insecure_channel(context["services"][service]) as channel:
        for _ in range(REQUESTS_PER_METHOD):
            request = odd.request(method.input_type)
            code, details = await _answer(channel, method, request, metadata)
            if code in DEFECTS:
                failed.append((code.name, details, str(request)))
    assert not failed, f"{len(failed)}: {failed[:3]}"
