//! Scenes named by STAC documents on disk: an Item, an ItemCollection, or a FeatureCollection of items.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use crate::remote::is_remote;
use crate::scenes::{EXTENSIONS, is_virtual};

/// Largest document that is read.
const MAX_BYTES: u64 = 64 << 20;
/// Beginnings of media types of rasters.
const RASTERS: [&str; 4] = ["image/tiff", "image/vnd.stac.geotiff", "image/jp2", "image/jpeg2000"];
/// What an asset is not looked at for.
const SIDE_ROLES: [&str; 4] = ["thumbnail", "overview", "metadata", "data-mask"];

/// Which asset of an item is the scene, and how far a document is believed.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssetChoice<'a> {
    /// The asset's name; when `None`, the one that is meant to be looked at, or the only raster.
    pub name: Option<&'a str>,
    /// Whether the document comes from a stranger: then assets are files below its own folder.
    pub is_untrusted: bool,
}

/// Whether a name is that of a document rather than a raster.
#[must_use]
pub fn is_document(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().map(|end| end.to_string_lossy().to_lowercase());
    !is_virtual(name) && !is_remote(name) && extension.is_some_and(|end| end == "json" || end == "geojson")
}

/// The scenes of a document, in its order.
///
/// # Errors
/// Why it cannot be used, in words.
pub fn scenes(document: &Path, choice: AssetChoice<'_>) -> Result<Vec<OsString>, String> {
    let found = std::fs::metadata(document).map_err(|cause| cause.to_string())?;
    if !found.is_file() || found.len() > MAX_BYTES {
        return Err(format!("it is no file of at most {MAX_BYTES} bytes"));
    }
    let text = std::fs::read(document).map_err(|cause| cause.to_string())?;
    let value: Value = serde_json::from_slice(&text).map_err(|cause| format!("it is no JSON: {cause}"))?;
    let items = match (value["type"].as_str(), value["features"].as_array()) {
        (Some("Feature"), _) => vec![&value],
        (Some("FeatureCollection"), Some(features)) => features.iter().collect(),
        (Some(kind @ ("Collection" | "Catalog")), _) => {
            return Err(format!("it is a STAC {kind}, which only leads to items: give items or an item collection"));
        }
        _ => return Err("it is neither a STAC item nor a collection of items".to_owned()),
    };
    let folder = document.parent().unwrap_or(Path::new(""));
    let mut scenes = Vec::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        let called = item["id"].as_str().map_or_else(|| format!("item {number}"), |id| format!("item {id:?}"));
        let scene = scene_of(item, folder, choice).map_err(|reason| format!("{called}: {reason}"))?;
        scenes.push(scene);
    }
    if scenes.is_empty() { Err("it holds no items".to_owned()) } else { Ok(scenes) }
}

/// The scene of a document that holds one item.
///
/// # Errors
/// Why it cannot be used, in words.
pub fn only_scene(document: &Path, choice: AssetChoice<'_>) -> Result<OsString, String> {
    let mut found = scenes(document, choice)?;
    match (found.pop(), found.len()) {
        (Some(scene), 0) => Ok(scene),
        (_, others) => Err(format!("it holds {} items: use geophrase plan or batch for them", others + 1)),
    }
}

fn scene_of(item: &Value, folder: &Path, choice: AssetChoice<'_>) -> Result<OsString, String> {
    let assets = item["assets"].as_object().ok_or("it has no assets, so it is no STAC item")?;
    let name = match choice.name {
        Some(name) if assets.contains_key(name) => name,
        Some(name) => return Err(format!("it has no asset {name:?}, but {}", listed(assets.keys()))),
        None => chosen(assets)?,
    };
    let href = assets[name]["href"].as_str().ok_or_else(|| format!("asset {name:?} has no href"))?;
    located(href, folder, choice.is_untrusted).map_err(|reason| format!("asset {name:?}: {reason}"))
}

/// The asset that is meant to be looked at, or else the data, if there is one only.
fn chosen(assets: &Map<String, Value>) -> Result<&str, String> {
    let has_role = |asset: &Value, role: &str| {
        asset["roles"].as_array().is_some_and(|roles| roles.iter().any(|other| other.as_str() == Some(role)))
    };
    let rasters: Vec<(&String, &Value)> = assets
        .iter()
        .filter(|(_, asset)| is_raster(asset) && !SIDE_ROLES.iter().any(|role| has_role(asset, role)))
        .collect();
    let named = |is_it: &dyn Fn(&str, &Value) -> bool| -> Vec<&String> {
        rasters.iter().filter(|(name, asset)| is_it(name, asset)).map(|(name, _)| *name).collect()
    };
    let groups = [
        named(&|_, asset| has_role(asset, "visual")),
        named(&|name, _| name == "visual"),
        named(&|_, asset| has_role(asset, "data")),
        named(&|_, _| true),
    ];
    let best = groups.into_iter().find(|group| !group.is_empty());
    match best.as_deref() {
        Some([only]) => Ok(only),
        Some(several) => {
            Err(format!("several assets may be meant, {}: choose with --asset", listed(several.iter().copied())))
        }
        None => {
            Err(format!("none of its assets is a raster that is known, {}: choose with --asset", listed(assets.keys())))
        }
    }
}

fn is_raster(asset: &Value) -> bool {
    match asset["type"].as_str() {
        Some(kind) => RASTERS.iter().any(|raster| kind.to_ascii_lowercase().starts_with(raster)),
        None => {
            let href = asset["href"].as_str().unwrap_or_default();
            let path = href.split(['?', '#']).next().unwrap_or_default();
            let extension = Path::new(path).extension().map(|end| end.to_string_lossy().to_lowercase());
            extension.is_some_and(|end| EXTENSIONS.contains(&end.as_str()))
        }
    }
}

/// The scene behind an `href`: an address, or a file as seen from the folder of the document.
fn located(href: &str, folder: &Path, is_untrusted: bool) -> Result<OsString, String> {
    let name = OsStr::new(href);
    if is_remote(name) {
        let refused = Err("it is an address, which --untrusted does not take".to_owned());
        return if is_untrusted { refused } else { Ok(name.to_owned()) };
    }
    let file = href.strip_prefix("file://").unwrap_or(href);
    // Names that make GDAL do more than open a file are for users to give, not for documents.
    if is_virtual(OsStr::new(file)) || file.contains("://") || file.starts_with('<') || file.is_empty() {
        let scheme: String = href.chars().take(40).collect();
        return Err(format!("its href {scheme:?} is neither a file nor a web address"));
    }
    let path = folder.join(file);
    if is_untrusted && !lies_below(&path, Path::new(file), folder) {
        return Err("its href leads out of the folder of the document, which --untrusted does not take".to_owned());
    }
    Ok(path.into_os_string())
}

/// Whether a file lies in a folder or one below, by its name and in fact.
fn lies_below(path: &Path, name: &Path, folder: &Path) -> bool {
    let is_plain = name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = |path: &Path| -> Option<PathBuf> { path.canonicalize().ok() };
    // What is not there is no danger, and is missed when it is opened.
    is_plain && real(path).is_none_or(|path| real(folder).is_some_and(|folder| path.starts_with(folder)))
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).take(12).collect();
    if names.is_empty() { "none at all".to_owned() } else { format!("these are there: {}", names.join(", ")) }
}

#[cfg(test)]
#[path = "scenes_tests.rs"]
mod tests;
