#!/usr/bin/env bash
# Makes .venv from the hashed locks and installs every member of the workspace into it, editable.
# Needs only Python >= 3.11. Choose a specific one with PYTHON=/path/to/python.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    printf 'make install: %s\n' "$1" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3}; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "no Python >= 3.11 found (tried: ${PYTHON:-python3.11, python3}). Install python3.11, or name one: make install PYTHON=/path/to/python"
}

# Debian and Ubuntu ship the venv module without ensurepip; the package that completes it has the version in its name.
install_venv_package() {
    local package=$1
    command -v apt-get >/dev/null || fail "$python cannot make a virtual environment with pip in it. Install ensurepip for it, or choose another Python with PYTHON="
    if [ "$(id -u)" -ne 0 ]; then
        fail "$python cannot make a virtual environment. Run: sudo apt-get install $package"
    fi
    printf 'Installing %s, which %s needs to make a virtual environment\n' "$package" "$python"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" </dev/null >/dev/null 2>&1 && return
    apt-get update -qq </dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" </dev/null >/dev/null
}

make_venv() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        install_venv_package "$("$python" -c 'import sys; print(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")')"
    fi
    "$python" -m venv --clear .venv
}

# uv reads its own index settings, not pip's. Where only pip knows how to reach packages (a mirror in pip.conf), pip does
# the same work with the same hashes, only more slowly.
install_locked() {
    if .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt &&
        .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/dev.txt; then
        return
    fi
    printf 'uv could not install the lock; trying pip\n' >&2
    .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements/dev.txt
}

# The build backend comes from the lock as well, so nothing is fetched here.
install_members() {
    local member arguments=()
    for member in libs/*/ services/*/; do
        arguments+=(-e "$member")
    done
    if [ -x .venv/bin/uv ]; then
        .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation "${arguments[@]}"
    else
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation "${arguments[@]}"
    fi
}

if ! is_new_enough .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    make_venv
fi
install_locked
install_members
printf 'Installed with %s: .venv/bin/meterline\n' "$(.venv/bin/python --version)"
