# Two commands are all the set-up there is: `make quickstart` and `make test`. Everything lives in .venv.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
RECIPE := recipes/quickstart.yaml
TORCH := $(shell grep '^torch==' constraints.txt)
SOURCES := drdoctl benchmarks chaos tests tools

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-peers test-clients bench bench-cost bench-growth chaos kills hostile fuzz chaos-zoo soak check lint types gen gen-check zoo golden wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

quickstart: $(VENV)/.installed ## install, run the quickstart and say where its report is
	$(BIN)/drdoctl apply $(RECIPE) --auto-approve

test: $(VENV)/.installed-dev ## install and run all tests
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-peers: $(VENV)/.installed-peers ## install TRL too, and run the tests that compare with it
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m peers $(ARGS)

test-clients: $(VENV)/.installed-dev ## the zoo's tests with older clients of the Hub, with and without hf_xet (environments in build/)
	$(BIN)/python tools/clients.py --out docs/reliability/clients.txt $(ARGS)

bench: $(VENV)/.installed-peers ## repeat the measurements of docs/performance.md (hours; ARGS="dpo-step --rounds 5" for less)
	$(BIN)/python -m benchmarks $(ARGS)
	$(BIN)/python -m benchmarks --render

bench-cost: $(VENV)/.installed-dev ## repeat docs/cost.md: what plans expect against what stages take
	$(BIN)/python -m benchmarks.cost --work $(or $(WORK),build/cost) --rounds 3
	$(BIN)/python -m benchmarks.cost --work $(or $(WORK),build/cost) --page

bench-growth: $(VENV)/.installed-dev ## repeat docs/growth.md: time and memory by the number of pairs (ARGS="--sizes 1000 10000" for less)
	$(BIN)/python -m benchmarks.growth $(ARGS)

chaos: kills hostile fuzz chaos-zoo ## what breaks drdoctl on purpose, one kind of harm after the other; `soak` mixes them

kills: $(VENV)/.installed-dev ## a stage killed, or failed by the disk, at every system call that writes (needs strace)
	$(BIN)/python -m chaos kills $(ARGS)

hostile: $(VENV)/.installed-dev ## every corpus of hostile specs, data, templates and models: refused k of k
	$(BIN)/python -m chaos hostile $(ARGS)

fuzz: $(VENV)/.installed-dev ## wild files for whatever reads one (ARGS="--seconds 600 --seed 1")
	$(BIN)/python -m chaos fuzz $(ARGS)

chaos-zoo: $(VENV)/.installed-dev ## a push and a pull struck at each request, and killed there
	$(BIN)/python -m chaos zoo $(ARGS)

soak: $(VENV)/.installed-dev ## a run that is hit by 100 random faults and must end as an undisturbed one (ARGS="--processes 2 --faults 20")
	$(BIN)/python -m chaos soak $(ARGS)

check: lint types gen-check test ## everything that must be clean before a commit

lint: $(VENV)/.installed-dev ## ruff: rules and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(VENV)/.installed-dev ## mypy, strict outside the torch code
	$(BIN)/mypy

gen: $(VENV)/.installed-dev ## write the generated files: JSON Schemas, command-line reference
	$(BIN)/python tools/gen.py

gen-check: $(VENV)/.installed-dev ## see that the generated files are current
	$(BIN)/python tools/gen.py --check

zoo: $(VENV)/.installed-dev ## train and publish the small oracle that ships anew, into zoo/shipped (three minutes)
	$(BIN)/python tools/zoo.py

golden: $(VENV)/.installed-dev ## rewrite the golden files; read the diff before committing it
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --update-golden $(ARGS)

wheel: $(VENV)/.installed-dev ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

clean: ## remove the environment and what was built; the store .drdoctl/ is kept
	rm -rf $(VENV) build dist

# torch comes first and alone, by its exact pin, so that nothing that depends on it can pick another build.
$(VENV)/.installed: constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/.installed-peers: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,peers]'
	touch $@
