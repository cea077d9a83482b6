# leachwatch: `make help` lists what there is. Variables in capitals are the options of the command.

PYTHON ?= python3
AOI ?= shan
# Build of torch: empty = the version in constraints.txt, in the build that pip chooses (CPU where one is offered).
# To insist on another, give pip's arguments: see "CPU or GPU" in docs/install.md.
TORCH ?=

VENV := .venv
LEACHWATCH := $(VENV)/bin/leachwatch
QUIET := -q --disable-pip-version-check
# setuptools warns of every editable installation with data beside the package; there is nothing to do about it.
PIP_INSTALL = PYTHONWARNINGS="ignore:Editable installation" $(VENV)/bin/pip install $(QUIET) --constraint $(VENV)/constraints.txt

option = $(if $(strip $($(2))),--$(1) "$($(2))")
HOW = $(call option,source,SOURCE) $(call option,scenes,SCENES) $(call option,out,OUT) $(call option,device,DEVICE) \
  $(call option,workers,WORKERS) $(call option,scheduler,SCHEDULER) $(call option,config,CONFIG) \
  $(call option,model,MODEL) $(call option,max-pu,MAX_PU) $(call option,max-gb,MAX_GB) $(call option,ledger,LEDGER) \
  $(call option,archive,ARCHIVE) $(call option,remake,REMAKE) $(if $(NO_SCREEN),--no-screen)
RUN_OPTIONS = $(call option,from,FROM) $(call option,to,TO) $(HOW)
SCAN_OPTIONS = $(call option,month,MONTH) $(call option,from,FROM) $(call option,catch-up,CATCH_UP) \
  $(call option,max-looks,MAX_LOOKS) $(call option,max-hours,MAX_HOURS) $(call option,log-format,LOG_FORMAT) $(HOW)
TRAIN_OPTIONS = $(call option,out,OUT) $(call option,minutes,MINUTES) $(call option,seed,SEED) \
  $(call option,workers,WORKERS) $(call option,backgrounds,BACKGROUNDS) $(call option,worlds,WORLDS) \
  $(call option,styles,STYLES) $(call option,bands,BANDS) $(call option,labels,LABELS) $(call option,scenes,SCENES) \
  $(call option,base,BASE)
EVALUATE_OPTIONS = $(call option,model,MODEL) $(call option,set,SET) $(call option,worlds,WORLDS) \
  $(call option,styles,STYLES) $(call option,backgrounds,BACKGROUNDS) $(call option,baseline,BASELINE) \
  $(call option,every,EVERY) $(if $(LIMITS),--limits) $(call option,picture,PICTURE) $(call option,gallery,GALLERY) \
  $(if $(REPLAY),--replay) $(call option,other-model,OTHER_MODEL) $(call option,run,RUN) $(call option,labels,LABELS) \
  $(call option,alert-worlds,ALERT_WORLDS) $(call option,budget,BUDGET) $(call option,km2,KM2) \
  $(call option,workers,WORKERS) $(call option,config,CONFIG)
SIMULATE_OPTIONS = $(call option,out,OUT) $(call option,workers,WORKERS) $(call option,config,CONFIG)
EXPORT_OPTIONS = $(call option,out,OUT) $(call option,archive,ARCHIVE) $(if $(PUBLIC),--public) $(call option,format,FORMAT) \
  $(call option,to,TO) $(call option,cell-km,CELL_KM) $(call option,embargo-days,EMBARGO_DAYS)
PRECISION_OPTIONS = $(call option,out,OUT) $(call option,archive,ARCHIVE) $(call option,size,SIZE) $(call option,seed,SEED)
REVIEW_OPTIONS = $(call option,out,OUT) $(call option,archive,ARCHIVE) $(call option,port,PORT) \
  $(call option,reviewer,REVIEWER) $(call option,sample,SAMPLE) $(if $(NO_BROWSER),--no-browser)
DOCTOR_OPTIONS = $(if $(LIVE),--live) $(call option,providers,PROVIDERS) $(call option,out,OUT) \
  $(call option,archive,ARCHIVE) $(call option,config,CONFIG) $(call option,model,MODEL) $(call option,format,FORMAT)

