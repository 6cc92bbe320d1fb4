"""Patterns of the contracts: whoever breaks one is told in words what is wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from google.protobuf.message_factory import GetMessageClass

from buf.validate import validate_pb2
from chassis.errors import InvalidRequest
from chassis.rpc.validation import check_request
from metering.aggregator.v1 import aggregator_service_pb2
from metering.ingest.v1 import ingest_service_pb2
from metering.invoicing.v1 import invoicing_service_pb2
from metering.rating.v1 import rating_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor

SERVICES = (aggregator_service_pb2, ingest_service_pb2, invoicing_service_pb2, rating_service_pb2)


def fields_with_patterns() -> list[FieldDescriptor]:
    """Return every field of every request, however deep, that must match a pattern."""
    seen: set[str] = set()

    def walk(message: Descriptor) -> Iterator[FieldDescriptor]:
        if message.full_name in seen:
            return
        seen.add(message.full_name)
        for field in message.fields:
            if field.GetOptions().Extensions[validate_pb2.field].string.pattern:
                yield field
            if field.message_type is not None:
                yield from walk(field.message_type)

    services = [service for module in SERVICES for service in module.DESCRIPTOR.services_by_name.values()]
    return [field for service in services for method in service.methods for field in walk(method.input_type)]


@pytest.mark.parametrize("field", fields_with_patterns(), ids=lambda field: field.full_name)
def test_a_broken_pattern_is_told_as_a_sentence_with_an_example_that_is_right(field: FieldDescriptor) -> None:
    rules = field.GetOptions().Extensions[validate_pb2.field]
    holder = field.containing_type
    assert holder is not None

    with pytest.raises(InvalidRequest) as refused:
        check_request(GetMessageClass(holder)(**{field.name: "?!"}))

    (told,) = [one.message for one in refused.value.violations if one.field == field.name]
    assert told.startswith("must be ")
    assert rules.string.pattern not in told
    assert "regex" not in told
    example = re.search(r"such as ([\w.:-]+)", told)
    assert example is not None
    assert re.search(rules.string.pattern, example[1])


def test_the_catalog_has_patterns_in_all_of_its_kinds() -> None:
    names = {field.full_name for field in fields_with_patterns()}

    assert {
        "metering.aggregator.v1.ApplyMeterRequest.name",
        "metering.rating.v1.PlanSpec.currency",
        "metering.rating.v1.ApplyPlanRequest.name",
        "metering.rating.v1.ContractSpec.effective_from",
        "metering.invoicing.v1.BillingProfileSpec.number_prefix",
    } <= names
