#!/usr/bin/env bash
# Runs fuzz targets for so many seconds each, one after the other, with the stable compiler: tests/fuzz/run.sh SECONDS
# [TARGET]... New inputs go to tests/fuzz/corpus/TARGET, what breaks a target to tests/fuzz/artifacts/TARGET.
# (With cargo-fuzz: cargo +nightly fuzz run --fuzz-dir tests/fuzz TARGET.)
set -euo pipefail
cd "$(dirname "$0")"
seconds=$1
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then targets=(log plan job prompt geojson vectorizer model stac); fi
# The versions that the program is built with.
cp ../../Cargo.lock Cargo.lock
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
# Coverage is counted in our own crates: what they call is built as always.
export RUSTC_WRAPPER=$PWD/coverage.sh
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
cargo build --release "${bins[@]}"
failed=()
for target in "${targets[@]}"; do
	mkdir -p "corpus/$target" "artifacts/$target"
	echo "== $target"
	"$CARGO_TARGET_DIR/release/$target" "corpus/$target" "seeds/$target" -max_total_time="$seconds" -timeout=20 \
		-rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="artifacts/$target/" ${FUZZ_OPTIONS:-} \
		2>"corpus/$target.log" >&2 || failed+=("$target")
	grep -E "DONE|stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)|SUMMARY|panicked" "corpus/$target.log" || true
done
if [ ${#failed[@]} -ne 0 ]; then
	echo "failed: ${failed[*]}"
	exit 1
fi
