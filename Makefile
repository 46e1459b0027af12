# Two commands are all that is needed: `make demo` and `make test`. Both install what is missing first.

SHELL := bash
CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
GEOPHRASE := $(TARGET_DIR)/release/geophrase
# One profile for everything: building the tensor kernels twice takes longer than it helps.
PROFILE := --release

.PHONY: demo test test-qgis test-fuzz build setup check bench bench-torch train-small help
.DEFAULT_GOAL := help

help:
	@echo "make demo         find tanks, red roofs and ships in the shipped scene; results in out/"
	@echo "make test         run all tests"
	@echo "make test-qgis    open results in a real QGIS (installs Debian's package; skips where it cannot)"
	@echo "make test-fuzz    build the fuzz targets and run them on their seeds (tests/fuzz/run.sh fuzzes)"
	@echo "make build        build $(GEOPHRASE)"
	@echo "make check        formatting and lints"
	@echo "make bench        benchmarks, peak memory included"
	@echo "make bench-torch  forward passes and a training step beside PyTorch (needs Python, 6 GB)"
	@echo "make pretrained   fetch and convert the weights that training starts from"
	@echo "make train-small  train the shipped model again (hours)"
	@echo "make score-small  score the shipped model on labelled imagery, where there is some in data/imagery"
	@echo "make calibrate-small  fit the shipped model's calibration on one half of that imagery's places"
	@echo "make mosaics      polygons and previews of buildings, trees and roads on your own scenes, MOSAICS=DIR"
	@echo "make parity       compare layers, losses and whole models with PyTorch (needs Python, 6 GB); writes docs/parity.md"

# Prints nothing when all is there.
setup:
	@.ci/setup

build: setup
	$(CARGO) build $(PROFILE) -p pipeline --bin geophrase

demo: build
	$(GEOPHRASE) demo

test: setup
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		set -x; $(CARGO) nextest run $(PROFILE) --workspace --no-fail-fast && $(CARGO) test $(PROFILE) --workspace --doc; \
	else \
		set -x; $(CARGO) test $(PROFILE) --workspace --no-fail-fast; \
	fi

test-qgis: build
	.ci/qgis $(GEOPHRASE) $(QGIS_PICTURE)

# They stand outside of the workspace, so nothing else notices when they no longer build.
test-fuzz: setup
	cp Cargo.lock tests/fuzz/Cargo.lock
	CARGO_TARGET_DIR=$(abspath $(TARGET_DIR)) $(CARGO) build $(PROFILE) --manifest-path tests/fuzz/Cargo.toml
	for seeds in tests/fuzz/seeds/*; do \
		$(abspath $(TARGET_DIR))/release/$$(basename $$seeds) -runs=0 -rss_limit_mb=4096 -artifact_prefix=$(abspath $(TARGET_DIR))/ \
			$$seeds >$(abspath $(TARGET_DIR))/fuzz-seeds.log 2>&1 \
			|| { tail -n 30 $(abspath $(TARGET_DIR))/fuzz-seeds.log; exit 1; }; \
	done

check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(PROFILE) --workspace --all-targets -- -D warnings

bench: setup
	$(CARGO) bench --workspace

# The whole model and a training step beside PyTorch, in the Python of `make parity`.
bench-torch: setup parity-environment
	GEOPHRASE_PYTHON=$(abspath $(PARITY_PYTHON)) $(CARGO) bench -p model --bench torch

include data/pretrained.mk

$(GEOPHRASE):
	$(MAKE) build

train-small: build pretrained
	$(GEOPHRASE) train --config examples/configs/train-small-1.toml --stop-at 700
	$(GEOPHRASE) train --config examples/configs/train-small-2.toml
	$(GEOPHRASE) train --config examples/configs/train-small-3.toml --stop-at 1440
	@if test -f data/imagery/instances_train.json; then set -x; \
		$(GEOPHRASE) train --config examples/configs/train-small-real.toml && \
		$(GEOPHRASE) train --config examples/configs/train-small-real-2.toml && \
		$(GEOPHRASE) train --config examples/configs/train-small-real-3.toml --stop-at 1050 && \
		$(GEOPHRASE) train --config examples/configs/train-small-real-4.toml --stop-at 2500 && \
		$(GEOPHRASE) weights mix runs/real/model runs/real-3/last --share 0.5 --out runs/mixed && \
		$(GEOPHRASE) train --config examples/configs/train-small-real-5.toml; \
	else echo "no data/imagery: runs/small/model has seen generated scenes only (docs/small-model.md)"; fi

include data/imagery.mk
include model/tests/parity/parity.mk
