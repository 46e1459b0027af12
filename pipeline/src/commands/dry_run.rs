//! `segment --dry-run`: what a run would do and take, from a sample of its tiles, without writing anything.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use geo_io::Scene;
use model::{Segmenter, TilePredictor};

use crate::budget::{Resources, mib};
use crate::engine;
use crate::error::PipelineError;
use crate::report::resident_memory_bytes;
use crate::run::Job;
use crate::setting::Setting;
use crate::stage::prepare::prepare;
use crate::stage::{TileContent, TilePixels};
use crate::view::rescaled::Rescaled;

/// Tiles that are read to see how many hold data.
const READ: usize = 64;
/// Tiles that are answered to see how long that takes; the first one also warms up.
const ANSWERED: usize = 3;

/// Says what a run would do.
///
/// # Errors
/// Whatever would stop the run before its first tile, and tiles of the sample that cannot be read.
pub fn dry_run(job: Job) -> Result<String, PipelineError> {
    let Job { scene, predictor, model, prompts, config, names, .. } = job;
    let mut predictor = predictor;
    let notes = engine::vocabulary_notes(predictor.as_ref(), &prompts)?;
    let setting = Setting::new(&scene, model, prompts, config, notes)?;
    let limit = setting.config.ram.bytes();
    let resources = Resources::within(&setting, limit, resident_memory_bytes())?;
    let sample = Sample::of(&scene, &setting, predictor.as_mut())?;

    let (plan, size) = (&setting.plan, setting.output.size);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut say = |name: &str, what: String| {
        let _ = writeln!(text, "{name:10} {what}");
    };
    say("scene", format!("{}: {} x {} px", setting.info.name, size.width, size.height));
    say("tiles", format!("{} of {} px, one every {} px", plan.len(), plan.tile_px(), plan.stride_px()));
    let share = |count: usize| plan.len() as f64 * count as f64 / sample.read.max(1) as f64;
    say(
        "skipped",
        format!(
            "about {:.0} without data, {:.0} of one colour, from {} tiles read",
            share(sample.empty),
            share(sample.blank),
            sample.read
        ),
    );
    if let Some(seconds) = sample.seconds_per_tile {
        let work = share(sample.read - sample.empty - sample.blank) * seconds;
        say("time", format!("about {}, at {seconds:.2} s a tile", clock(work)));
    }
    let of = limit.map_or(String::new(), |limit| format!(" of {} allowed", mib(limit)));
    say(
        "memory",
        format!(
            "about {}{of}: {} readers, batches of {}, {} MiB of cache",
            mib(resources.expected_bytes),
            resources.readers,
            resources.batch,
            resources.cache_mib
        ),
    );
    let layers = if setting.config.raw_uncertainty { 3 } else { 2 };
    let raster = size.area_px() * (4 * layers + 1) * names.rasters.len() as u64;
    for path in names.all() {
        say("writes", path.display().to_string());
    }
    if raster > 0 {
        say("disk", format!("at most {} of rasters, before they are packed", mib(raster)));
    }
    for note in setting.info.notes.iter().chain(&setting.views.notes).chain(&setting.vocabulary_notes) {
        say("note", note.clone());
    }
    Ok(text)
}

/// What a sample of tiles shows.
struct Sample {
    read: usize,
    empty: usize,
    blank: usize,
    seconds_per_tile: Option<f64>,
}

impl Sample {
    fn of(scene: &Scene, setting: &Setting, segmenter: &mut dyn Segmenter) -> Result<Self, PipelineError> {
        let (plan, view) = (&setting.plan, &setting.views.tile);
        let read = plan.len().min(READ);
        let mut sample = Self { read, empty: 0, blank: 0, seconds_per_tile: None };
        let mut times: Vec<Duration> = Vec::new();
        let mut predictor = Rescaled::new(segmenter, view);
        for i in 0..read {
            // Spread over the whole scene, and never the same tile twice.
            let tile = plan.tile(plan.len() * i / read);
            let start = Instant::now();
            let pixels = Ok(scene.read_rgb(tile.window)?);
            match prepare(TilePixels { tile, pixels }, view.side_px).content {
                TileContent::Empty | TileContent::Failed(_) => sample.empty += 1,
                TileContent::Blank(..) => sample.blank += 1,
                TileContent::Picture(image) if times.len() < ANSWERED => {
                    predictor.predict(&[image])?;
                    times.push(start.elapsed());
                }
                TileContent::Picture(_) => {}
            }
        }
        sample.seconds_per_tile = times.iter().min().map(Duration::as_secs_f64);
        Ok(sample)
    }
}

/// A time for people.
fn clock(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_fitting_units() {
        assert_eq!([clock(0.4), clock(119.0), clock(600.0), clock(9000.0)], ["0 s", "119 s", "10 min", "2.5 h"]);
    }
}
