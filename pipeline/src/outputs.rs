//! The names of the files that a run leaves.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use geo_io::{GeoIoError, PromptLayer, VectorFormat};

use crate::companions;
use crate::config::OutputConfig;
use crate::error::PipelineError;
use crate::qgis::style::Style;

/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";
/// Longest slug; names stay far below the 255 bytes that file systems take.
const SLUG_LEN: usize = 40;

/// The files of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputNames {
    /// Polygons of all prompts, once per format; `-` is standard output.
    pub vectors: Vec<PathBuf>,
    /// Probability and uncertainty, one file per prompt, in the order of the prompts; empty when none is wanted.
    pub rasters: Vec<PathBuf>,
    /// All prompts in one raster.
    pub class_raster: Option<PathBuf>,
    /// The report.
    pub report: PathBuf,
    /// QGIS style files and what they style.
    pub(crate) styles: Vec<(PathBuf, Vec<Style>)>,
    /// The QGIS project.
    pub qgis_project: Option<PathBuf>,
    /// The STAC Item.
    pub stac: Option<PathBuf>,
    /// Whether GeoJSON is in longitude and latitude.
    pub rfc7946: bool,
}

impl OutputNames {
    /// Names the outputs for some prompts.
    ///
    /// # Errors
    /// [`PipelineError::Usage`] when nothing is to be written, an extension is unknown, or an output is the scene.
    pub fn new(config: &OutputConfig, prompts: &[String], scene: &OsStr) -> Result<Self, PipelineError> {
        if config.vectors.is_empty() && config.raster.is_none() && config.class_raster.is_none() {
            return Err(PipelineError::Usage("nothing to write: give -o OUT.geojson or --raster OUT.tif".into()));
        }
        let named =
            |path: &PathBuf| if path == Path::new("/vsistdout/") { STANDARD_OUTPUT.into() } else { path.clone() };
        let vectors: Vec<PathBuf> = config.vectors.iter().map(named).collect();
        let formats = vectors.iter().map(|path| VectorFormat::of(path)).collect::<Result<Vec<_>, _>>()?;
        if config.rfc7946 && !formats.iter().any(|format| format.is_geojson()) {
            let reason = "--rfc7946 is for GeoJSON; the other formats keep the scene's CRS";
            return Err(PipelineError::Usage(reason.into()));
        }
        let rasters = config.raster.iter().chain(&config.class_raster);
        if let Some(path) = rasters.into_iter().find(|path| !has_extension(path, &["tif", "tiff"])) {
            return Err(PipelineError::Usage(format!("raster output {} must end in .tif", path.display())));
        }
        let rasters = match &config.raster {
            None => Vec::new(),
            Some(path) if prompts.len() == 1 => vec![path.clone()],
            Some(path) => slugs(prompts).iter().map(|slug| with_part(path, slug)).collect(),
        };
        let first =
            vectors.iter().filter(|path| !is_printed(path)).chain(&config.raster).chain(&config.class_raster).next();
        let beside = || first.map(|first| first.with_extension("report.json"));
        let report = config.report.clone().or_else(beside).ok_or_else(|| {
            PipelineError::Usage("-o - leaves no place for the report: add --report OUT.report.json".into())
        })?;
        let qgis_project = config.qgis_project.clone();
        if let Some(path) = qgis_project.as_ref().filter(|path| !has_extension(path, &["qgs", "qgz"])) {
            return Err(PipelineError::Usage(format!("QGIS project {} must end in .qgs or .qgz", path.display())));
        }
        // Without a file on the disk there is a report that was named.
        let item_beside = first.unwrap_or(&report).with_extension("stac.json");
        let mut names = Self {
            stac: config.stac.then_some(item_beside),
            vectors,
            rasters,
            class_raster: config.class_raster.clone(),
            report,
            styles: Vec::new(),
            qgis_project,
            rfc7946: config.rfc7946,
        };
        if config.styles {
            names.styles = companions::style_files(&names);
        }
        names.refuse_scene(scene)?;
        let mut seen = HashSet::new();
        if let Some(twice) = names.all().into_iter().find(|path| !seen.insert(path.clone())) {
            return Err(PipelineError::Usage(format!("two outputs have the name {}", twice.display())));
        }
        Ok(names)
    }

