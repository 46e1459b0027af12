# What needs imagery that does not lie in the repository.
#
# `make score-small`: the numbers of the shipped model's card that rest on labelled imagery. `make calibrate-small`: its
# calibration, fitted anew. Both need data/imagery.

IMAGERY := data/imagery
SCORES := runs/score
MODEL ?= data/models/small
BUILD_RECORDS = $(GEOPHRASE) dataset build --coco $(IMAGERY)/instances_val.json --images $(IMAGERY)/images --overwrite
SCORE = $(GEOPHRASE) eval --model $(MODEL) --images $(IMAGERY)/images

.PHONY: score-records score-small calibrate-small
score-records: build
	@test -f $(IMAGERY)/instances_val.json || { \
		echo "this needs $(IMAGERY): instances_val.json and the folder images (docs/small-model.md)" >&2; exit 1; }
	mkdir -p $(SCORES)
	$(BUILD_RECORDS) --split-by-place --seed 977 --score-outlines-only --complete-only --per-image 3 --out $(SCORES)/built.jsonl
	$(BUILD_RECORDS) --split-by-place --seed 977 --score-outlines-only --complete-only --per-image 3 --phrasings held-out \
		--out $(SCORES)/held-out.jsonl
	$(BUILD_RECORDS) --split-by-place --written data/phrases/validation.jsonl --out $(SCORES)/written.jsonl

# The calibration of MODEL, fitted on one half of the validation places: made phrases, reserved wordings, people's.
calibrate-small: score-records
	cat $(SCORES)/built.jsonl $(SCORES)/held-out.jsonl $(SCORES)/written.jsonl >$(SCORES)/calibration.jsonl
	$(GEOPHRASE) calibrate --model $(MODEL) --images $(IMAGERY)/images --records $(SCORES)/calibration.jsonl --split first \
		--out $(MODEL)/config.json --overwrite

# All places, and those alone that the calibration was not fitted on.
score-small: score-records
	for set in built held-out written; do \
		$(SCORE) --records $(SCORES)/$$set.jsonl --json $(SCORES)/$$set.json --items $(SCORES)/$$set-items.jsonl \
			--plot $(SCORES)/$$set.svg --sheet $(SCORES)/$$set-worst.png --overwrite || exit 1; \
		$(SCORE) --records $(SCORES)/$$set.jsonl --split second --json $(SCORES)/$$set-second.json \
			--plot $(SCORES)/$$set-second.svg --overwrite || exit 1; \
	done

# `make mosaics`: polygons and previews of three prompts on every GeoTIFF in MOSAICS, in out/mosaics/.
MOSAICS ?= data/mosaics
MOSAIC_PROMPTS := -p buildings -p trees -p roads

.PHONY: mosaics
mosaics: build
	@ls $(MOSAICS)/*.tif >/dev/null 2>&1 || { echo "no *.tif in $(MOSAICS): make mosaics MOSAICS=DIR" >&2; exit 1; }
	mkdir -p out/mosaics
	for scene in $(MOSAICS)/*.tif; do \
		name=out/mosaics/$$(basename $$scene .tif); \
		$(GEOPHRASE) segment $$scene $(MOSAIC_PROMPTS) --model $(MODEL) -o $$name.geojson --raster $$name.tif --overwrite || exit 1; \
		for what in buildings trees roads; do \
			$(GEOPHRASE) preview $$scene --raster $$name.$$what.tif -o $$name.$$what.png --overwrite || exit 1; \
		done; \
	done
