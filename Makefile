# The daily work. `make` alone prints this list.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup up demo test test-native test-python test-e2e conformance checks format bench guest-check native docs manifests lock interop-setup contracts-setup contracts contracts-test contracts-gas contracts-invariants contracts-vectors conformance-py-evm interop faults mutations clean

ENVIRONMENT := . scripts/environment.sh;
PYTHON := .venv/bin/python
CARGO := $(ENVIRONMENT) cd node/native && cargo

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: ## make this checkout run: .venv from the lock, native core, commands (quick when nothing changed)
	@scripts/setup.sh

up: setup ## a rollup on this machine: L1, contracts, sequencer, prover, funded accounts, a live view; ctrl-c leaves
	@.venv/bin/ethrexctl up -f examples/rollup.yaml

demo: ## a deposit, a transfer, a withdrawal and its claim, on what `make up` runs in another terminal
	@export ETHREX_KEY=dev:3; set -x; .venv/bin/ethrex l2 deposit 1.5eth; \
	    .venv/bin/ethrex l2 transfer 0.5eth 0x00000000000000000000000000000000000000aa; .venv/bin/ethrex l2 withdraw 0.25eth --claim

test: setup test-native contracts-test test-python ## every test: the native core's, the contracts', units, a sample of the official suites

test-native:
	@echo "== cargo test"
	@$(CARGO) test --release --locked --quiet --workspace --exclude ethrex-node-native

test-python:
	@echo "== pytest"
	@$(PYTHON) -m pytest --quiet
	@echo "== faults, a sample"
	@$(PYTHON) -m pytest --quiet tests/faults
	@echo "== conformance sample"
	@$(PYTHON) scripts/play_suites.py
	@echo "== cluster, skipped where this machine cannot run one"
	@$(PYTHON) -m pytest --quiet tests/e2e

test-e2e: setup ## every test on a real cluster of this machine; REQUIRE_E2E=1 lets none be skipped (tests/e2e/README.md)
	@[ -n "$${E2E_KUBECONFIG:-}" ] || ! command -v go >/dev/null || tests/e2e/cluster/build.sh >/dev/null
	@$(PYTHON) -m pytest --quiet -m "" tests/e2e

faults: setup ## the whole count of kills, power cuts and malformed input over the real process, L1 faults, solvency (two hours)
	@FAULT_KILLS=110 FAULT_CUTS=150 FAULT_ROLLUP_KILLS=110 FAULT_IMPORT_KILLS=40 FAULT_FILES=4000 FAULT_QUEUE_REORGS=20 FAULT_SOLVENCY_SECONDS=600 FAULT_L1_REORGS=20 FAULT_L1_STOP_SECONDS=600 $(PYTHON) -m pytest --quiet tests/faults
	@export DECODER_CASES=1000000; $(CARGO) test --release --locked --quiet --workspace --exclude ethrex-node-native --test decoders

mutations: setup ## take one check of the rollup after the other away; the lying sequencer's test must go red each time
	@$(ENVIRONMENT) $(PYTHON) scripts/mutations.py

conformance: setup ## every case of the official suites that lie beside the checkout (some minutes)
	@$(PYTHON) scripts/play_suites.py --all

conformance-py-evm: setup ## the second engine on every valid fixture to Prague (some minutes)
	@$(PYTHON) scripts/play_suites.py --all --only py-evm

checks: setup ## the gate: format, lint, types, layers, generated pages
	@echo "== ruff"
	@$(PYTHON) -m ruff format --check --quiet .
	@$(PYTHON) -m ruff check --quiet .
	@echo "== mypy --strict"
	@$(PYTHON) -m mypy
	@$(PYTHON) -m mypy.stubtest ethrex_node._native --allowlist .stubtest-allowed >/dev/null || \
	    $(PYTHON) -m mypy.stubtest ethrex_node._native --allowlist .stubtest-allowed
	@echo "== layers"
	@.venv/bin/lint-imports --no-logo >/dev/null || .venv/bin/lint-imports
	@.venv/bin/lint-imports --config prover/.importlinter --no-logo >/dev/null || .venv/bin/lint-imports --config prover/.importlinter
	@.venv/bin/lint-imports --config operator/.importlinter --no-logo >/dev/null || .venv/bin/lint-imports --config operator/.importlinter
	@echo "== generated pages"
	@$(PYTHON) scripts/generated.py --check
	@echo "== contract artifacts"
	@$(PYTHON) scripts/contract_artifacts.py --check
	@echo "== cargo fmt, clippy"
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --release --locked --quiet --workspace --all-targets -- -D warnings

format: ## put Python and Rust into the common form
	@$(PYTHON) -m ruff format --quiet .
	@$(PYTHON) -m ruff check --quiet --fix .
	@$(CARGO) fmt --all

bench: setup ## measure beside the peers, a JSON line each
	@$(PYTHON) -m bench all

guest-check: ## compile the state transition for a zkVM
	@$(ENVIRONMENT) node/native/guest-check.sh

native: ## rebuild only the native core
	@scripts/setup.sh --native

docs: setup ## write the generated pages again
	@$(PYTHON) scripts/generated.py
	@$(PYTHON) scripts/plain_yaml.py --if-helm

manifests: setup ## write the operator as plain YAML again, in one file: chart and CRDs (needs helm)
	@$(PYTHON) scripts/plain_yaml.py

lock: ## resolve requirements.lock again from the pyproject files
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras --group dev --no-emit-package ethrex-node \
	    node/pyproject.toml prover/pyproject.toml operator/pyproject.toml --output-file requirements.lock

interop: setup interop-setup ## sessions of clients at our dev chain and at anvil, chains exchanged with geth, a consensus client (a few minutes)
	@$(PYTHON) -m pytest --quiet -m "" tests/interop

interop-setup: ## JavaScript clients, anvil and a consensus client for the interop tests, into the cache
	@scripts/interop.sh
	@scripts/interop.sh consensus

contracts-setup: ## forge, the Solidity compiler and OpenZeppelin, into the cache
	@scripts/contracts.sh >/dev/null

contracts: setup ## build the contracts offline and write their artifacts again
	@$(PYTHON) scripts/contract_artifacts.py

contracts-test: ## the contracts' tests: units, fuzz, a short run of the invariants, the gas of settlement
	@echo "== contracts"
	@forge=$$(scripts/contracts.sh) && cd contracts && "$$forge" fmt --check && FOUNDRY_PROFILE=ci "$$forge" test --gas-snapshot-check=true --gas-snapshot-emit=false

contracts-gas: ## write the gas of settlement (contracts/snapshots) again
	@forge=$$(scripts/contracts.sh) && cd contracts && "$$forge" test --match-path 'test/Gas.t.sol'

contracts-vectors: ## write tests/vectors again, as the contracts make them
	@forge=$$(scripts/contracts.sh) && cd contracts && VECTORS=write "$$forge" test --match-path 'test/Vectors.t.sol'

contracts-invariants: ## the invariants at their full length (500,000 calls each)
	@forge=$$(scripts/contracts.sh) && cd contracts && FOUNDRY_PROFILE=full "$$forge" test --match-path 'test/Invariants.t.sol'

clean: ## remove .venv, built modules and the native build of this lock file
	@$(ENVIRONMENT) rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis node/src/ethrex_node/*.so "$$CARGO_TARGET_DIR"
