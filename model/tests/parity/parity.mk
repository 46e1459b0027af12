# `make parity`: our layers, losses and models against PyTorch, and the table in docs/parity.md.
# Sets up its own Python (about 6 GB, from PyPI); PARITY_PYTHON names an interpreter that has requirements.txt already.

PYTHON ?= python3
PARITY := model/tests/parity
PARITY_VENV := $(PARITY)/.venv
PARITY_PYTHON ?= $(PARITY_VENV)/bin/python
# Fixtures of full size, about 2 GB; removed when all is well.
PARITY_FULL := $(abspath $(TARGET_DIR))/parity

.PHONY: parity parity-environment parity-fixtures

parity: setup pretrained parity-environment
	$(PARITY_PYTHON) $(PARITY)/regenerate.py
	rm -rf $(PARITY_FULL)
	PARITY_FIXTURES=$(PARITY_FULL) $(PARITY_PYTHON) $(PARITY)/export_full.py
	GEOPHRASE_PARITY=$(PARITY_FULL) GEOPHRASE_PARITY_ROWS=$(PARITY_FULL)/rows.tsv \
		$(CARGO) test $(PROFILE) -p model --test parity -- --test-threads 1
	$(PARITY_PYTHON) $(PARITY)/table.py $(PARITY_FULL)/rows.tsv docs/parity.md
	rm -rf $(PARITY_FULL)

# Puts fixtures made again in the place of the committed ones.
parity-fixtures: parity-environment
	$(PARITY_PYTHON) $(PARITY)/regenerate.py --update

# An environment that the user names is the user's.
parity-environment: $(if $(filter $(PARITY_VENV)/bin/python,$(PARITY_PYTHON)),$(PARITY_VENV)/.installed)

$(PARITY_VENV)/.installed: $(PARITY)/requirements.txt
	$(PYTHON) -m venv $(PARITY_VENV)
	$(PARITY_VENV)/bin/python -m pip install --quiet -r $<
	touch $@
