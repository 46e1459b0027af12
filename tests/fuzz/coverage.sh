#!/usr/bin/env bash
# The compiler, with counters of coverage for libFuzzer in the crates of this repository.
case " $* " in
*" --crate-name geo_io "* | *" --crate-name model "* | *" --crate-name pipeline "*)
	exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
		-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
		-Cllvm-args=-sanitizer-coverage-trace-compares
	;;
*) exec "$@" ;;
esac
