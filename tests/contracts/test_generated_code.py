"""libs/contracts is what protos/ says, and the script that makes it notices when it is not."""

from __future__ import annotations

import importlib
import shutil
from typing import TYPE_CHECKING

import pytest

import generate_protos

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.descriptor_pb2 import FileDescriptorProto


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("generated")
    generate_protos.generate(generate_protos.PROTOS, target)
    return target


def test_the_committed_code_is_what_the_contracts_generate(fresh: Path) -> None:
    assert list(generate_protos.differences(fresh, generate_protos.GENERATED)) == []


def test_a_changed_a_missing_and_a_stray_file_are_named(fresh: Path, tmp_path: Path) -> None:
    committed = tmp_path / "src"
    shutil.copytree(fresh, committed)
    (committed / "metering/common/v1/values_pb2.py").write_text("# edited by hand\n")
    (committed / "metering/common/v1/values_pb2.pyi").unlink()
    (committed / "metering/common/v1/stray.py").touch()

    with pytest.raises(generate_protos.ContractError) as refused:
        generate_protos.refuse_drift(fresh, committed)

    assert [line.strip() for line in str(refused.value).splitlines()[1:]] == [
        "metering/common/v1/stray.py: is not generated from any contract",
        "metering/common/v1/values_pb2.py: differs",
        "metering/common/v1/values_pb2.pyi: missing",
    ]
    assert "make protos" in str(refused.value)


def test_replacing_mends_exactly_what_differs(fresh: Path, tmp_path: Path) -> None:
    target = tmp_path / "src"
    shutil.copytree(fresh, target)
    (target / "metering/common/v1/values_pb2.py").write_text("# edited by hand\n")
    (target / "metering/common/v1/stray.py").touch()
    untouched = (target / "metering/common/v1/feed_pb2.py").stat().st_mtime_ns

    generate_protos.replace(fresh, target)

    assert list(generate_protos.differences(fresh, target)) == []
    assert (target / "metering/common/v1/feed_pb2.py").stat().st_mtime_ns == untouched


def test_every_contract_imports_under_the_path_of_its_file(contracts: list[FileDescriptorProto]) -> None:
    for file in contracts:
        module = importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")

        assert module.DESCRIPTOR.package == file.package
        assert file.name.startswith(file.package.replace(".", "/") + "/")
