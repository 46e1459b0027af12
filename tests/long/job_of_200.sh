#!/usr/bin/env bash
# A job of about 200 scenes by cron's rules, interrupted ten times at random: every good scene must be done once, every bad
# one named, and all results must have the bytes of an unbroken run.
#
#   tests/long/job_of_200.sh [SCENES_DIR] [SEED]
#
# SCENES_DIR is a folder with odd rasters (fixtures/, derived/); without it the job has drawn and broken scenes only.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=${GEOPHRASE:-$PWD/${CARGO_TARGET_DIR:-target}/release/geophrase}
model=$PWD/data/models/small
odd=${1:-}
RANDOM=${2:-7}
desk=$(mktemp -d)
trap 'rm -rf "$desk"' EXIT

echo "making scenes"
mkdir "$desk/drawn" "$desk/broken"
drawn=110
if [ -z "$odd" ]; then drawn=190; fi
for ((n = 0; n < drawn; n++)); do
	gdal_translate -q -srcwin $((n * 7 % 900)) $((n * 13 % 900)) $((200 + n)) 240 data/demo/scene.tif "$desk/drawn/d$n.tif"
done
first=$desk/drawn/d0.tif
head -c 2000 "$first" >"$desk/broken/cut.tif"
head -c 100 "$first" >"$desk/broken/stub.tif"
: >"$desk/broken/empty.tif"
seq 5000 >"$desk/broken/words.tif"
mkfifo "$desk/broken/pipe.tif"
ln -s circle.tif "$desk/broken/circle.tif"
gdal_translate -q -b 1 -b 2 "$first" "$desk/broken/two-bands.tif"
gdal_translate -q -of VRT "$first" "$desk/broken/lost.vrt"
sed -i 's/d0.tif/gone.tif/' "$desk/broken/lost.vrt"
broken=8

scenes='"drawn", "broken"'
if [ -n "$odd" ]; then scenes+=", \"$odd/fixtures\", \"$odd/derived\""; fi
write_job() {
	cat >"$desk/$1.toml" <<-TOML
		scenes = [$scenes]
		prompts = ["buildings"]
		output = "$1"
		name = "{stem}-{hash}"
		raster = true
		model = "$model"
	TOML
}

# As cron starts it: a session without a terminal, hardly any environment, another working folder.
by_cron() {
	exec setsid -w env -i PATH=/usr/bin:/bin HOME=/ SHELL=/bin/sh LOGNAME=nobody \
		sh -c "cd / && exec $binary batch $desk/$1.toml -vv --log-format json" 2>>"$desk/$1.log"
}
counts() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["counts"])' "$desk/$1/geophrase.job.json"; }

write_job whole
started=$SECONDS
code=0
(by_cron whole) || code=$?
took=$((SECONDS - started))
echo "unbroken: exit $code after $took s: $(counts whole)"

write_job broken-off
stopped=0
rounds=0
while [ $stopped -lt 10 ]; do
	rounds=$((rounds + 1))
	signal=$(echo KILL TERM INT | cut -d' ' -f$((RANDOM % 3 + 1)))
	(by_cron broken-off) &
	session=$!
	sleep "$(python3 -c "print($took * (0.04 + 0.07 * $RANDOM / 32767))")"
	worker=$(cat "$desk/broken-off/.geophrase.lock" 2>/dev/null || true)
	if [ -n "$worker" ] && kill -"$signal" "$worker" 2>/dev/null; then
		code=0
		wait "$session" || code=$?
		stopped=$((stopped + 1))
		echo "interruption $stopped: $signal, exit $code"
	else
		code=0
		wait "$session" || code=$?
		echo "round $rounds ended by itself with $code"
		[ $rounds -lt 30 ] || break
	fi
done
code=0
(by_cron broken-off) || code=$?
echo "last run: exit $code: $(counts broken-off)"

python3 - "$desk" "$broken" "$stopped" <<-'PYTHON'
	import hashlib, json, os, sys
	desk, broken, stopped = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
	def report(job): return json.load(open(f"{desk}/{job}/geophrase.job.json"))
	def states(job):
	    word = {"up_to_date": "done", "quarantined": "failed"}
	    return {s["name"]: word.get(s["state"], s["state"]) for s in report(job)["scenes"]}
	whole, again = states("whole"), states("broken-off")
	assert whole == again, "scenes came out differently"
	assert set(again.values()) <= {"done", "failed"}, "scenes are still to be done"
	named = {s["scene"]: s["reason"] for s in report("broken-off")["scenes"] if s["state"] in ("failed", "quarantined")}
	assert sum("/broken/" in name or name.startswith("broken/") for name in named) == broken, named
	assert all(named.values()), "a failure without a reason"
	done = {}
	for line in open(f"{desk}/broken-off.log"):
	    entry = json.loads(line)
	    if entry["message"] == "done": done[entry["scene"]] = done.get(entry["scene"], 0) + 1
	twice = {scene: times for scene, times in done.items() if times > 1}
	assert not twice, f"done more than once: {twice}"
	def results(job):
	    files = {}
	    for name in sorted(os.listdir(f"{desk}/{job}")):
	        if not name.endswith(".json") and name != ".geophrase.lock":
	            files[name] = hashlib.sha256(open(f"{desk}/{job}/{name}", "rb").read()).hexdigest()
	    return files
	a, b = results("whole"), results("broken-off")
	assert a == b, f"other files or bytes: {[n for n in a.keys() | b.keys() if a.get(n) != b.get(n)]}"
	good = sum(state == "done" for state in again.values())
	print(f"{len(again)} scenes, {stopped} interruptions: {good} done, none twice, {len(named)} named as failed, "
	      f"{len(b)} result files with the bytes of the unbroken run, nothing else left")
PYTHON
