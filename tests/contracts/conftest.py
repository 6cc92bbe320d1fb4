"""The contracts as descriptors with their comments, built once for these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

import generate_protos

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The descriptor image of protos/ as it is now."""
    path = tmp_path_factory.mktemp("contracts") / "image.binpb"
    generate_protos.build_image(generate_protos.PROTOS, path)
    return path


@pytest.fixture(scope="session")
def contracts(image: Path) -> list[FileDescriptorProto]:
    """Our own files of the image, without what they import."""
    files = FileDescriptorSet.FromString(image.read_bytes()).file
    return [file for file in files if file.package.startswith("metering.")]