BACKUP_OPTIONS = $(call option,to,TO) $(call option,config,CONFIG) $(call option,archive,ARCHIVE) $(call option,out,OUT)
RESTORE_OPTIONS = $(if $(strip $(FROM_FILE)),"$(FROM_FILE)") $(call option,archive,ARCHIVE) $(call option,out,OUT) \
  $(if $(MERGE),--merge)

FUZZ_OPTIONS = $(call option,inputs,INPUTS) $(call option,kind,KIND) $(call option,seed,SEED) $(call option,minutes,MINUTES) \
  $(call option,workers,WORKERS)

.PHONY: help env lock detect cuts export review precision scan schedule unschedule status doctor backup restore estimate simulate train evaluate test check bench endure fuzz wheel clean FORCE
.DELETE_ON_ERROR:

help:
	@echo "make detect AOI=shan                 find and date sites (simulated input unless SOURCE=folder SCENES=DIR or SOURCE=stac)"
	@echo "     ... ARCHIVE=DIR, REMAKE=all     looks and names elsewhere than archive/ | make looks of an older model again"
	@echo "make cuts AOI=shan SOURCE=stac       fetch evidence of earlier looks and of unreported places from a server"
	@echo "make precision AOI=shan              how many of the sites are right, by people's verdicts on a sample (SIZE=50)"
	@echo "make export AOI=shan                 products again with the present verdicts (FORMAT=csv, kml, geoparquet or stac)"
	@echo "     ... PUBLIC=1                    counts by cell that may be published (CELL_KM=10, EMBARGO_DAYS=90, TO=)"
	@echo "make scan AOI=shan SOURCE=stac       scan the months that are due, and tell what is new (MONTH=, CATCH_UP=)"
	@echo "make schedule AOI=shan SOURCE=stac   have that done by itself (PRINT=1 only shows it) | make unschedule AOI=shan"
	@echo "make status                          how every area stands that is scanned (FORMAT=json)"
	@echo "make review AOI=shan                 judge the sites in your browser, on this machine only (REVIEWER=, SAMPLE=50)"
	@echo "make estimate AOI=shan SOURCE=stac   what a run would read and cost; spends nothing (also MAX_PU=, MAX_GB=)"
	@echo "make backup TO=FILE                  what cannot be made again, in one file (also ARCHIVE=, OUT=, CONFIG=)"
	@echo "make restore FROM_FILE=FILE          put it back, all or nothing (MERGE=1 joins what went different ways)"
	@echo "make simulate AOI=shan OUT=DIR       write a simulated archive with its truth"
	@echo "make train OUT=models/mine           train and calibrate a model on simulated worlds (MINUTES=, SEED=, WORLDS=)"
	@echo "make train LABELS=FILE SCENES=DIR OUT=models/mine   fine-tune on your own labels"
	@echo "make evaluate SET=held-out           score a model by site on simulated worlds (WORLDS=, MODEL=, REPLAY=1)"
	@echo "     ... ALERT_WORLDS=400 | BUDGET=0.1   known ground for the budget of false alarms | is it kept in other worlds? (KM2=)"
	@echo "make evaluate RUN=out/place LABELS=FILE   which of your own point labels a run found"
	@echo "make doctor                          what is wrong on this machine | LIVE=1: what each provider really sends"
	@echo "make env | make lock                 build the environment (detect does it when needed) | renew constraints.txt"
	@echo "make test | make check               the tests | lint, types and tests"
	@echo "make bench | make wheel              speed, beside other libraries | an installable package in dist/"
	@echo "make endure                          kill scans at every write, and three years with all that goes wrong"
	@echo "make fuzz                            damaged inputs of every kind (INPUTS=1000, KIND=geotiff, SEED=, MINUTES=)"
	@echo "make clean                           remove the environment and caches, never outputs"

env: $(VENV)/.ok

# Remembers the choice of torch, so that the environment is rebuilt when it changes and only then.
$(VENV)/.torch: FORCE
	@mkdir -p $(VENV)
	@printf '%s\n' '$(TORCH)' | cmp -s - $@ || printf '%s\n' '$(TORCH)' > $@

# Of another torch than the one in constraints.txt, the rest of the list still holds.
$(VENV)/constraints.txt: constraints.txt $(VENV)/.torch
	@$(if $(strip $(TORCH)),grep -v '^torch==' $< > $@,cp $< $@)

