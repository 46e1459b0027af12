//! One polygon on the map with what is known about it.

use geo::{LineString, Polygon};

use crate::error::GeoIoError;
use crate::geodesy::GeoContext;
use crate::grid::{MapPoint, PixelCorner};
use crate::shaping::Shaping;
use crate::vectorize::Component;
use crate::window::PixelWindow;

/// Rings in the CRS of the scene, closed (the first point is repeated at the end).
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionPolygon {
    /// Outer ring, counter-clockwise on the map.
    pub shell: Vec<MapPoint>,
    /// Holes, clockwise on the map.
    pub holes: Vec<Vec<MapPoint>>,
}

/// One polygon on the map with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Where, in the CRS of the scene: one part, or several that meet in corners only.
    pub geometry: Vec<DetectionPolygon>,
    /// The same for the same prompt and place in every run: a hash of the prompt and the first pixel.
    pub id: String,
    /// The user's text.
    pub prompt: String,
    /// Mean probability over its pixels.
    pub prob_mean: f64,
    /// 10th percentile of the probability.
    pub prob_p10: f64,
    /// Mean uncertainty.
    pub unc_mean: f64,
    /// 90th percentile of the uncertainty.
    pub unc_p90: f64,
    /// Largest uncertainty.
    pub unc_max: f64,
    /// Share of its area that is expected to be target: 1 - uncertainty, over all its pixels.
    pub likely_share: f64,
    /// Share of its area that is target even if it is among the worst in twenty: see [`crate::ComponentStats`].
    pub sure_share: f64,
    /// Share of its area that is target if it is among the best in twenty.
    pub possible_share: f64,
    /// Highest presence of the tiles it lies in, of models that tell.
    pub presence: Option<f64>,
    /// How many tiles saw some of it; `None` where no tiles are known, or the whole scene was seen at once.
    pub n_tiles: Option<u64>,
    /// Area on the ellipsoid, `None` where it cannot be known.
    pub area_m2: Option<f64>,
    /// Length of all its rings on the ellipsoid, `None` where it cannot be known.
    pub perimeter_m: Option<f64>,
    /// Number of pixels.
    pub n_px: u64,
    /// True when it reaches the edge of the scene and may go on beyond.
    pub touches_edge: bool,
    /// Its centre of mass, in the CRS of the scene.
    pub centroid: MapPoint,
    /// The pixels of the scene that it spans.
    pub bbox: PixelWindow,
}

impl Detection {
    /// Places a component on the map and measures it.
    ///
    /// # Errors
    /// None at present: what cannot be measured, for want of a CRS or because it lies off the globe, is `None`.
    pub fn from_component(component: &Component, context: &GeoContext, prompt: &str) -> Result<Self, GeoIoError> {
        Self::shaped(component, context, prompt, Shaping::default())
    }

    /// The same with an outline of another shape. Measures are those of the pixels.
    ///
    /// Components must know their saddles where [`Shaping::needs_saddles`]. Detections of one prompt do not overlap
    /// afterwards either, unless one of them was squared.
    ///
    /// # Errors
    /// None at present.
    pub fn shaped(
        component: &Component,
        context: &GeoContext,
        prompt: &str,
        shaping: Shaping,
    ) -> Result<Self, GeoIoError> {
        let affine = context.affine();
        // Seen on the map, the outside of a component runs clockwise when rows run downwards there.
        let turns_over = affine.determinant() < 0.0;
        let placed = |ring: &LineString| -> Vec<MapPoint> {
            let mut points: Vec<MapPoint> = ring.0.iter().map(|at| affine.point(at.x, at.y)).collect();
            if turns_over {
                points.reverse();
            }
            points
        };
        let part = |part: Polygon| DetectionPolygon {
            shell: placed(part.exterior()),
            holes: part.interiors().iter().map(placed).collect(),
        };
        let geometry = shaping.outline(component).into_iter().map(part).collect();
        let measures = context.measure_all(&component.parts);
        let (col, row) = centre_of_mass(component);
        let (first_row, first_col) = context.origin();
        let stats = &component.stats;
        // Filled holes are part of the area, but nothing says that they are targets.
        let area_px = doubled_area(component) as f64 / 2.0;
        let mask_share = component.n_px as f64 / area_px;
        Ok(Self {
            geometry,
            id: stable_id(prompt, (component.first_px.0 + first_row, component.first_px.1 + first_col)),
            prompt: prompt.to_owned(),
            prob_mean: stats.prob_mean,
            prob_p10: stats.prob_p10,
            unc_mean: stats.unc_mean,
            unc_p90: stats.unc_p90,
            unc_max: stats.unc_max,
            likely_share: mask_share * (1.0 - stats.unc_mean),
            sure_share: mask_share * stats.sure_share,
            possible_share: mask_share * stats.possible_share,
            presence: stats.presence,
            n_tiles: stats.n_tiles,
            area_m2: measures.map(|measures| measures.area_m2),
            perimeter_m: measures.map(|measures| measures.perimeter_m),
            n_px: component.n_px,
            touches_edge: component.touches_edge,
            centroid: affine.point(col, row),
            bbox: PixelWindow {
                row_off: component.bbox.row_off + first_row,
                col_off: component.bbox.col_off + first_col,
                ..component.bbox
            },
        })
    }
}

