#!/usr/bin/env bash
# Makes a stand-in for the base image from Debian's packages, for machines that reach no image registry:
#     make images PYTHON_IMAGE=$(scripts/base_image.sh)
# Prints its name, which bears the digest of this file: made once, and never taken from another release's.
# Needs root, mmdebstrap and buildah (or CONTAINER_BUILDER=podman).
set -euo pipefail

builder=${CONTAINER_BUILDER:-buildah}
name=localhost/meterline-base:$(sha256sum <"$0" | cut -c 1-12)
if ! "$builder" inspect --type image "$name" >/dev/null 2>&1; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    # Full perl comes along for a tool that finds files; nothing here uses it, and the official base has none.
    mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,python-is-python3,ca-certificates \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
        --customize-hook='rm -rf "$1"/usr/share/perl "$1"/usr/lib/*/perl/[0-9]* "$1"/usr/lib/*/libperl.so*' \
        bookworm "$folder/base.tar" >&2
    if [ "$builder" = podman ]; then
        podman import --quiet "$folder/base.tar" "$name" >&2
    else
        container=$(buildah from scratch)
        buildah add --quiet "$container" "$folder/base.tar" / >&2
        buildah commit --quiet --rm "$container" "$name" >&2
    fi
fi
printf '%s\n' "$name"
