//! Tests of `job_file.rs`.

use geo_io::ScaleChoice;

use super::*;
use crate::config::MinArea;
use crate::view::choice::Resolution;

const SMALLEST: &str = "scenes = [\"a.tif\"]\nprompts = [\"ships\"]\noutput = \"out\"\n";

#[test]
fn the_smallest_job_writes_polygons_named_after_their_scene() {
    let job = JobFile::parse(SMALLEST).unwrap();
    assert_eq!((job.name.as_str(), job.polygon_extensions(), job.raster), ("{stem}", vec!["geojson"], false));
    let config = job.run_config(OutputConfig::default()).unwrap();
    assert_eq!(config.threshold, crate::config::THRESHOLD);
}

#[test]
fn options_are_those_of_segment_as_text_or_as_numbers() {
    let text =
        format!("{SMALLEST}[options]\nthreshold = 0.4\nmin_area = \"40px\"\nresolution = 0.3\nscale = \"p1,p99\"\n");
    let job = JobFile::parse(&text).unwrap();
    let config = job.run_config(OutputConfig::default()).unwrap();
    assert_eq!((config.threshold, config.polygons.min_area), (0.4, MinArea::Px(40)));
    assert_eq!(config.views.resolution, Resolution::Metres(0.3));
    assert_eq!(job.scene_options().scale, ScaleChoice::Percentile { low: 1.0, high: 99.0 });
}

#[test]
fn unknown_keys_and_values_without_sense_are_refused_with_the_line() {
    for (more, words) in [
        ("outptu = \"x\"\n", "line 4: unknown field `outptu`"),
        ("[options]\nthreshhold = 1\n", "line 5: unknown field `threshhold`"),
        ("[options]\nthreshold = 1.5\n", "options.threshold: \"1.5\" is no threshold"),
        ("polygons = \"none\"\n", "nothing to write"),
        ("polygons = [\"gpkg\", \"shp\"]\n", "\"shp\" is none of geojson"),
        ("[options]\non_bad_tile = \"skip\"\n", "line 5"),
        ("[options]\nbbox = [0, 0, 1, 1]\nsrcwin = [0, 0, 1, 1]\n", "not both"),
        ("device = \"abacus\"\n", "abacus"),
        ("raster = 1\n", "line 4"),
        ("qgis_project = \"map\"\n", "\"map\" is neither qgs nor qgz"),
    ] {
        let refused = JobFile::parse(&format!("{SMALLEST}{more}")).unwrap_err();
        assert!(refused.contains(words), "{more:?}: {refused}");
    }
    assert!(JobFile::parse("prompts = [\"x\"]\noutput = \"o\"").unwrap_err().contains("scenes"));
}

#[test]
fn settings_change_with_what_shapes_results_and_with_nothing_else() {
    let settings = |more: &str| JobFile::parse(&format!("{SMALLEST}{more}")).unwrap().settings("m").unwrap();
    let plain = settings("");
    assert_eq!(plain, settings("device = \"cpu\"\n[options]\nbatch = 2\nthreshold = 0.5\n"));
    assert_ne!(plain, settings("raster = true\n"));
    assert_ne!(plain, settings("[options]\nmin_area = 3\n"));
    for more in
        ["class_raster = true\n", "cog = true\n", "styles = true\n", "stac = true\n", "qgis_project = \"qgs\"\n"]
    {
        assert_ne!(plain, settings(more), "{more}");
    }
    assert_ne!(plain, JobFile::parse(SMALLEST).unwrap().settings("other").unwrap());
}
