# leachwatch: `make help` lists what there is. Variables in capitals are the options of the command.

PYTHON ?= python3
AOI ?= shan
# Build of torch: empty = what pip chooses (the CPU build where one is offered, else the CUDA build).
# To insist, give the version to install, or an index: see "CPU or GPU" in the README.
TORCH ?=

VENV := .venv
LEACHWATCH := $(VENV)/bin/leachwatch
QUIET := -q --disable-pip-version-check

option = $(if $(strip $($(2))),--$(1) "$($(2))")
OPTIONS = $(call option,source,SOURCE) $(call option,scenes,SCENES) $(call option,from,FROM) $(call option,to,TO) \
  $(call option,out,OUT) $(call option,device,DEVICE) $(call option,workers,WORKERS) $(call option,config,CONFIG) \
  $(call option,model,MODEL) $(call option,max-pu,MAX_PU) $(call option,max-gb,MAX_GB) $(call option,ledger,LEDGER)
TRAINING = $(call option,out,OUT) $(call option,minutes,MINUTES) $(call option,seed,SEED) $(call option,workers,WORKERS) \
  $(call option,backgrounds,BACKGROUNDS) $(call option,styles,STYLES) $(call option,bands,BANDS) \
  $(call option,labels,LABELS) $(call option,scenes,SCENES) $(call option,base,BASE)

.PHONY: help env detect estimate simulate train evaluate test check bench clean FORCE
.DELETE_ON_ERROR:

help:
	@echo "make detect AOI=shan         find and date sites (simulated input unless SOURCE=folder SCENES=DIR or SOURCE=stac)"
	@echo "make estimate AOI=shan SOURCE=stac   what a run would read and cost; spends nothing (also MAX_PU=, MAX_GB=)"
	@echo "make simulate AOI=shan OUT=DIR   write a simulated archive with its truth"
	@echo "make train OUT=models/mine   train and calibrate a model on simulated worlds (MINUTES=, SEED=, BACKGROUNDS=)"
	@echo "make train LABELS=FILE SCENES=DIR OUT=models/mine   fine-tune on your own labels"
	@echo "make evaluate SET=held-out   score a model by site on simulated worlds (WORLDS=, MODEL=, RUN=out/shan)"
	@echo "make evaluate RUN=out/place LABELS=FILE   which of your own point labels did a run find"
	@echo "make env                     build the environment (detect does it when needed)"
	@echo "make test | make check       the tests | lint, types and tests"
	@echo "make bench                   speed and memory"
	@echo "make clean                   remove the environment and caches, never outputs"

env: $(VENV)/.ok

# Remembers the choice of torch, so that the environment is rebuilt when it changes and only then.
$(VENV)/.torch: FORCE
	@mkdir -p $(VENV)
	@printf '%s\n' '$(TORCH)' | cmp -s - $@ || printf '%s\n' '$(TORCH)' > $@

$(VENV)/.ok: pyproject.toml $(VENV)/.torch
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "leachwatch needs Python 3.11 or newer; choose one with make PYTHON=python3.11"; exit 2; }
	@echo "Building the environment in $(VENV) (1 to 3 minutes, about 1.7 GB with the CPU build of torch) ..."
	@rm -f $(VENV)/.ok $(VENV)/.dev
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install $(QUIET) --upgrade pip
	@$(if $(strip $(TORCH)),$(VENV)/bin/pip install $(QUIET) $(TORCH))
	@$(VENV)/bin/pip install $(QUIET) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.ok
	@echo "Adding the tools for tests ..."
	@$(VENV)/bin/pip install $(QUIET) --editable ".[dev]"
	@touch $@

detect: $(VENV)/.ok
	@$(LEACHWATCH) detect --aoi "$(AOI)" $(OPTIONS)

estimate: $(VENV)/.ok
	@$(LEACHWATCH) estimate --aoi "$(AOI)" $(OPTIONS)

simulate: $(VENV)/.ok
	@$(LEACHWATCH) simulate --aoi "$(AOI)" $(call option,out,OUT) $(call option,workers,WORKERS) $(call option,config,CONFIG)

train: $(VENV)/.ok
	@$(LEACHWATCH) train $(TRAINING)

evaluate: $(VENV)/.ok
	@$(LEACHWATCH) evaluate $(call option,model,MODEL) $(call option,set,SET) $(call option,worlds,WORLDS) \
	  $(call option,baseline,BASELINE) $(call option,styles,STYLES) $(call option,every,EVERY) $(if $(LIMITS),--limits) $(call option,picture,PICTURE) \
	  $(call option,labels,LABELS) $(call option,gallery,GALLERY) \
	  $(call option,backgrounds,BACKGROUNDS) $(call option,run,RUN) $(call option,workers,WORKERS)

test: $(VENV)/.dev
	@$(VENV)/bin/python -m pytest

check: $(VENV)/.dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(MAKE) --no-print-directory test

bench: $(VENV)/.dev
	@$(VENV)/bin/python benchmarks/worlds.py
	@$(VENV)/bin/python benchmarks/memory.py

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
