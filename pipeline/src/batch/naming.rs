//! How results are named after their scene, whatever bytes its name is made of.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::error::BatchError;
use super::job_file::JobFile;
use super::scenes::is_virtual;
use crate::config::OutputConfig;
use crate::error::PipelineError;
use crate::outputs::OutputNames;
use crate::remote::shown;

/// Longest name of a scene's results without what is added to it: prompts, extensions, hidden names while writing.
const MAX_NAME_BYTES: usize = 150;
/// Hexadecimal digits of `{hash}`.
const HASH_LEN: usize = 8;

/// A scene of a job and the files that belong to it.
#[derive(Clone, Debug)]
pub struct JobScene {
    /// The scene, by a name GDAL knows.
    pub scene: OsString,
    /// The same as text that can be turned back.
    pub shown: String,
    /// What its results are named by.
    pub name: String,
    /// Where its results go.
    pub outputs: OutputConfig,
    /// Their names.
    pub names: OutputNames,
    /// What is known about it.
    pub manifest: PathBuf,
}

/// Names the results of all scenes.
///
/// # Errors
/// A pattern that says nothing, an output that is its scene, or [`BatchError::SameName`] for two scenes of one name.
pub fn name_scenes(job: &JobFile, job_path: &Path, scenes: Vec<OsString>) -> Result<Vec<JobScene>, PipelineError> {
    let folder = job.at(&job.output);
    let pattern = Pattern::read(&job.name)
        .map_err(|reason| BatchError::JobFile { path: job_path.to_owned(), reason: format!("name: {reason}") })?;
    let mut taken: HashMap<PathBuf, usize> = HashMap::new();
    let mut named: Vec<JobScene> = Vec::with_capacity(scenes.len());
    for scene in scenes {
        let name = pattern.name(job, &scene);
        let file = |end: &str| folder.join(format!("{name}.{end}"));
        let outputs = OutputConfig {
            vectors: job.polygon_extensions().into_iter().map(file).collect(),
            raster: job.raster.then(|| file("tif")),
            class_raster: job.class_raster.then(|| file("classes.tif")),
            qgis_project: job.qgis_project.as_deref().map(file),
            report: Some(file("report.json")),
            overwrite: true,
            ..job.outputs()
        };
        let names = OutputNames::new(&outputs, &job.prompts, &scene)?;
        let manifest = file("manifest.json");
        let at = named.len();
        for path in names.all().into_iter().chain([manifest.clone()]) {
            if let Some(other) = taken.insert(path.clone(), at)
                && other != at
            {
                let (first, second) = (named[other].shown.clone(), escaped(&shown(&scene)));
                return Err(BatchError::SameName { first, second, path }.into());
            }
        }
        if let Some(file) = job.collect.as_ref().filter(|file| taken.contains_key(&folder.join(file))) {
            let reason = format!("collect: a scene's output has the name {file}, too");
            return Err(BatchError::JobFile { path: job_path.to_owned(), reason }.into());
        }
        named.push(JobScene { shown: escaped(&shown(&scene)), scene, name, outputs, names, manifest });
    }
    Ok(named)
}

/// A pattern such as `{parent}-{stem}`.
struct Pattern(Vec<Part>);

enum Part {
    Text(String),
    Stem,
    Parent,
    Hash,
}

impl Pattern {
    fn read(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (before, after) = rest.split_once('{').map_or((rest, None), |(before, after)| (before, Some(after)));
            if before.contains(['/', '\\', '}']) || before.chars().any(char::is_control) {
                return Err(format!("{text:?} holds what no file name should: slashes, braces or control characters"));
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let Some(after) = after else { break };
            let (word, behind) = after.split_once('}').ok_or_else(|| format!("{text:?} lacks a closing brace"))?;
            parts.push(match word {
                "stem" => Part::Stem,
                "parent" => Part::Parent,
                "hash" => Part::Hash,
                _ => return Err(format!("{{{word}}} is none of {{stem}}, {{parent}}, {{hash}}")),
            });
            rest = behind;
        }
        if !parts.iter().any(|part| matches!(part, Part::Stem | Part::Hash)) {
            return Err(format!("{text:?} gives all scenes one name: use {{stem}} or {{hash}}"));
        }
        Ok(Self(parts))
    }

