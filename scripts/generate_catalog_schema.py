"""Writes the JSON Schema of catalog files from the contracts; `--check` fails if the file says anything else."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from generate_protos import PROTOS, build_image
from generated import write_or_check
from meterline.catalog.schema import build

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET: Final = Path(__file__).parent.parent / "libs" / "meterline" / "src" / "meterline" / "catalog.schema.json"
_MESSAGES, _FIELDS = 4, 2  # field numbers in FileDescriptorProto and DescriptorProto: steps of a comment's path


def render() -> str:
    """Return the text of the schema."""
    return json.dumps(build(dict(_comments())), indent=2, ensure_ascii=False) + "\n"


def _comments() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        image = Path(directory) / "image.binpb"
        build_image(PROTOS, image)
        files = FileDescriptorSet.FromString(image.read_bytes()).file
    for file in files:
        said = {tuple(place.path): " ".join(place.leading_comments.split()) for place in file.source_code_info.location}
        for m, message in enumerate(file.message_type):
            for f, field in enumerate(message.field):
                comment = said.get((_MESSAGES, m, _FIELDS, f))
                if comment:
                    yield f"{file.package}.{message.name}.{field.name}", comment


if __name__ == "__main__":
    raise SystemExit(write_or_check(TARGET, render(), "the contracts"))
