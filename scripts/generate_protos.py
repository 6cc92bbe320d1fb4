"""Make libs/contracts from protos/: the only way to generate code.

    generate_protos.py             generate, lint, and refuse changes that break the released contracts
    generate_protos.py --check     the same without writing: fail if libs/contracts does not match protos/
    generate_protos.py --release   generate, lint, and make these contracts the baseline of later checks

Works offline. The text of buf/validate/validate.proto is not vendored: the pinned protovalidate wheel contains its
descriptor, which protoc accepts instead of the text.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from protovalidate._gen.buf.validate import validate_pb  # private, hence protovalidate is pinned exactly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GENERATED = ROOT / "libs" / "contracts" / "src"
BASELINE = PROTOS / "released.binpb"
VALIDATE = "buf/validate/validate.proto"
PACKAGE_TEXT = '"""Generated from protos/ by scripts/generate_protos.py; never edited by hand."""\n'


class ContractError(Exception):
    """The contracts can't be generated, break a rule or differ from committed code; the message says what to do."""


def run(arguments: Sequence[str | Path], *, purpose: str) -> None:
    """Run a command; if it fails, its output becomes the error."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        detail = (done.stdout + done.stderr).strip()
        msg = f"{purpose}:\n{detail}"
        raise ContractError(msg)


def tool(name: str) -> Path:
    """Return the command of that name in the environment of this Python."""
    return Path(sys.executable).with_name(name)


def validate_descriptors() -> FileDescriptorSet:
    """Return buf/validate/validate.proto and its imports, dependencies first, as protoc and buf accept them."""
    files: dict[str, FileDescriptorProto] = {}

    def visit(descriptor: object) -> None:
        proto = FileDescriptorProto.FromString(descriptor.proto.to_binary())  # type: ignore[attr-defined]
        if proto.name in files:
            return
        for dependency in descriptor.dependencies:  # type: ignore[attr-defined]
            visit(dependency)
        files[proto.name] = proto

    visit(validate_pb.desc())
    return FileDescriptorSet(file=files.values())


def proto_files(protos: Path) -> list[str]:
    """Return every contract, as protoc names it: relative to the root of the protos."""
    found = sorted(path.relative_to(protos).as_posix() for path in protos.rglob("*.proto"))
    if not found:
        msg = f"no .proto file under {protos}"
        raise ContractError(msg)
    return found


def protoc(protos: Path, *arguments: str | Path) -> None:
    """Run the protoc of grpcio-tools on our protos, with the descriptor of buf/validate."""
    with tempfile.NamedTemporaryFile(suffix=".binpb") as descriptors:
        Path(descriptors.name).write_bytes(validate_descriptors().SerializeToString(deterministic=True))
        command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={descriptors.name}", f"-I{protos}"]
        plugins = [f"--plugin=protoc-gen-{name}={tool(f'protoc-gen-{name}')}" for name in ("mypy", "mypy_grpc")]
        run([*command, *plugins, *arguments], purpose="protoc refused the contracts")


def generate(protos: Path, target: Path) -> None:
    """Write messages, service stubs and their types below `target`, as packages that are imported by their path.

    The messages of buf/validate are generated too: the module of every contract with a rule imports them, and the
    protovalidate wheel only has them for another protobuf runtime.
    """
    files = proto_files(protos)
    protoc(protos, f"--python_out={target}", f"--mypy_out=quiet:{target}", *files, VALIDATE)
    services = [name for name in files if name.endswith("_service.proto")]
    if services:
        protoc(protos, f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet:{target}", *services)
    for folder in sorted({parent for path in target.rglob("*.py") for parent in path.relative_to(target).parents}):
        if folder != Path():
            (target / folder / "__init__.py").write_text(PACKAGE_TEXT)
    for top in target.iterdir():
        (top / "py.typed").touch()


def build_image(protos: Path, image: Path, *, comments: bool = True) -> None:
    """Write the descriptors of all contracts, which buf lints (with comments) and compares (without them)."""
    source_info = ["--include_source_info"] if comments else []
    protoc(protos, "--include_imports", *source_info, f"--descriptor_set_out={image}", *proto_files(protos))


def lint(image: Path, protos: Path) -> None:
    """Refuse contracts that break the rules of protos/buf.yaml."""
    run(
        [tool("buf"), "lint", image, "--config", protos / "buf.yaml"],
        purpose="buf lint found contracts that break the rules of protos/buf.yaml",
    )


def refuse_break(image: Path, baseline: Path, protos: Path) -> None:
    """Refuse contracts that a client built on the released ones could not talk to."""
    run(
        [tool("buf"), "breaking", image, "--against", baseline, "--config", protos / "buf.yaml"],
        purpose="buf breaking found a change that breaks clients of the released contracts (protos/released.binpb)",
    )


def differences(fresh: Path, committed: Path) -> Iterator[str]:
    """Return one line for each file that is missing, extra or different in the committed code."""

    def content(root: Path) -> dict[str, bytes]:
        paths = (path for path in root.rglob("*") if path.is_file() and path.suffix in {".py", ".pyi", ".typed"})
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}

    expected, present = content(fresh), content(committed)
    for name in sorted(expected.keys() | present.keys()):
        if name not in present:
            yield f"{name}: missing"
        elif name not in expected:
            yield f"{name}: is not generated from any contract"
        elif expected[name] != present[name]:
            yield f"{name}: differs"


def refuse_drift(fresh: Path, committed: Path) -> None:
    """Refuse committed code that differs from what the contracts generate."""
    found = list(differences(fresh, committed))
    if found:
        listed = "\n".join(f"  {line}" for line in found)
        msg = f"{committed} does not match protos/; run `make protos` and commit the result:\n{listed}"
        raise ContractError(msg)


def replace(fresh: Path, target: Path) -> None:
    """Put the new code in place, file by file, so that whoever imports it meanwhile finds each file complete."""
    target.mkdir(parents=True, exist_ok=True)
    for line in list(differences(fresh, target)):
        name = line.split(": ")[0]
        source, destination = fresh / name, target / name
        if not source.exists():
            destination.unlink()
            continue
        destination.parent.mkdir(parents=True, exist_ok=True)
        pending = destination.with_name(f".{destination.name}.new")
        shutil.copyfile(source, pending)
        pending.replace(destination)


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate or check; the exit code is 0 if contracts and code are sound."""
    parser = argparse.ArgumentParser(description="Make libs/contracts from protos/.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the committed code differs")
    parser.add_argument("--release", action="store_true", help="make the current contracts the released baseline")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            fresh, image = Path(folder) / "src", Path(folder) / "image.binpb"
            fresh.mkdir()
            generate(PROTOS, fresh)
            if options.check:
                refuse_drift(fresh, GENERATED)
            else:
                replace(fresh, GENERATED)
            build_image(PROTOS, image)
            lint(image, PROTOS)
            if options.release:
                build_image(PROTOS, BASELINE, comments=False)
            elif BASELINE.exists():
                refuse_break(image, BASELINE, PROTOS)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(proto_files(PROTOS))} contracts sound; generated code {'checked' if options.check else 'written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
