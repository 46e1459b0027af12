//! `geophrase synth`: drawn scenes and data sets with exact truth.

use std::future::Future;
use std::path::{Path, PathBuf};

use geo_io::{Affine, PainterCompression, PainterOptions, PixelSize, ScenePainter, pending_file};
use image::RgbImage;
use model::dataset::{Mask, RecordWriter, ReferringRecord, Rle};
use model::synthetic::{Frame, Instance, Look, Sample, Theme, World, WorldConfig, resolve, sample};

use crate::error::{PipelineError, Signal};
use crate::progress::Progress;
use crate::run::interruptible;
use crate::stage::Cancel;

/// Rows drawn at once.
const STRIP_ROWS: u32 = 256;
/// Largest scene whose truth is written as records: a record holds the mask of the whole scene.
const MAX_RECORD_PX: u64 = 1 << 26;

/// What `geophrase synth --out` was asked to do.
#[derive(Clone, Debug)]
pub struct SceneRequest {
    /// The scene's file.
    pub out: PathBuf,
    /// What to draw.
    pub world: WorldConfig,
    /// CRS of the scene.
    pub crs: String,
    /// Map coordinates of the upper left corner.
    pub origin: (f64, f64),
    /// Where the number of the object in each pixel goes.
    pub instances: Option<PathBuf>,
    /// Where the records of the phrases go.
    pub records: Option<PathBuf>,
    /// The phrases.
    pub phrases: Vec<String>,
    /// JPEG quality, or lossless.
    pub jpeg: Option<u8>,
    /// Whether files that exist are replaced.
    pub overwrite: bool,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// A world with the look of its seed, of every kind of place.
#[must_use]
pub fn world_of(seed: u64, size: PixelSize, pixel_size_m: f64, origin_m: (f64, f64)) -> WorldConfig {
    WorldConfig {
        seed,
        width_px: size.width,
        height_px: size.height,
        pixel_size_m,
        look: Look::from_seed(seed),
        theme: Theme::Auto,
        origin_m,
        angle_deg: 0.0,
    }
}

/// Draws a scene strip by strip; memory grows with its width, not with its height.
///
/// # Errors
/// A world that makes no sense, a phrase the grammar does not know, a file that cannot be written.
pub fn scene(request: SceneRequest, interrupt: impl Future<Output = Signal>) -> Result<(), PipelineError> {
    interruptible(move |cancel| draw_scene(&request, cancel), interrupt)
}

fn draw_scene(request: &SceneRequest, cancel: &Cancel) -> Result<(), PipelineError> {
    let config = &request.world;
    let size = PixelSize { width: config.width_px, height: config.height_px };
    if request.records.is_some() && size.area_px() > MAX_RECORD_PX {
        let reason = format!("records hold masks of whole scenes: at most {MAX_RECORD_PX} px, not {}", size.area_px());
        return Err(PipelineError::Usage(reason));
    }
    let world = World::new(config.clone()).map_err(|error| PipelineError::Synth(error.to_string()))?;
    let options = PainterOptions {
        compression: request.jpeg.map_or(PainterCompression::Deflate, PainterCompression::Jpeg),
        instances: request.instances.clone(),
        overwrite: request.overwrite,
    };
    let (x, y) = request.origin;
    let affine = Affine([x, config.pixel_size_m, 0.0, y, 0.0, -config.pixel_size_m]);
    let mut painter = ScenePainter::create(&request.out, size, affine, &request.crs, &options)?;
    let progress = Progress::new(u64::from(size.height), "rows", request.watched);
    let mut truth = request.records.as_ref().map(|_| Truth::default());
    for row_off in (0..size.height).step_by(STRIP_ROWS as usize) {
        cancel.check("synth")?;
        let rows = STRIP_ROWS.min(size.height - row_off);
        let drawn = world.render(row_off, 0, rows, size.width);
        let instances = options.instances.as_ref().map(|_| drawn.instance.as_slice());
        painter.write_rows(row_off, rows, &drawn.rgb, instances)?;
        progress.advance(u64::from(rows));
        if let Some(truth) = &mut truth {
            truth.add(&drawn.instance, drawn.instances);
        }
    }
    progress.finish();
    let mut pending = painter.finish()?;
    if let (Some(path), Some(truth)) = (&request.records, truth) {
        let frame =
            Frame::new(size.height as usize, size.width as usize, config.pixel_size_m, truth.raster, &truth.instances);
        let image = request.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut lines = Vec::new();
        for (number, phrase) in request.phrases.iter().enumerate() {
            let record = record_of(phrase, number, &frame, &image)?;
            lines.extend(
                serde_json::to_vec(&record)
                    .map_err(|error| PipelineError::Write { path: path.clone(), source: error.into() })?,
            );
            lines.push(b'\n');
        }
        pending = pending.merge(pending_file(path, request.overwrite, &lines)?);
    }
    cancel.check("synth")?;
    pending.commit()?;
    Ok(())
}

/// The instances of a whole scene, collected from its strips.
#[derive(Default)]
struct Truth {
    raster: Vec<u32>,
    instances: Vec<Instance>,
}

impl Truth {
    fn add(&mut self, raster: &[u32], instances: Vec<Instance>) {
        self.raster.extend_from_slice(raster);
        let new = |instance: &Instance| !self.instances.iter().any(|known| known.id == instance.id);
        let new: Vec<Instance> = instances.into_iter().filter(new).collect();
        self.instances.extend(new);
    }
}

fn record_of(phrase: &str, number: usize, frame: &Frame, image: &str) -> Result<ReferringRecord, PipelineError> {
    let targets = resolve(phrase, frame).ok_or_else(|| {
        PipelineError::Usage(format!(
            "phrase {phrase:?} is not in the grammar of the generator, or unclear in this scene"
        ))
    })?;
    let (rows, cols) = frame.size();
    Ok(ReferringRecord {
        id: number.to_string(),
        image: image.to_owned(),
        phrase: phrase.to_owned(),
        rle: rle_of(rows, cols, frame.mask(&targets))?,
        known: None,
        kind: None,
        category: None,
        split: None,
    })
}

/// The run lengths of a mask, or nothing when no pixel is inside.
fn rle_of(rows: usize, cols: usize, mask: Vec<u8>) -> Result<Option<Rle>, PipelineError> {
    if mask.iter().all(|&inside| inside == 0) {
        return Ok(None);
    }
    let mask = Mask::new(rows, cols, mask).ok_or_else(|| PipelineError::Synth("a mask of another size".into()))?;
    Rle::encode(&mask).map(Some).map_err(|error| PipelineError::Synth(error.to_string()))
}

/// What `geophrase synth --dataset` was asked to do.
#[derive(Clone, Debug)]
pub struct DatasetRequest {
    /// The new folder.
    pub folder: PathBuf,
    /// Number of pictures.
    pub count: u64,
    /// Another seed, another set.
    pub seed: u64,
    /// Side of the pictures.
    pub tile_px: u32,
    /// Phrases per picture.
    pub phrases: usize,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// Draws pictures and writes records of them into a new folder, which appears when it is complete.
///
/// # Errors
/// A folder that exists, a file that cannot be written.
pub fn dataset(request: DatasetRequest, interrupt: impl Future<Output = Signal>) -> Result<(), PipelineError> {
    interruptible(move |cancel| draw_dataset(&request, cancel), interrupt)
}

fn draw_dataset(request: &DatasetRequest, cancel: &Cancel) -> Result<(), PipelineError> {
    let folder = &request.folder;
    if request.tile_px == 0 {
        return Err(PipelineError::Usage("pictures have at least one pixel: choose a larger --tile".into()));
    }
    let create = |source| PipelineError::Create { path: folder.clone(), source };
    if folder.symlink_metadata().is_ok() {
        return Err(create(std::io::Error::from(std::io::ErrorKind::AlreadyExists)));
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let partial = tempfile::Builder::new().prefix(".synth-").tempdir_in(parent).map_err(create)?;
    let mut records = RecordWriter::create(&partial.path().join("records.jsonl"))?;
    let progress = Progress::new(request.count, "pictures", request.watched);
    for index in 0..request.count {
        cancel.check("synth")?;
        let drawn = sample(request.seed, index, request.tile_px, request.phrases);
        let image = format!("{index:06}.png");
        for record in records_of(&drawn, index, &image)? {
            records.write(&record)?;
        }
        let side = drawn.tile_px;
        let picture = RgbImage::from_raw(side, side, drawn.rgb)
            .ok_or_else(|| PipelineError::Synth("a picture of another size".into()))?;
        let path = partial.path().join(&image);
        picture.save(&path).map_err(|error| PipelineError::Write { path, source: std::io::Error::other(error) })?;
        progress.advance(1);
    }
    progress.finish();
    records.finish()?;
    open_to_all(partial.path()).map_err(create)?;
    std::fs::rename(partial.path(), folder).map_err(create)?;
    // The folder has its final name now and must outlive its guard.
    let _ = partial.keep();
    Ok(())
}

/// Temporary folders are private; a data set is as readable as any other folder.
fn open_to_all(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn records_of(drawn: &Sample, index: u64, image: &str) -> Result<Vec<ReferringRecord>, PipelineError> {
    let side = drawn.tile_px as usize;
    let record = |(number, (expression, mask)): (usize, &(model::synthetic::Expression, Vec<u8>))| {
        Ok(ReferringRecord {
            id: format!("{index:06}-{number}"),
            image: image.to_owned(),
            phrase: expression.phrase.clone(),
            rle: rle_of(side, side, mask.clone())?,
            known: None,
            kind: Some(expression.kind.name().to_owned()),
            category: Some(expression.category.name().to_owned()),
            split: None,
        })
    };
    drawn.phrases.iter().enumerate().map(record).collect()
}
