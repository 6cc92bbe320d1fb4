"""Images for the test cluster, built by buildah without a registry, and their way into containerd."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from meterline.suite.services import SERVICES
from testkit.flights import ROOT
from testkit.k8s.node import PAUSE, Node
from testkit.k8s.programs import Programs

VERSION: Final = "0.1.0"
NEXT: Final = "0.2.0"
HUB: Final = "docker" + ".io"
"""What a name of an image without a domain stands for; nothing is fetched from there."""
OLD: Final = "0.0.1"
OLD_COMMIT: Final = "b395f4f"
"""The commit before images, TLS and Kubernetes: stands for the release before."""

SERVICE_NAMES: Final = tuple(spec.name for spec in SERVICES)
SOURCES: Final = ROOT / "tests" / "k8s" / "images"


@dataclass
class Images:
    """Builds images, each at most once a run; layers of former runs are used again.

    Args:
        programs: what the cache holds; the collector and Jaeger become images.
        work_dir: where archives and contexts lie meanwhile.
    """

    programs: Programs
    work_dir: Path
    _made: set[str] = field(default_factory=set)

    def services(self) -> list[str]:
        """Build the services and the command line of this tree, unless it was done before. Returns their names."""
        names = {part: f"{HUB}/meterline/{part}" for part in (*SERVICE_NAMES, "meterline")}
        if "services" not in self._made:
            sources = f"sources-{_digest_of_sources()}"
            if not all(_is_there(f"{name}:{sources}") for name in names.values()):
                self._build_services()
                for name in names.values():
                    _run(["buildah", "tag", f"{name}:{VERSION}", f"{name}:{sources}"])
            for name in names.values():
                _run(["buildah", "tag", f"{name}:{sources}", f"{name}:{VERSION}"])
            self._made.add("services")
        return [f"{name}:{VERSION}" for name in names.values()]

    def next_release(self) -> list[str]:
        """Make of each service a release with one more migration, which adds a table."""
        self.services()
        return [self._next_release_of(name) for name in SERVICE_NAMES]

    def old_release(self) -> list[str]:
        """Build the services as they were at OLD_COMMIT. Raises LookupError when the history does not hold it."""
        names = [f"{HUB}/meterline/{service}:{OLD}" for service in SERVICE_NAMES]
        if all(map(_is_there, names)):
            return names
        tree = self.work_dir / "old"
        if not tree.exists():
            tree.mkdir()
            archive = subprocess.run(["git", "-C", str(ROOT), "archive", OLD_COMMIT], capture_output=True, check=False)
            if archive.returncode != 0:
                raise LookupError(f"the history here does not hold {OLD_COMMIT}, which stands for the old release")
            subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
        _run(["buildah", "tag", self.base, f"{HUB}/library/python:3.11-slim"])
        return [self._old_release_of(name, tree) for name in SERVICE_NAMES]

    def program(self, name: str, image: str) -> str:
        """Make an image of one program of the cache, under the name that a manifest gives it."""
        source = Path(self.programs[name])
        self._build(image, SOURCES / "program" / "Dockerfile", source.parent, {"PROGRAM": name})
        return image

    def postgres(self, image: str) -> str:
        """Make a Postgres under the name that a manifest gives it."""
        self._build(image, SOURCES / "postgres" / "Dockerfile", SOURCES / "postgres", {"BASE": self.base})
        return image

    def pause(self) -> str:
        """Make what holds a pod together."""
        folder = self.work_dir / "pause"
        folder.mkdir(exist_ok=True)
        _run(["gcc", "-static", "-Os", "-o", str(folder / "pause"), str(SOURCES / "pause" / "pause.c")])
        self._build(PAUSE, SOURCES / "program" / "Dockerfile", folder, {"PROGRAM": "pause"})
        return PAUSE

    def load(self, node: Node, images: Sequence[str]) -> None:
        """Bring images into the node, in one archive, so that what they share is carried once."""
        archive = self.work_dir / f"images-{len(self._made)}-{images[0].rpartition('/')[2].replace(':', '-')}.tar"
        _run(["podman", "save", "--quiet", "--multi-image-archive", "--output", str(archive), *images])
        node.ctr("images", "import", archive)
        archive.unlink()

    @cached_property
    def base(self) -> str:
        """Name of the image that stands in for the registry's Python: Debian's own, made by mmdebstrap."""
        return _run([str(ROOT / "scripts" / "base_image.sh")]).strip()

    def _build_services(self) -> None:
        command = [str(ROOT / ".venv/bin/python"), str(ROOT / "scripts/build_images.py"), "--base", self.base]
        # The name is that of the manifests, to which a registry's is added by who pulls.
        named = ["--prefix", f"{HUB}/meterline", "--tag", VERSION]
        environment = {**os.environ, "CONTAINER_BUILDER": "buildah"}
        _run([*command, *named, "--", *self._build_options], env=environment)

    def _next_release_of(self, service: str) -> str:
        folder = self.work_dir / f"next-{service}"
        versions = f"/app/lib/python3.11/site-packages/{service}/migrations/versions"
        if not folder.exists():
            folder.mkdir()
            newest = max(
                path.stem for path in (ROOT / "services" / service / "src").glob("*/migrations/versions/0*.py")
            )
            (folder / "9000_next_release.py").write_text(_NEXT_MIGRATION % newest.partition("_")[0])
            image = f"{HUB}/meterline/{service}:{VERSION}"
            (folder / "Dockerfile").write_text(f"FROM {image}\nCOPY 9000_next_release.py {versions}/\n")
        image = f"{HUB}/meterline/{service}:{NEXT}"
        self._build(image, folder / "Dockerfile", folder, {})
        return image

    def _old_release_of(self, service: str, tree: Path) -> str:
        image = f"{HUB}/meterline/{service}:{OLD}"
        self._build(image, tree / "services" / service / "Dockerfile", tree, {})
        return image

    @cached_property
    def _build_options(self) -> list[str]:
        options = ["--isolation", "chroot", "--pull=never", "--network", "host", "--layers"]
        certificates = os.environ.get("PIP_CERT")
        if certificates:
            # A machine whose way out has an authority of its own; mounted, so not part of the image.
            settings = self.work_dir / "pip.conf"
            settings.write_text("[global]\ncert = /etc/ssl/machine.crt\n")
            options += [
                "--volume",
                f"{certificates}:/etc/ssl/machine.crt:ro",
                "--volume",
                f"{settings}:/etc/pip.conf:ro",
            ]
        return options

    def _build(self, image: str, file: Path, context: Path, values: Mapping[str, str]) -> None:
        if image in self._made:
            return
        arguments = [part for name, value in values.items() for part in ("--build-arg", f"{name}={value}")]
        _run(["buildah", "build", *self._build_options, "--tag", image, "--file", str(file), *arguments, str(context)])
        self._made.add(image)


_NEXT_MIGRATION: Final = '''"""What a next release might add: a table."""

from alembic import op

revision = "9000"
down_revision = "%s"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE next_release (id bigint PRIMARY KEY)")
'''


def _run(command: list[str], env: Mapping[str, str] | None = None) -> str:
    nice = ["nice", "-n", "1"] if shutil.which("nice") else []
    done = subprocess.run([*nice, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:6])} ...: {done.stderr[-2000:]}")
    return done.stdout


def _is_there(image: str) -> bool:
    found = subprocess.run(["buildah", "inspect", "--type=image", image], capture_output=True, check=False)
    return found.returncode == 0


def _digest_of_sources() -> str:
    """Return a digest of everything that the Dockerfile copies, and of itself."""
    digest = hashlib.sha256()
    for root in (ROOT / "Dockerfile", ROOT / "requirements", ROOT / "libs", ROOT / "services"):
        for file in sorted(path for path in (root, *root.rglob("*")) if path.is_file()):
            name = file.relative_to(ROOT)
            if not {"__pycache__", "tests", "testkit"} & set(name.parts):
                digest.update(f"{name}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