    /// All files, the masks beside the rasters included.
    #[must_use]
    pub fn all(&self) -> Vec<PathBuf> {
        let masks = self.rasters.iter().map(|path| mask_of(path));
        let styles = self.styles.iter().map(|(path, _)| path.clone());
        let results = self.vectors.iter().chain(&self.rasters).cloned().chain(masks);
        results
            .chain(self.class_raster.clone())
            .chain([self.report.clone()])
            .chain(styles)
            .chain(self.qgis_project.clone())
            .chain(self.stac.clone())
            .collect()
    }

    /// Looks before any work whether the outputs can be created.
    ///
    /// # Errors
    /// [`GeoIoError::OutputExists`] for a file that is there and may not be replaced, [`PipelineError::Create`] for a
    /// folder that is not there.
    pub fn check(&self, overwrite: bool) -> Result<(), PipelineError> {
        for path in self.all().into_iter().filter(|path| !is_printed(path)) {
            if !overwrite && path.symlink_metadata().is_ok() {
                return Err(GeoIoError::OutputExists { path }.into());
            }
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(Err(source)) = folder.map(std::fs::read_dir) {
                return Err(PipelineError::Create { path, source });
            }
        }
        Ok(())
    }

    /// What a user of the formats should know.
    #[must_use]
    pub fn caveats(&self) -> Vec<String> {
        let caveats = self.vectors.iter().filter_map(|path| VectorFormat::of(path).ok()?.caveat());
        caveats.map(str::to_owned).collect()
    }

    fn refuse_scene(&self, scene: &OsStr) -> Result<(), PipelineError> {
        let Ok(scene) = Path::new(scene).canonicalize() else {
            return Ok(());
        };
        match self.all().iter().find(|path| !is_printed(path) && path.canonicalize().is_ok_and(|path| path == scene)) {
            Some(path) => Err(PipelineError::Usage(format!("output {} is the scene itself", path.display()))),
            None => Ok(()),
        }
    }
}

pub(crate) fn is_printed(path: &Path) -> bool {
    path == Path::new(STANDARD_OUTPUT)
}

/// A layer of its own for each prompt, named so that SQL takes it without quotes.
#[must_use]
pub fn layers(prompts: &[String]) -> Vec<PromptLayer> {
    let names = slugs(prompts).into_iter().map(|slug| {
        let name = slug.replace('-', "_");
        if name.starts_with(|c: char| c.is_ascii_digit()) { format!("prompt_{name}") } else { name }
    });
    prompts.iter().cloned().zip(names).map(|(prompt, name)| PromptLayer { prompt, name }).collect()
}

/// The mask that lies beside a probability raster.
#[must_use]
pub fn mask_of(raster: &Path) -> PathBuf {
    with_part(raster, "mask")
}

pub(crate) fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    path.file_stem().is_some() && extension.is_some_and(|extension| known.contains(&extension.as_str()))
}

/// `a/out.tif` with the part `mask` is `a/out.mask.tif`.
fn with_part(path: &Path, part: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(OsString::from(format!(".{part}.")));
    name.push(path.extension().unwrap_or_default());
    path.with_file_name(name)
}

/// One short name per prompt, safe in every file system and different from all others.
fn slugs(prompts: &[String]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut unique = |slug: String| {
        let numbered = (2..).map(|n| format!("{slug}-{n}"));
        let free = std::iter::once(slug.clone()).chain(numbered).find(|name| taken.insert(name.clone()));
        free.expect("numbers do not run out before prompts do")
    };
    prompts.iter().map(|prompt| unique(slug(prompt))).collect()
}

