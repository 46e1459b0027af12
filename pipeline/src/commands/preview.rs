//! `geophrase preview`: a picture of scene, mask and uncertainty side by side.

use std::ffi::{OsStr, OsString};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use geo_io::{PixelSize, PixelWindow, ScaleChoice, Scene, SceneInfo, SceneOptions, pending_file};
use image::{ImageFormat, RgbImage};

use crate::error::PipelineError;
use crate::outputs::mask_of;
use crate::picture::panels::Panels;

/// What `geophrase preview` was asked to do.
#[derive(Clone, Debug)]
pub struct PreviewRequest {
    /// The scene.
    pub scene: OsString,
    /// The probability raster, its mask beside it.
    pub raster: PathBuf,
    /// Where the picture goes.
    pub out: PathBuf,
    /// Words above the picture.
    pub title: String,
    /// Width of one panel, at most.
    pub panel_px: u32,
    /// Whether a picture that exists is replaced.
    pub overwrite: bool,
}

/// Draws the picture.
///
/// # Errors
/// A raster that cannot be read or is of another size than the scene, a picture that cannot be written.
pub fn preview(request: &PreviewRequest) -> Result<(), PipelineError> {
    let panels = panels(&request.scene, &request.raster, request.panel_px)?;
    save_png(&panels.draw(&request.title), &request.out, request.overwrite)
}

/// Writes a picture as PNG.
///
/// # Errors
/// A file that exists and may not be replaced, or that cannot be written.
pub fn save_png(picture: &RgbImage, out: &Path, overwrite: bool) -> Result<(), PipelineError> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| PipelineError::Write { path: out.to_owned(), source: std::io::Error::other(error) })?;
    pending_file(out, overwrite, bytes.get_ref())?.commit()?;
    Ok(())
}

/// Scene, mask and uncertainty, averaged down to the width of a panel.
///
/// # Errors
/// A raster that cannot be read or is of another size than the scene.
pub fn panels(scene: &OsStr, raster: &Path, panel_px: u32) -> Result<Panels, PipelineError> {
    let plain = SceneOptions { allow_no_crs: true, ..SceneOptions::default() };
    let band = |band, scale| SceneOptions { bands: Some(vec![band]), scale, ..plain.clone() };
    let sources = [
        Scene::open(scene, &plain)?,
        Scene::open(mask_of(raster).as_os_str(), &band(1, ScaleChoice::MinMax { min: 0.0, max: 1.0 }))?,
        Scene::open(raster.as_os_str(), &band(2, ScaleChoice::MinMax { min: 0.0, max: 1.0 }))?,
    ];
    let size = sources[0].info().size;
    if let Some(other) = sources.iter().find(|source| source.info().size != size) {
        let reason = format!("{} has another size than the scene", other.info().name);
        return Err(PipelineError::Usage(reason));
    }
    let factor = size.width.div_ceil(panel_px).max(1);
    let width = size.width.div_ceil(factor);
    let info = sources[0].info();
    let (wide, leaning) = (info.affine.0[1], info.affine.0[2]);
    // The step of one map unit to the north, in columns and rows.
    let determinant = info.affine.determinant();
    let north = info.crs.is_some().then_some((-leaning / determinant, wide / determinant));
    let pixel_m = info.pixel_size_m.map(|metres| metres * f64::from(factor));
    let mut panels = Panels { width, scene: Vec::new(), mask: Vec::new(), uncertainty: Vec::new(), pixel_m, north };
    for row_off in (0..size.height).step_by(factor as usize) {
        let window = PixelWindow { col_off: 0, row_off, width: size.width, height: factor.min(size.height - row_off) };
        let [colours, mask, doubt] = &sources;
        for [r, g, b, _] in averaged(colours, window, factor)? {
            panels.scene.push([r, g, b].map(|value| value.round().clamp(0.0, 255.0) as u8));
        }
        // Inside is 255, by scale or by the colour of the label; a picture's pixel is inside when most of it is.
        panels
            .mask
            .extend(averaged(mask, window, factor)?.map(|[label, _, _, valid]| (valid > 0.0).then_some(label > 127.5)));
        panels.uncertainty.extend(averaged(doubt, window, factor)?.map(|[doubt, ..]| doubt / 255.0));
    }
    Ok(panels)
}

/// The scene, averaged down to a picture whose longer side is at most so long, and what is known about it.
///
/// # Errors
/// A scene that cannot be read.
pub(crate) fn scene_picture(scene: &OsStr, most_px: u32) -> Result<(RgbImage, SceneInfo), PipelineError> {
    let plain = SceneOptions { allow_no_crs: true, ..SceneOptions::default() };
    let source = Scene::open(scene, &plain)?;
    let info = source.info().clone();
    let PixelSize { width, height } = info.size;
    let factor = width.max(height).div_ceil(most_px).max(1);
    let mut picture = RgbImage::new(width.div_ceil(factor), height.div_ceil(factor));
    for (row, row_off) in (0..height).step_by(factor as usize).enumerate() {
        let window = PixelWindow { col_off: 0, row_off, width, height: factor.min(height - row_off) };
        for (col, [r, g, b, _]) in averaged(&source, window, factor)?.enumerate() {
            let colour = [r, g, b].map(|value| value.round().clamp(0.0, 255.0) as u8);
            picture.put_pixel(col as u32, row as u32, image::Rgb(colour));
        }
    }
    Ok((picture, info))
}

/// Means over `factor` columns of some rows: red, green, blue of the valid pixels, and the share that is valid.
fn averaged(source: &Scene, window: PixelWindow, factor: u32) -> Result<impl Iterator<Item = [f32; 4]>, PipelineError> {
    let pixels = source.read_rgb(window)?;
    let PixelSize { width, .. } = source.info().size;
    let area = window.area_px();
    Ok((0..width).step_by(factor as usize).map(move |left| {
        let right = (left + factor).min(width);
        let mut sums = [0.0_f32; 4];
        for row in 0..window.height {
            for col in left..right {
                let i = row as usize * width as usize + col as usize;
                if pixels.valid[i] != 0 {
                    let colour = [pixels.rgb[i], pixels.rgb[area + i], pixels.rgb[2 * area + i], 1.0];
                    sums.iter_mut().zip(colour).for_each(|(sum, value)| *sum += value);
                }
            }
        }
        let count = sums[3].max(1.0);
        [sums[0] / count, sums[1] / count, sums[2] / count, sums[3]]
    }))
}
