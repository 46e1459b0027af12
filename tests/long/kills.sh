#!/usr/bin/env bash
# Kills `geophrase segment --checkpoint` with the shipped weights at random times, again and again, and compares what it
# ends with to what an undisturbed run gives: tests/long/kills.sh [KILLS] [SEED]
set -euo pipefail
kills=${1:-200}
RANDOM=${2:-1}
geophrase=${GEOPHRASE:-target/release/geophrase}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$geophrase" synth --out "$work/scene.tif" --size 1600x1600 --seed 7 >/dev/null
# It takes the place of its shell, so that the shell's number is its own and a kill reaches it.
segment() {
	exec "$geophrase" segment "$work/scene.tif" -p "storage tanks" -p "red roofs" "$@" -q
}
mkdir "$work/whole" "$work/out"
(segment -o "$work/whole/found.geojson" --raster "$work/whole/found.tif")
done_kills=0 rounds=0
while [ "$done_kills" -lt "$kills" ]; do
	rm -rf "$work/out" "$work/kept"
	mkdir "$work/out"
	rounds=$((rounds + 1))
	while :; do
		segment -o "$work/out/found.geojson" --raster "$work/out/found.tif" --checkpoint "$work/kept" &
		pid=$!
		# Between a few hundredths of a second and about two seconds.
		sleep "$(printf '%d.%03d' $((RANDOM % 2)) $((RANDOM % 1000)))"
		if [ "$done_kills" -ge "$kills" ] || ! kill -9 "$pid" 2>/dev/null; then
			wait "$pid"
			break
		fi
		wait "$pid" 2>/dev/null || true
		done_kills=$((done_kills + 1))
	done
	for file in "$work"/whole/*; do
		case $file in *.report.json) continue ;; esac
		cmp "$file" "$work/out/$(basename "$file")"
	done
done
echo "$done_kills kills in $rounds rounds: each ended with the bytes of the undisturbed run"
