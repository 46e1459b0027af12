//! Where a scene lies, and refusals that say what to do when it does not say.

use gdal::{Dataset, Metadata};

use crate::crs::{CrsKind, SceneCrs};
use crate::gdal_env::tolerant;
use crate::grid::PixelSize;
use crate::scene::SceneOptions;
use crate::transform::Affine;

/// Where a scene lies.
pub(crate) struct Location {
    pub(crate) affine: Affine,
    pub(crate) has_grid: bool,
    pub(crate) crs: Option<SceneCrs>,
}

/// Why a scene has no usable place.
pub(crate) enum Lost {
    /// The scene is at fault; what to do about it.
    Scene(String),
    /// The CRS the user names is.
    Option(String),
}

/// Finds grid and CRS. Says in `notes` what a user should know.
pub(crate) fn locate(
    dataset: &Dataset,
    size: PixelSize,
    options: &SceneOptions,
    notes: &mut Vec<String>,
) -> Result<Location, Lost> {
    // Absence is the only failure there is.
    let grid = tolerant(|| dataset.geo_transform()).ok().filter(|grid| grid.iter().all(|value| value.is_finite()));
    let own_crs = tolerant(|| dataset.spatial_ref()).ok();
    let own_crs = own_crs
        .map(|crs| SceneCrs::from_spatial_ref(&crs))
        .transpose()
        .map_err(|failure| Lost::Scene(format!("its CRS cannot be understood: {failure}")))?;
    let is_placed = grid.is_some_and(|grid| grid != Affine::IDENTITY.0);
    let has_points = !dataset.gcps().is_empty();
    let has_rpc = dataset.metadata_domain("RPC").is_some_and(|items| !items.is_empty());
    let off_globe =
        matches!((grid, &own_crs), (Some(grid), Some(crs)) if crs.kind() != CrsKind::Other && leaves_globe(grid, size));
    let in_pixels = |notes: &mut Vec<String>| {
        notes.push("no CRS: polygons are in pixel coordinates of the scene's grid".to_owned());
    };

    let reason = if has_points && !is_placed {
        "it has only ground control points and no grid (warp it first: gdalwarp IN OUT.tif)".to_owned()
    } else if has_rpc && (!is_placed || off_globe) {
        "it has only a camera model (RPC) and no grid (warp it first: gdalwarp -rpc IN OUT.tif)".to_owned()
    } else if own_crs.is_none() && options.assume_crs.is_none() {
        "it has no CRS (name it by --assume-crs EPSG:..., or work in pixels by --allow-no-crs)".to_owned()
    } else if grid.is_none() {
        "it has no grid that ties pixels to the map (give it one: gdal_translate -a_ullr ..., or work in pixels by \
         --allow-no-crs)"
            .to_owned()
    } else if off_globe {
        return Err(Lost::Scene(
            "its grid leaves the globe: latitudes beyond 90 degrees or longitudes beyond 360".to_owned(),
        ));
    } else {
        let crs = match own_crs {
            Some(crs) => {
                if options.assume_crs.is_some() {
                    notes.push(format!("--assume-crs is not used: the scene has its own CRS, {}", crs.name()));
                }
                Some(crs)
            }
            None => assumed(options, notes)?,
        };
        let affine = grid.map_or(Affine::IDENTITY, Affine);
        if affine.determinant() == 0.0 {
            return Err(Lost::Scene("its grid is degenerate: all pixels lie on a line or a point".to_owned()));
        }
        if !is_placed || grid == Some([0.0, 1.0, 0.0, 0.0, 0.0, -1.0]) {
            notes.push(
                "the grid is the empty default (origin 0, 0, one unit per pixel): the place is hardly real".to_owned(),
            );
        }
        return Ok(Location { affine, has_grid: true, crs });
    };
    if !options.allow_no_crs {
        return Err(Lost::Scene(reason));
    }
    in_pixels(notes);
    // A turned or shifted grid without a CRS is still a grid; the identity beside control points is not.
    let kept = grid.filter(|grid| is_placed && !off_globe && Affine(*grid).determinant() != 0.0);
    Ok(Location { affine: kept.map_or(Affine::IDENTITY, Affine), has_grid: kept.is_some(), crs: None })
}

fn assumed(options: &SceneOptions, notes: &mut Vec<String>) -> Result<Option<SceneCrs>, Lost> {
    let Some(text) = &options.assume_crs else { return Ok(None) };
    let crs = SceneCrs::from_definition(text)
        .map_err(|failure| Lost::Option(format!("--assume-crs {text:?} is not a CRS that gdal knows: {failure}")))?;
    notes.push(format!("CRS assumed: {}", crs.name()));
    Ok(Some(crs))
}

/// True when a grid in degrees reaches places that are not on Earth, give or take one pixel.
fn leaves_globe(grid: [f64; 6], size: PixelSize) -> bool {
    let affine = Affine(grid);
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let slack_x = grid[1].abs() + grid[2].abs() + 1e-9;
    let slack_y = grid[4].abs() + grid[5].abs() + 1e-9;
    [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)].iter().any(|(col, row)| {
        let point = affine.point(*col, *row);
        point.y.abs() > 90.0 + slack_y || point.x.abs() > 360.0 + slack_x
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_earth_fits_on_the_globe_and_more_does_not() {
        let size = PixelSize { width: 360, height: 180 };
        assert!(!leaves_globe([-180.0, 1.0, 0.0, 90.0, 0.0, -1.0], size));
        // Pixel centres on the poles put the edges half a pixel beyond.
        assert!(!leaves_globe([0.0, 1.0, 0.0, 90.5, 0.0, -1.0], PixelSize { width: 360, height: 181 }));
        assert!(leaves_globe([0.0, 1.0, 0.0, -90.0, 0.0, -1.0], size));
    }
}
