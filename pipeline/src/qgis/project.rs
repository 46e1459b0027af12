//! A QGIS project that opens scene, rasters and polygons together, each in its style.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use geo_io::SceneInfo;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::style::{Style, inner};
use super::xml::escaped;
use crate::beside::relative;

/// A layer of the project, as QGIS is to open it.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// The file; relative ones are relative to the working folder.
    pub(crate) file: PathBuf,
    /// What comes after the file's name, such as `|layername=roofs`.
    pub(crate) part: String,
    /// What the legend says.
    pub(crate) title: String,
    /// How it is drawn; `None` for the scene itself.
    pub(crate) style: Option<Style>,
    /// Whether it is in longitude and latitude rather than the CRS of the scene.
    pub(crate) in_degrees: bool,
    /// Whether it is shown when the project opens.
    pub(crate) is_shown: bool,
}

/// The project as the content of a `.qgs`, or of a `.qgz` when the name ends so. The first layer is the topmost.
///
/// Files are named relative to the project, so that a folder with both may be moved.
pub(crate) fn project(out: &Path, scene: &SceneInfo, prompts: &[String], layers: &[Layer]) -> std::io::Result<Vec<u8>> {
    let text = qgs(out, scene, prompts, layers);
    let is_zip = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("qgz"));
    if !is_zip {
        return Ok(text.into_bytes());
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // The time in the archive is fixed, so that the same run gives the same bytes.
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    let name = out.file_stem().map_or_else(|| "project".into(), |stem| stem.to_string_lossy());
    zip.start_file(format!("{name}.qgs"), options).map_err(std::io::Error::other)?;
    zip.write_all(text.as_bytes())?;
    Ok(zip.finish().map_err(std::io::Error::other)?.into_inner())
}

fn qgs(out: &Path, scene: &SceneInfo, prompts: &[String], layers: &[Layer]) -> String {
    let crs = scene.crs.as_ref();
    let srs = srs(crs.map(|crs| (crs.wkt2().to_owned(), crs.authority().map(|(name, code)| format!("{name}:{code}")))));
    let degrees = self::srs(Some((String::new(), Some("EPSG:4326".to_owned()))));
    let title = escaped(&format!("geophrase: {}", scene.short_name()));
    let (mut tree, mut list, mut order) = (String::new(), String::new(), String::new());
    for (number, layer) in layers.iter().enumerate() {
        let id = format!("geophrase_{number}");
        let name = escaped(&layer.title);
        let source = escaped(&(relative(out, &layer.file) + &layer.part));
        let is_vector = layer.style == Some(Style::Detections);
        let (kind, provider) = if is_vector { ("vector", "ogr") } else { ("raster", "gdal") };
        let checked = if layer.is_shown { "Qt::Checked" } else { "Qt::Unchecked" };
        tree += &format!(
            "<layer-tree-layer id=\"{id}\" name=\"{name}\" source=\"{source}\" providerKey=\"{provider}\" checked=\"{checked}\" expanded=\"1\"/>\n"
        );
        order += &format!("<layer id=\"{id}\"/>\n");
        let geometry = if is_vector { " geometry=\"Polygon\"" } else { "" };
        let srs = if layer.in_degrees { &degrees } else { &srs };
        let style = layer.style.map(|style| inner(style, prompts)).unwrap_or_default();
        list += &format!(
            "<maplayer type=\"{kind}\"{geometry} autoRefreshEnabled=\"0\">\n<id>{id}</id>\n<datasource>{source}</datasource>\n\
             <layername>{name}</layername>\n{srs}<provider>{provider}</provider>\n{style}</maplayer>\n"
        );
    }
    let [west, south, east, north] = extent(scene);
    format!(
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis version=\"3.22.0\" projectname=\"{title}\">\n\
         <title>{title}</title>\n<projectCrs>{}</projectCrs>\n\
         <layer-tree-group>\n{tree}</layer-tree-group>\n\
         <mapcanvas name=\"theMapCanvas\" annotationsVisible=\"1\"><units>meters</units><extent><xmin>{west}</xmin>\
         <ymin>{south}</ymin><xmax>{east}</xmax><ymax>{north}</ymax></extent><rotation>0</rotation></mapcanvas>\n\
         <projectlayers>\n{list}</projectlayers>\n<layerorder>\n{order}</layerorder>\n\
         <properties><SpatialRefSys><ProjectionsEnabled type=\"int\">1</ProjectionsEnabled></SpatialRefSys><Paths><Absolute type=\"bool\">false</Absolute></Paths></properties>\n</qgis>\n",
        srs.trim_start_matches("<srs>").trim_end().trim_end_matches("</srs>"),
    )
}

/// The CRS of a layer, by its definition and its code.
fn srs(crs: Option<(String, Option<String>)>) -> String {
    let Some((wkt, code)) = crs else { return "<srs><spatialrefsys nativeFormat=\"Wkt\"/></srs>\n".to_owned() };
    let wkt = if wkt.is_empty() { String::new() } else { format!("<wkt>{}</wkt>", escaped(&wkt)) };
    let code = code.map(|code| format!("<authid>{}</authid>", escaped(&code))).unwrap_or_default();
    format!("<srs><spatialrefsys nativeFormat=\"Wkt\">{wkt}{code}</spatialrefsys></srs>\n")
}

/// Smallest x and y, largest x and y of the scene.
fn extent(scene: &SceneInfo) -> [f64; 4] {
    let (w, h) = (f64::from(scene.size.width), f64::from(scene.size.height));
    let corners = [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(col, row)| scene.affine.point(col, row));
    let least = |of: fn(&geo_io::MapPoint) -> f64| corners.iter().map(of).fold(f64::INFINITY, f64::min);
    let most = |of: fn(&geo_io::MapPoint) -> f64| corners.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    [least(|point| point.x), least(|point| point.y), most(|point| point.x), most(|point| point.y)]
}