/// The prompt's letters and digits in lower case, everything between them as one hyphen.
fn slug(prompt: &str) -> String {
    let lower = prompt.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-");
    slug.truncate(SLUG_LEN);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "prompt".into() } else { slug.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(config: &OutputConfig, prompts: &[&str]) -> Result<OutputNames, PipelineError> {
        let prompts: Vec<String> = prompts.iter().map(|&p| p.to_owned()).collect();
        OutputNames::new(config, &prompts, OsStr::new("no-such-scene.tif"))
    }

    fn both() -> OutputConfig {
        OutputConfig { vectors: vec!["d/a.geojson".into()], raster: Some("d/b.tif".into()), ..OutputConfig::default() }
    }

    #[test]
    fn one_prompt_writes_the_raster_as_named_and_the_report_beside_the_polygons() {
        let names = names(&both(), &["ships"]).unwrap();
        let all: Vec<_> = names.all().iter().map(|path| path.display().to_string()).collect();
        assert_eq!(all, ["d/a.geojson", "d/b.tif", "d/b.mask.tif", "d/a.report.json"]);
    }

    #[test]
    fn a_report_of_the_polygons_name_is_refused() {
        let config = OutputConfig { report: Some("d/a.geojson".into()), ..both() };
        let error = names(&config, &["ships"]).unwrap_err();
        assert!(error.to_string().contains("two outputs have the name d/a.geojson"), "{error}");
    }

    #[test]
    fn several_prompts_write_one_raster_each() {
        let names = names(&both(), &["The red ships!", "the pier"]).unwrap();
        assert_eq!(names.rasters, [Path::new("d/b.the-red-ships.tif"), Path::new("d/b.the-pier.tif")]);
    }

    #[test]
    fn prompts_with_the_same_letters_get_different_files() {
        let prompts = ["a b".to_owned(), "a, b".into(), "a-b-2".into(), "船".into(), "港".into()];
        assert_eq!(slugs(&prompts), ["a-b", "a-b-2", "a-b-2-2", "prompt", "prompt-2"]);
    }

    #[test]
    fn a_slug_never_leaves_the_folder() {
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert!(slug(&"long ".repeat(99)).len() <= SLUG_LEN);
    }

    #[test]
    fn unknown_extensions_and_no_outputs_are_refused() {
        assert!(names(&OutputConfig::default(), &["x"]).is_err());
        for name in ["a.kml", "a", ".geojson"] {
            let config = OutputConfig { vectors: vec![name.into()], ..OutputConfig::default() };
            assert!(names(&config, &["x"]).is_err(), "{name}");
        }
    }

    #[test]
    fn several_formats_share_one_report_and_what_is_printed_needs_a_place_for_it() {
        let of = |names: &[&str], report: Option<&str>| {
            let vectors = names.iter().map(PathBuf::from).collect();
            let config = OutputConfig { vectors, report: report.map(PathBuf::from), ..OutputConfig::default() };
            self::names(&config, &["x"])
        };
        assert_eq!(of(&["d/a.gpkg", "d/b.fgb"], None).unwrap().report, Path::new("d/a.report.json"));
        assert_eq!(of(&["-", "d/b.fgb"], None).unwrap().report, Path::new("d/b.report.json"));
        assert_eq!(of(&["/vsistdout/"], Some("r.json")).unwrap().vectors, [Path::new("-")]);
        assert!(of(&["-"], None).unwrap_err().to_string().contains("--report"));
        assert!(of(&["a.gpkg", "a.gpkg"], None).unwrap_err().to_string().contains("two outputs"));
    }

    #[test]
    fn layers_are_named_so_that_sql_takes_them() {
        let names: Vec<String> =
            layers(&["the red ships".into(), "2 piers".into()]).into_iter().map(|layer| layer.name).collect();
        assert_eq!(names, ["the_red_ships", "prompt_2_piers"]);
    }

    #[test]
    fn the_scene_is_never_an_output() {
        let folder = tempfile::tempdir().unwrap();
        let scene = folder.path().join("scene.tif");
        std::fs::write(&scene, "x").unwrap();
        let config = OutputConfig { raster: Some(folder.path().join("./scene.tif")), ..OutputConfig::default() };
        let error = OutputNames::new(&config, &["x".into()], scene.as_os_str()).unwrap_err();
        assert!(error.to_string().contains("is the scene itself"), "{error}");
    }
}