    fn name(&self, job: &JobFile, scene: &OsStr) -> String {
        let scene = shown(scene);
        let path = Path::new(&scene);
        let mut name = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Stem => name.push_str(&fit_for_file(path.file_stem().unwrap_or(&scene))),
                Part::Parent => {
                    let parent = path.parent().and_then(Path::file_name).unwrap_or_default();
                    name.push_str(&fit_for_file(parent));
                }
                // By the name within the job, so that a job that is moved as a whole keeps its names.
                Part::Hash => {
                    let within = path.strip_prefix(&job.folder).unwrap_or(path);
                    name.push_str(&hash(within.as_os_str()));
                }
            }
        }
        if name.len() <= MAX_NAME_BYTES {
            return name;
        }
        let mut end = MAX_NAME_BYTES - HASH_LEN - 1;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}-{}", &name[..end], hash(OsStr::new(&name)))
    }
}

fn hash(name: &OsStr) -> String {
    blake3::hash(name.as_encoded_bytes()).to_hex()[..HASH_LEN].to_owned()
}

/// A part of a file name: what is no UTF-8, no printable character, or means something to GDAL, is escaped.
fn fit_for_file(name: &OsStr) -> String {
    let text = escaped(name);
    if is_virtual(name) { text.replace(['"', ':', '<', '>', '|', '*', '?', '\\'], "-") } else { text }
}

/// A name as text: bytes that are no UTF-8, control characters and `%` as `%XX`.
#[must_use]
pub fn escaped(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '%' || character.is_control() {
                let mut bytes = [0; 4];
                character.encode_utf8(&mut bytes).bytes().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
    }
    text
}

/// The name that [`escaped`] made a text of.
#[cfg(unix)]
#[must_use]
pub fn unescaped(text: &str) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    OsString::from_vec(bytes)
}

/// The name that [`escaped`] made a text of.
#[cfg(not(unix))]
#[must_use]
pub fn unescaped(text: &str) -> OsString {
    text.replace("%25", "%").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> JobFile {
        let text = format!("scenes = [\"x\"]\nprompts = [\"ships\"]\noutput = \"out\"\nname = {name:?}\nraster = true");
        toml::from_str(&text).unwrap()
    }

    fn names(pattern: &str, scenes: &[&str]) -> Result<Vec<String>, String> {
        let scenes = scenes.iter().map(OsString::from).collect();
        let named = name_scenes(&job(pattern), Path::new("job.toml"), scenes).map_err(|error| error.to_string())?;
        Ok(named.into_iter().map(|scene| scene.name).collect())
    }

    #[test]
    fn results_are_named_after_the_scene_by_a_pattern() {
        assert_eq!(names("{stem}", &["in/a.b.tif", "c.jp2"]).unwrap(), ["a.b", "c"]);
        assert_eq!(names("{parent}-{stem} x", &["in/a.tif"]).unwrap(), ["in-a x"]);
        assert_eq!(names("{hash}", &["in/a.tif"]).unwrap()[0].len(), HASH_LEN);
        for wrong in ["", "all", "{parent}", "{stem", "{stam}", "../{stem}", "a}{stem}"] {
            assert!(names(wrong, &["a.tif"]).unwrap_err().contains("name: "), "{wrong}");
        }
    }

    #[test]
    fn two_scenes_of_one_name_are_refused_also_where_only_one_file_is_the_same() {
        let refused = names("{stem}", &["x/a.tif", "y/a.tif"]).unwrap_err();
        assert!(refused.contains("x/a.tif and y/a.tif would both write") && refused.contains("{parent}"), "{refused}");
        assert!(names("{parent}-{stem}", &["x/a.tif", "y/a.tif"]).is_ok());
        // a.tif writes a.mask.tif beside a.tif, which is what a.mask.tif would be named.
        assert!(names("{stem}", &["x/a.tif", "y/a.mask.tif"]).is_err());
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = |end: &str| format!("{}{end}.tif", "é".repeat(120));
        let named = names("{stem}", &[&long("a"), &long("b")]).unwrap();
        assert!(named.iter().all(|name| name.len() <= MAX_NAME_BYTES));
        assert_ne!(named[0], named[1]);
    }

    #[cfg(unix)]
    #[test]
    fn every_name_can_be_told_as_text_and_turned_back() {
        use std::os::unix::ffi::OsStrExt;
        for bytes in [&b"plain"[..], b"new\nline", b"\xff\xfe.tif", b"50%25", "\u{e9} \u{8239}".as_bytes(), b"%", b"%4"]
        {
            let name = OsStr::from_bytes(bytes);
            let text = escaped(name);
            assert!(!text.chars().any(char::is_control), "{text}");
            assert_eq!(unescaped(&text), name, "{text}");
        }
        assert_eq!(escaped(OsStr::from_bytes(b"a\xffb\n")), "a%FFb%0A");
    }
}
