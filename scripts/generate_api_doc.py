"""Writes docs/api.md from the contracts; `--check` fails if the file differs from what it would write."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from chassis.rpc.method import CustomerConcern, Method, Repeat, declared_methods
from generate_protos import PROTOS, build_image
from generated import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor_pb2 import FileDescriptorProto

TARGET: Final = Path(__file__).parent.parent / "docs" / "api.md"
_SERVICES: Final = 6  # field number in FileDescriptorProto: the first step of a comment's path
_METHODS: Final = 2  # in ServiceDescriptorProto
_HEAD: Final = """\
# Methods

This page is generated from `protos/` by `make docs`; a test keeps it up to date.

A token needs any one of the scopes listed for the method. A client may repeat a call automatically if it only reads or
is safe by its content; a call that is safe by its `request_id` may be repeated if it carries one. A call concerns the
customer that its request names, the owner of an object that the request names, or the tenant as a whole.
"""
_REPEATS: Final = {
    Repeat.READS: "reads",
    Repeat.BY_CONTENT: "safe by its content",
    Repeat.BY_REQUEST_ID: "safe by `request_id`",
    Repeat.NEVER: "not safe",
}


def render() -> str:
    """Return the text of the document."""
    return "\n".join([_HEAD, *(line for file in _files() for line in _sections(file))])


def _files() -> list[FileDescriptorProto]:
    with tempfile.TemporaryDirectory() as directory:
        image = Path(directory) / "image.binpb"
        build_image(PROTOS, image)
        files = FileDescriptorSet.FromString(image.read_bytes()).file
    served = sorted((file for file in files if file.service), key=lambda file: file.name)
    for file in served:
        # Importing the module adds its services to the pool.
        import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    return served


def _sections(file: FileDescriptorProto) -> Iterator[str]:
    comments = {tuple(place.path): " ".join(place.leading_comments.split()) for place in file.source_code_info.location}
    for s, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        declared = declared_methods(descriptor_pool.Default().FindServiceByName(name))
        yield from (f"## {name}", "", "| method | what it does | scopes | again | concerns |", "| --- " * 5 + "|")
        for m, method in enumerate(service.method):
            sentence = comments[_SERVICES, s, _METHODS, m].partition(". ")[0].rstrip(".") + "."
            yield _row(method.name, sentence, declared[f"/{name}/{method.name}"])
        yield ""


def _row(name: str, sentence: str, method: Method) -> str:
    scopes = ", ".join(sorted(method.scopes))
    return f"| `{name}` | {sentence} | {scopes} | {_REPEATS[method.repeat]} | {_concern(method.concern)} |"


def _concern(concern: CustomerConcern) -> str:
    named = [f"customer in `{concern.in_field}`"] if concern.in_field else []
    if concern.owner_of:
        fields = " and ".join(f"`{field}`" for field in concern.object_fields)
        named.append(f"owner of the {concern.owner_of} in {fields}")
    return " or ".join(named) or "the tenant"


if __name__ == "__main__":
    raise SystemExit(write_or_check(TARGET, render(), "the contracts"))
