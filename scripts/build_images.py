"""Build the images of every service and of the command line, each with its bill of materials.

    build_images.py [--tag TAG] [--prefix NAME] [--base IMAGE] [IMAGE...] [-- OPTION...]

Uses docker, podman or buildah, whichever is there first; CONTAINER_BUILDER names one. What follows `--` is passed on to
its `build`. An image is called PREFIX/SERVICE:TAG; the bill of materials (CycloneDX) is dist/SERVICE.cdx.json.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from meterline.suite.services import SERVICES

ROOT = Path(__file__).resolve().parent.parent
COMMAND_LINE = "meterline"
IMAGES = (*(spec.name for spec in SERVICES), COMMAND_LINE)
BUILDERS = ("docker", "podman", "buildah")
# A client without a daemon answers only the first of these.
ANSWERS = {"docker": ["docker", "info"], "podman": ["podman", "--version"], "buildah": ["buildah", "--version"]}


@dataclass(frozen=True)
class Provenance:
    """What an image says of where it comes from."""

    version: str
    revision: str
    source: str
    committed_at: str
    """Seconds since 1970 of the commit: the time of every file, so that the same commit gives the same image."""

    def arguments(self) -> dict[str, str]:
        """Return the build arguments that carry it."""
        return {
            "VERSION": self.version,
            "REVISION": self.revision,
            "SOURCE": self.source,
            "SOURCE_DATE_EPOCH": self.committed_at,
        }


def git(*arguments: str) -> str:
    """Return what git says, or "" where there is no repository."""
    command = ["git", "-c", "safe.directory=*", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def public_address(remote: str) -> str:
    """Return a remote's https address without a user or password in it, or "unknown" for any other."""
    parts = urlsplit(remote)
    return f"https://{parts.hostname}{parts.path}" if parts.scheme == "https" and parts.hostname else "unknown"


def provenance() -> Provenance:
    """Find out what is built."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return Provenance(
        version=project["version"],
        revision=git("rev-parse", "HEAD") or "unknown",
        source=os.environ.get("IMAGE_SOURCE") or public_address(git("config", "remote.origin.url")),
        committed_at=os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct") or "0",
    )


def find_builder() -> str | None:
    """Return the first builder that works here."""
    wanted = os.environ.get("CONTAINER_BUILDER")
    for builder in (wanted,) if wanted else BUILDERS:
        works = shutil.which(builder) and subprocess.run(ANSWERS[builder], capture_output=True, check=False)
        if works and works.returncode == 0:
            return builder
    return None


def build_command(
    builder: str, service: str, tag: str, about: Provenance, *, base: str = "", options: Sequence[str] = ()
) -> list[str]:
    """Return the command that builds one image."""
    values = {"SERVICE": service, **about.arguments(), **({"PYTHON_IMAGE": base} if base else {})}
    command = [builder, "build", "--tag", tag]
    for name, value in values.items():
        command += ["--build-arg", f"{name}={value}"]
    # docker's BuildKit reads SOURCE_DATE_EPOCH from the arguments; the others want to be told.
    if builder != "docker":
        command += ["--timestamp", about.committed_at, "--format", "oci", "--layers"]
    # A layer from a cache keeps the labels of the build that made it; these are set whatever came from there.
    command += ["--label", f"org.opencontainers.image.version={about.version}"]
    command += ["--label", f"org.opencontainers.image.revision={about.revision}"]
    return [*command, *options, "."]


def bill_of_materials(image: str) -> Path:
    """Write which packages, with which hashes, an image installs. Returns the file."""
    (ROOT / "dist").mkdir(exist_ok=True)
    file = ROOT / "dist" / f"{image}.cdx.json"
    member = next(ROOT.glob(f"*/{image}/pyproject.toml"))
    tool = str(Path(sys.executable).with_name("cyclonedx-py"))
    command = [tool, "requirements", f"requirements/{image}.txt"]
    options = ["--pyproject", str(member), "--output-reproducible", "--mc-type", "application", "-o", str(file)]
    subprocess.run([*command, *options], cwd=ROOT, check=True)
    return file


def main() -> int:
    """Build what was asked for; the exit code is 0 when all of it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about = provenance()
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"default: {' '.join(IMAGES)}")
    parser.add_argument("--tag", default=about.version)
    parser.add_argument("--prefix", default="meterline")
    parser.add_argument("--base", default=os.environ.get("PYTHON_IMAGE", ""), help="in place of PYTHON_IMAGE's default")
    given = sys.argv[1:]
    split = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:split])
    if unknown := sorted(set(options.images) - set(IMAGES)):
        parser.error(f"there is no image {unknown[0]}; choose from {', '.join(IMAGES)}")
    builder = find_builder()
    if builder is None:
        parser.error("install docker, podman or buildah; none of them works here")
    for image in options.images or IMAGES:
        tag = f"{options.prefix}/{image}:{options.tag}"
        command = build_command(builder, image, tag, about, base=options.base, options=given[split + 1 :])
        subprocess.run(command, cwd=ROOT, check=True)
        print(f"{tag}  {bill_of_materials(image).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
