# Every image of Meterline: `docker build --build-arg SERVICE=ingest .`, or all of them with `make images`.
# SERVICE is a folder of services/, or `meterline` for the command line, which the Jobs of a cluster use.
#
# The base is pinned to a release. Who mirrors images, or pins them by digest, names another one:
# make images PYTHON_IMAGE=mirror.example.com/python:3.11.14-slim-bookworm@sha256:...
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

# What runs: the base without the tools that only install things, and with the standard library compiled. At run time
# the file system is read only, so what is not compiled here would be compiled again at every start.
FROM ${PYTHON_IMAGE} AS base
RUN set -eu; \
    library="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"; \
    rm -rf "$library/ensurepip" "$library/idlelib" "$library/lib2to3" "$library/test" "$library/tkinter" \
      /usr/share/python-wheels /usr/share/doc /usr/share/man /usr/share/locale /usr/local/bin/pip*; \
    find "$library" /usr/lib /usr/local/lib -path '*-packages/*' \( -name 'pip' -o -name 'pip-*' -o -name 'setuptools*' \
      -o -name 'wheel*' -o -name 'pkg_resources' -o -name '_distutils_hack' -o -name 'distutils-precedence.pth' \) \
      -prune -exec rm -rf {} +; \
    python -m compileall -q -f --invalidation-mode unchecked-hash "$library"

# What is installed: the lock with its hashes, and the wheels of this repository.
FROM ${PYTHON_IMAGE} AS build
# It strips debug symbols and stays in this stage: no version of it is better than another.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends binutils \
 && rm -rf /var/lib/apt/lists/*
ARG SERVICE
ARG SOURCE_DATE_EPOCH=0
WORKDIR /build
COPY requirements/build.txt requirements/${SERVICE}.txt requirements/
RUN python -m venv /tools \
 && /tools/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements/build.txt \
 && python -m venv --without-pip /app \
 && /tools/bin/pip --python /app/bin/python install --quiet --no-cache-dir --no-compile --no-deps --require-hashes \
      -r "requirements/$SERVICE.txt"
COPY libs libs
COPY services services
RUN set -eu; \
    own="services/$SERVICE"; [ -d "$own" ] || own="libs/$SERVICE"; \
    expressions=; if grep -q metering-expressions "$own/pyproject.toml"; then expressions=./libs/expressions; fi; \
    /tools/bin/pip wheel --quiet --no-cache-dir --no-deps --no-index --no-build-isolation --wheel-dir /wheels \
      ./libs/contracts ./libs/chassis ./libs/eventlog ./libs/money $expressions "./$own"; \
    /tools/bin/pip --python /app/bin/python install --quiet --no-compile --no-deps --no-index /wheels/*.whl
# A third of what the wheels of others bring are debug symbols. Libraries in *.libs were moved there by a tool that
# rewrites them, and do not bear another.
RUN find /app -name '*.so' -not -path '*.libs/*' -exec strip --strip-debug {} + \
 && find /app -path '*/numpy/*' -type d -name tests -prune -exec rm -rf {} + \
 && /app/bin/python -m compileall -q -f --invalidation-mode unchecked-hash /app/lib
# One name to start whatever it is; outside of a container a service listens to its own machine alone.
RUN set -eu; name="$(python -c 'import sys; print(sys.argv[1].upper())' "$SERVICE")"; \
    { echo '#!/bin/sh'; \
      if [ -d "services/$SERVICE" ]; then \
        echo "export ${name}_LISTEN=\"\${${name}_LISTEN:-0.0.0.0:8080}\""; \
        echo "export ${name}_HEALTH_LISTEN=\"\${${name}_HEALTH_LISTEN:-0.0.0.0:8081}\""; \
        echo '[ $# -gt 0 ] || set -- serve'; \
      fi; \
      echo "exec /app/bin/python -P -m $SERVICE \"\$@\""; \
    } > /app/bin/start; chmod 755 /app/bin/start

FROM scratch
# All of it, since what the stage took away would otherwise stay below, in the base's own layers.
# hadolint ignore=DL3067
COPY --from=base / /
COPY --from=build /app /app
ARG SERVICE
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="meterline/${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["/app/bin/start"]
