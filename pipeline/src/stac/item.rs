//! The Item: STAC 1.0.0 with the extensions for projections, processing, models, files and rasters.

use std::path::Path;

use geo_io::{Footprint, PendingOutput, SceneInfo};
use serde_json::{Value, json};

use super::asset::Files;
use crate::error::PipelineError;
use crate::outputs::OutputNames;
use crate::report::{ModelReport, Report};

/// The extensions that an Item uses, by their schemas.
const EXTENSIONS: [&str; 5] = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/mlm/v1.5.2/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
];
/// A scene that does not say when it was taken may be of any time: STAC asks for one or for both ends of a span.
const ANY_TIME: [&str; 2] = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"];

/// What an Item is made of.
pub(crate) struct ItemRequest<'a> {
    /// Its own name.
    pub(crate) path: &'a Path,
    pub(crate) names: &'a OutputNames,
    /// The part of the scene that results are of.
    pub(crate) output: &'a SceneInfo,
    pub(crate) report: &'a Report,
    pub(crate) cog: bool,
    /// All other files, complete but not yet under their names.
    pub(crate) pending: &'a PendingOutput,
}

/// The text of the Item.
///
/// # Errors
/// A scene that lies off the globe, a file that cannot be read again.
pub(crate) fn item(request: &ItemRequest) -> Result<String, PipelineError> {
    let ItemRequest { path, names, output, report, cog, pending } = *request;
    let footprint = Footprint::of(output).map_err(|failure| {
        let reason = format!("--stac needs its outline in longitude and latitude: {failure}");
        geo_io::GeoIoError::UnusableScene { name: output.name.clone().into(), reason }
    })?;
    let raw_uncertainty = report.options.raw_uncertainty;
    let files = Files { item: path, names, report, cog, raw_uncertainty, pending };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut item = json!({
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": EXTENSIONS,
        "id": name.strip_suffix(".stac.json").unwrap_or(&name),
        "geometry": null,
        "properties": properties(output, report),
        "links": [],
        "assets": files.assets()?,
    });
    if let Some(Footprint { geometry, bbox }) = footprint {
        item["geometry"] = geometry;
        item["bbox"] = json!(bbox);
    }
    let mut text = serde_json::to_string_pretty(&item)
        .map_err(std::io::Error::from)
        .map_err(|source| PipelineError::Write { path: path.to_owned(), source })?;
    text.push('\n');
    Ok(text)
}

fn properties(output: &SceneInfo, report: &Report) -> Value {
    let prompts: Vec<&str> = report.prompts.iter().map(|prompt| prompt.prompt.as_str()).collect();
    let mut properties = json!({
        "title": format!("{} in {}", prompts.join(", "), output.short_name()),
        "datetime": report.scene.datetime,
        "processing:software": { "geophrase": report.versions.geophrase, "GDAL": report.versions.gdal },
        "processing:lineage": format!(
            "what each phrase refers to in {}, found by the model {} and cut at a probability of {}",
            output.short_name(), report.model.name, report.options.threshold
        ),
        "geophrase:prompts": report.prompts,
        "geophrase:options": report.options,
        "geophrase:model": report.model,
        "geophrase:window": report.window,
        "geophrase:tiles": report.tiles,
        "geophrase:detections": report.detections,
        "geophrase:valid_px": report.valid_px,
        "geophrase:nodata_px": report.nodata_px,
        "geophrase:hole_px": report.hole_px,
        "geophrase:notes": report.notes,
        "geophrase:seconds": report.seconds,
    });
    if report.scene.datetime.is_none() {
        properties["start_datetime"] = ANY_TIME[0].into();
        properties["end_datetime"] = ANY_TIME[1].into();
    }
    if output.has_grid {
        place(&mut properties, output);
    }
    model(&mut properties, &report.model);
    properties
}

/// The grid of the rasters, which all assets share.
fn place(properties: &mut Value, output: &SceneInfo) {
    let [x, x_col, x_row, y, y_col, y_row] = output.affine.0;
    let code = output.crs.as_ref().and_then(|crs| crs.authority()).map(|(name, code)| format!("{name}:{code}"));
    properties["proj:code"] = json!(code);
    properties["proj:wkt2"] = json!(output.crs.as_ref().map(|crs| crs.wkt2()));
    properties["proj:shape"] = json!([output.size.height, output.size.width]);
    properties["proj:transform"] = json!([x_col, x_row, x, y_col, y_row, y]);
    properties["proj:bbox"] = json!(output.affine.bbox(geo_io::PixelWindow::whole(output.size)));
}

/// The model, in the words of the extension for models.
fn model(properties: &mut Value, model: &ModelReport) {
    let side = model.tile_px;
    let tasks = json!(["semantic-segmentation"]);
    properties["mlm:name"] = plain_name(&model.name).into();
    properties["mlm:architecture"] = "CroBIM-U".into();
    properties["mlm:framework"] = "Burn".into();
    properties["mlm:tasks"] = tasks.clone();
    properties["mlm:input"] = json!([
        {
            "name": "tile",
            "description": "red, green and blue of a tile of the scene on the scale 0 to 255",
            "input": { "shape": [-1, 3, side, side], "dim_order": ["batch", "channel", "height", "width"], "data_type": "float32" },
        },
        {
            "name": "prompt",
            "description": "the words of the phrase as numbers of the tokenizer",
            "input": { "shape": [-1, -1], "dim_order": ["batch", "token"], "data_type": "int64" },
        },
    ]);
    let plane = json!({
        "shape": [-1, 1, side, side], "dim_order": ["batch", "channel", "height", "width"], "data_type": "float32"
    });
    properties["mlm:output"] = json!([
        {
            "name": "probability",
            "description": "probability that a pixel belongs to what the phrase refers to",
            "tasks": tasks,
            "result": plane,
        },
        {
            "name": "uncertainty",
            "description": "probability that the label of a pixel, its probability cut at 0.5, is wrong",
            "tasks": tasks,
            "result": plane,
        },
    ]);
    let on_card = model.device.starts_with("cuda");
    let on_amd64 = cfg!(target_arch = "x86_64");
    if on_card || on_amd64 {
        properties["mlm:accelerator"] = if on_card { "cuda" } else { "amd64" }.into();
    }
}

/// A name as the extension wants it: letters, digits, `_.-` and blanks, beginning with a letter, three of them or more.
fn plain_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.- ".contains(c);
    let plain: String = name.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let begins = plain.starts_with(|c: char| c.is_ascii_alphabetic());
    let ends = plain.ends_with(|c: char| c.is_ascii_alphanumeric());
    match begins && ends && plain.len() > 2 {
        true => plain,
        false => format!("model-{}-x", plain.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_become_such_as_the_schema_takes() {
        assert_eq!(plain_name("small"), "small");
        assert_eq!(plain_name("my model/2"), "my model-2");
        assert_eq!(plain_name("7"), "model-7-x");
        assert_eq!(plain_name(""), "model--x");
    }
}