fn rings_of(component: &Component) -> impl Iterator<Item = &Vec<PixelCorner>> {
    component.parts.iter().flat_map(|part| std::iter::once(&part.shell).chain(&part.holes))
}

/// Twice the area of all parts in pixels, holes taken off.
fn doubled_area(component: &Component) -> i64 {
    let cross = |edge: &[PixelCorner]| {
        i64::from(edge[0].col) * i64::from(edge[1].row) - i64::from(edge[1].col) * i64::from(edge[0].row)
    };
    rings_of(component).flat_map(|ring| ring.windows(2)).map(cross).sum()
}

/// Column and row of the centre of mass, from the rings alone.
fn centre_of_mass(component: &Component) -> (f64, f64) {
    // Counted from the first pixel, so that sums stay small.
    let (row_0, col_0) = (f64::from(component.first_px.0), f64::from(component.first_px.1));
    let (mut area, mut col_sum, mut row_sum) = (0.0, 0.0, 0.0);
    for ring in rings_of(component) {
        for edge in ring.windows(2) {
            let (x0, y0) = (f64::from(edge[0].col) - col_0, f64::from(edge[0].row) - row_0);
            let (x1, y1) = (f64::from(edge[1].col) - col_0, f64::from(edge[1].row) - row_0);
            let cross = x0 * y1 - x1 * y0;
            area += cross;
            col_sum += (x0 + x1) * cross;
            row_sum += (y0 + y1) * cross;
        }
    }
    (col_0 + col_sum / (3.0 * area), row_0 + row_sum / (3.0 * area))
}

/// FNV-1a over the prompt and the place, in 16 digits: the same in every run, on every machine and in every version.
fn stable_id(prompt: &str, (row, col): (u32, u32)) -> String {
    let place = row.to_le_bytes().into_iter().chain(col.to_le_bytes());
    let bytes = prompt.bytes().chain([0]).chain(place);
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::PixelSize;
    use crate::strip::SceneStrip;
    use crate::transform::Affine;
    use crate::vectorize::{StripVectorizer, VectorizeOptions};

    /// The only component of a mask of three columns.
    fn component(mask: &[u8]) -> Component {
        let rows = mask.len() as u32 / 3;
        let plane = vec![0.75; mask.len()];
        let mut vectorizer = StripVectorizer::new(3, rows, VectorizeOptions::default());
        let strip = SceneStrip {
            rows,
            width: 3,
            probability: plane.clone(),
            uncertainty: plane,
            mask: mask.to_vec(),
            ..Default::default()
        };
        vectorizer.push(&strip);
        vectorizer.finish().remove(0)
    }

    fn signed_area(ring: &[MapPoint]) -> f64 {
        ring.windows(2).map(|edge| edge[0].x * edge[1].y - edge[1].x * edge[0].y).sum::<f64>() / 2.0
    }

    #[test]
    fn shells_run_counter_clockwise_on_the_map_whichever_way_the_rows_run() {
        let frame = component(&[1, 1, 1, 1, 0, 1, 1, 1, 1]);
        for affine in
            [[10.0, 2.0, 0.0, 50.0, 0.0, -2.0], [10.0, 2.0, 0.0, 50.0, 0.0, 2.0], [0.0, 1.0, 2.0, 0.0, 2.0, -1.0]]
        {
            let context = GeoContext::of(Affine(affine), PixelSize { width: 3, height: 3 }, None);
            let detection = Detection::from_component(&frame, &context, "roof").unwrap();
            // Nine pixels and one, times the size of a pixel.
            let pixel = Affine(affine).determinant().abs();
            assert_eq!(signed_area(&detection.geometry[0].shell), 9.0 * pixel);
            assert_eq!(signed_area(&detection.geometry[0].holes[0]), -pixel);
            assert_eq!(detection.centroid, Affine(affine).point(1.5, 1.5));
            assert_eq!((detection.area_m2, detection.perimeter_m), (None, None));
        }
    }

    #[test]
    fn the_centre_of_an_l_is_pulled_into_its_arms() {
        // Pixels at (0.5, 0.5), (0.5, 1.5), (1.5, 1.5): the mean is (2.5 / 3, 3.5 / 3).
        let (col, row) = centre_of_mass(&component(&[1, 0, 0, 1, 1, 0]));
        assert!((col - 2.5 / 3.0).abs() < 1e-12 && (row - 3.5 / 3.0).abs() < 1e-12, "{col} {row}");
    }

    #[test]
    fn an_id_depends_on_prompt_and_place_and_on_nothing_else() {
        assert_eq!(stable_id("roof", (1, 2)), stable_id("roof", (1, 2)));
        let others = [stable_id("roofs", (1, 2)), stable_id("roof", (2, 1)), stable_id("roof", (1, 3))];
        assert!(!others.contains(&stable_id("roof", (1, 2))));
    }
}
