#!/usr/bin/env bash
# Peak memory of `geophrase segment` on three scenes that do not fit into memory, against what --ram allows:
# pipeline/benches/large_scenes.sh [FOLDER]. Needs gdal-bin; the scenes are sparse and take a few MB on disk.
set -euo pipefail
geophrase=${GEOPHRASE:-target/release/geophrase}
work=${1:-$(mktemp -d)}
"$geophrase" synth --out "$work/ground.tif" --size 512x512 --seed 5 -q
echo "scene, --ram in MiB, peak in MiB, tiles, computed, seconds"
while read -r width height ram; do
	scene=$work/$width-$height.tif
	gdal_create -q -of GTiff -outsize "$width" "$height" -bands 3 -ot Byte -a_nodata 0 -a_srs EPSG:32633 \
		-a_ullr 500000 5300000 $((500000 + width / 2)) $((5300000 - height / 2)) \
		-co TILED=YES -co SPARSE_OK=TRUE -co COMPRESS=DEFLATE -co BIGTIFF=YES "$scene"
	# A piece of ground in the middle and one at the far corner.
	"${PYTHON:-python3}" - "$scene" "$work/ground.tif" <<'PY'
import sys
from osgeo import gdal
gdal.UseExceptions()
scene, ground = gdal.Open(sys.argv[1], gdal.GA_Update), gdal.Open(sys.argv[2]).ReadAsArray()
for col, row in [(scene.RasterXSize // 2, scene.RasterYSize // 2), (scene.RasterXSize - 512, scene.RasterYSize - 512)]:
    scene.WriteArray(ground.clip(1), col, row)
PY
	"$geophrase" segment "$scene" -p "storage tanks" -o "$work/found.geojson" --raster "$work/found.tif" --overwrite -q --ram "${ram}M"
	"${PYTHON:-python3}" - "$width x $height" "$ram" "$work/found.report.json" <<'PY'
import json, sys
report = json.load(open(sys.argv[3]))
tiles = report["tiles"]
print(f"{sys.argv[1]}, {sys.argv[2]}, {report['peak_memory_bytes'] / 2**20:.0f}, {tiles['planned']}, {tiles['computed']}, {report['seconds']['total']:.0f}")
PY
done <<'SIZES'
100000 100000 2200
200000 2000 4000
2000 200000 500
SIZES