$(VENV)/.ok: pyproject.toml $(VENV)/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "leachwatch needs Python 3.11 or newer; choose one with make PYTHON=python3.11"; exit 2; }
	@echo "Building the environment in $(VENV) (1 to 3 minutes, about 1.8 GB with the CPU build of torch) ..."
	@rm -f $(VENV)/.ok $(VENV)/.dev
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install $(QUIET) --upgrade pip
	@$(if $(strip $(TORCH)),$(PIP_INSTALL) $(TORCH))
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.ok
	@echo "Adding the tools for tests ..."
	@$(PIP_INSTALL) --editable ".[dev]"
	@touch $@

# Made anew after an upgrade that was tried: what is installed then is what was tested.
lock: $(VENV)/.dev
	@{ sed -n '/^#/p' constraints.txt; $(VENV)/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' | sort -f; } > .constraints.part
	@mv .constraints.part constraints.txt

detect: $(VENV)/.ok
	@$(LEACHWATCH) detect --aoi "$(AOI)" $(RUN_OPTIONS)

cuts: $(VENV)/.ok
	@$(LEACHWATCH) cuts --aoi "$(AOI)" $(RUN_OPTIONS)

precision: $(VENV)/.ok
	@$(LEACHWATCH) precision --aoi "$(AOI)" $(PRECISION_OPTIONS)

export: $(VENV)/.ok
	@$(LEACHWATCH) export --aoi "$(AOI)" $(EXPORT_OPTIONS)

scan: $(VENV)/.ok
	@$(LEACHWATCH) scan --aoi "$(AOI)" $(SCAN_OPTIONS)

schedule: $(VENV)/.ok
	@$(LEACHWATCH) schedule --aoi "$(AOI)" $(SCAN_OPTIONS) $(if $(PRINT),--print) $(if $(CRON),--cron)

unschedule: $(VENV)/.ok
	@$(LEACHWATCH) unschedule --aoi "$(AOI)" $(call option,archive,ARCHIVE)

status: $(VENV)/.ok
	@$(LEACHWATCH) status $(call option,format,FORMAT) $(call option,config,CONFIG) $(call option,archive,ARCHIVE)

estimate: $(VENV)/.ok
	@$(LEACHWATCH) estimate --aoi "$(AOI)" $(RUN_OPTIONS)

backup: $(VENV)/.ok
	@$(LEACHWATCH) backup $(BACKUP_OPTIONS)

restore: $(VENV)/.ok
	@$(LEACHWATCH) restore $(RESTORE_OPTIONS)

simulate: $(VENV)/.ok
	@$(LEACHWATCH) simulate --aoi "$(AOI)" $(SIMULATE_OPTIONS)

train: $(VENV)/.ok
	@$(LEACHWATCH) train $(TRAIN_OPTIONS)

evaluate: $(VENV)/.ok
	@$(LEACHWATCH) evaluate $(EVALUATE_OPTIONS)

review: $(VENV)/.ok
	@$(LEACHWATCH) review --aoi "$(AOI)" $(REVIEW_OPTIONS)

doctor: $(VENV)/.ok
	@$(LEACHWATCH) doctor $(DOCTOR_OPTIONS)

test: $(VENV)/.dev
	@$(VENV)/bin/python -m pytest

check: $(VENV)/.dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(MAKE) --no-print-directory test

fuzz: $(VENV)/.dev
	@$(VENV)/bin/python -m tests.fuzz $(FUZZ_OPTIONS)

bench: $(VENV)/.dev
	@$(VENV)/bin/python benchmarks/speed.py
	@PYTHONPATH=.:benchmarks $(VENV)/bin/python benchmarks/forest.py
	@PYTHONPATH=.:benchmarks $(VENV)/bin/python benchmarks/stages.py

endure: $(VENV)/.dev
	@PYTHONPATH=.:tests $(VENV)/bin/python tests/endurance.py
	@PYTHONPATH=.:tests $(VENV)/bin/python tests/three_years.py

wheel: $(VENV)/.dev
	@$(VENV)/bin/python -m build --wheel --outdir dist . > /dev/null
	@rm -rf build
	@ls dist/*.whl

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
