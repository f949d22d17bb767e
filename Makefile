# `make demo` shows what clueplus does; `make test` runs every test. Both make the environment they need.
# Without compiled modules every start takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV ?= .venv
DEMO_VENV ?= .venv-demo

.PHONY: help demo test lint types bench results clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: ## Install the core and evaluate a baseline on the shipped samples: no weights, no data, no GPU
	@tools/install_core.sh $(DEMO_VENV)
	$(DEMO_VENV)/bin/clueplus evaluate --model baseline

test: ## Run every test, with a real vLLM server on the CPU where that can be installed
	@PYTHON=$(PYTHON) tools/install_dev.sh $(VENV)
	$(VENV)/bin/python -m pytest -n 2 --no-loadscope-reorder

lint: ## ruff, over code, tests and tools
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: ## mypy --strict, over clueplus/
	$(VENV)/bin/mypy

bench: ## Seconds and memory beside the peers'
	$(VENV)/bin/python benchmarks/start_up.py
	$(VENV)/bin/python benchmarks/metric_parity.py
	$(VENV)/bin/python benchmarks/client.py
	$(VENV)/bin/python benchmarks/long_prompts.py
	$(VENV)/bin/python benchmarks/real_server.py
	$(VENV)/bin/python benchmarks/bootstrap.py
	$(VENV)/bin/python benchmarks/gate_speed.py
	$(VENV)/bin/python benchmarks/gate_calibration.py
	$(VENV)/bin/python benchmarks/leaderboard.py
	$(VENV)/bin/python benchmarks/decontamination.py
	$(VENV)/bin/python benchmarks/merging.py
	$(VENV)/bin/python benchmarks/synthesis.py

results: ## Evaluate the baselines on the open tasks and write their records into results/
	$(VENV)/bin/python tools/publish_baselines.py

clean: ## Remove what the targets above made
	rm -rf $(VENV) $(DEMO_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
