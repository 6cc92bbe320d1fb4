#!/usr/bin/env bash
# Makes a stand-in for the base image from Debian's packages, for machines that reach no image registry:
#     scripts/base_image.sh localhost/python:3.11 && make images PYTHON_IMAGE=localhost/python:3.11
# Needs root, mmdebstrap and buildah (or CONTAINER_BUILDER=podman).
set -euo pipefail

name=${1:?usage: scripts/base_image.sh IMAGE}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Full perl comes along for a tool that finds files; nothing here uses it, and the official base has none.
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,python-is-python3,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --customize-hook='rm -rf "$1"/usr/share/perl "$1"/usr/lib/*/perl/[0-9]* "$1"/usr/lib/*/libperl.so*' \
    bookworm "$folder/base.tar"
if [ "${CONTAINER_BUILDER:-buildah}" = podman ]; then
    podman import --quiet "$folder/base.tar" "$name"
else
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$folder/base.tar" / >/dev/null
    buildah commit --quiet --rm "$container" "$name"
fi
