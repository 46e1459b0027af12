//! What has changed between two runs over the same place.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use geo::{Area, BooleanOps, Coord, LineString, MultiPolygon, Polygon};
use geojson::{Feature, Geometry, GeometryValue, JsonObject, Position};
use rstar::RTree;
use rstar::primitives::{GeomWithData, Rectangle};
use serde_json::json;

use crate::detection::DetectionPolygon;
use crate::error::GeoIoError;
use crate::geojson_writer::crs_of;
use crate::vector_reader::{StoredDetection, VectorReader};

/// What became of a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// It is there in another shape.
    Changed,
    /// It is there as it was.
    Same,
}

impl Change {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Same => "same",
        }
    }
}

/// When two detections are one.
#[derive(Clone, Copy, Debug)]
pub struct DiffOptions {
    /// Least overlap (intersection over union) of two detections that are the same thing.
    pub min_iou: f64,
    /// Overlap from which on nothing has changed.
    pub same_iou: f64,
}

/// Detections of two files, told apart by what became of them.
pub struct Diff {
    before: Vec<Shape>,
    after: Vec<Shape>,
    /// Numbers of the detections before and after, and their overlap.
    pairs: Vec<(usize, usize, f64)>,
    options: DiffOptions,
    crs: String,
}

/// A detection with its polygon as `geo` wants it.
struct Shape {
    stored: StoredDetection,
    polygon: MultiPolygon,
    area: f64,
}

/// The box of a detection, and its number.
type Boxed = GeomWithData<Rectangle<[f64; 2]>, usize>;

impl Diff {
    /// Reads two files and pairs their detections of the same prompt by overlap, the best pairs first. All of both is
    /// held in memory.
    ///
    /// # Errors
    /// A file that cannot be read, or two without a way from one CRS to the other.
    pub fn of(before: &Path, after: &Path, options: DiffOptions) -> Result<Self, GeoIoError> {
        let (old, new) = (VectorReader::open(before)?, VectorReader::open(after)?);
        let target = old.crs().cloned();
        let (mut was, mut is) = (Vec::new(), Vec::new());
        old.read(None, |found| was.push(Shape::new(found)))?;
        new.read(target.as_ref(), |found| is.push(Shape::new(found)))?;
        let pairs = paired(&was, &is, options.min_iou);
        Ok(Self { before: was, after: is, pairs, options, crs: crs_of(target.as_ref()) })
    }

    /// How many detections of each prompt were added, removed, changed and are the same.
    pub fn counts(&self) -> BTreeMap<String, BTreeMap<Change, usize>> {
        let mut counts: BTreeMap<String, BTreeMap<Change, usize>> = BTreeMap::new();
        self.each(|change, before, after, _| {
            let prompt = before.or(after).map_or("", |found| found.stored.text("prompt"));
            *counts.entry(prompt.to_owned()).or_default().entry(change).or_default() += 1;
        });
        counts
    }

    /// GeoJSON in the CRS of the first file: what was added, removed and changed, each with `change`, `iou`, and of both
    /// sides `id`, `area_m2` and `unc_mean`. What has changed is drawn as it is now.
    pub fn to_geojson(&self) -> String {
        let mut features = Vec::new();
        self.each(|change, before, after, iou| {
            if change == Change::Same {
                return;
            }
            let Some(shown) = after.or(before) else { return };
            let mut properties = JsonObject::new();
            properties.insert("change".to_owned(), json!(change.name()));
            properties.insert("prompt".to_owned(), json!(shown.stored.text("prompt")));
            properties.insert("iou".to_owned(), json!((iou * 1e6).round() / 1e6));
            for (side, found) in [("before", before), ("after", after)] {
                let number = |name: &str| found.and_then(|found| found.stored.numbers.get(name));
                properties.insert(format!("id_{side}"), json!(found.map(|found| found.stored.text("id"))));
                properties.insert(format!("area_{side}_m2"), json!(number("area_m2")));
                properties.insert(format!("unc_mean_{side}"), json!(number("unc_mean")));
            }
            let feature =
                Feature { geometry: Some(shown.geometry()), properties: Some(properties), ..Default::default() };
            features.push(feature.to_string());
        });
        let lines = features.join(",\n");
        format!("{{\"type\":\"FeatureCollection\",\"name\":\"changes\",{}\"features\":[\n{lines}\n]}}\n", self.crs)
    }

    /// Added and changed in the order of the file after, then removed in that of the file before.
    fn each(&self, mut tell: impl FnMut(Change, Option<&Shape>, Option<&Shape>, f64)) {
        let partner: BTreeMap<usize, (usize, f64)> =
            self.pairs.iter().map(|(before, after, iou)| (*after, (*before, *iou))).collect();
        for (number, after) in self.after.iter().enumerate() {
            match partner.get(&number) {
                None => tell(Change::Added, None, Some(after), 0.0),
                Some((before, iou)) => {
                    let change = if *iou >= self.options.same_iou { Change::Same } else { Change::Changed };
                    tell(change, Some(&self.before[*before]), Some(after), *iou);
                }
            }
        }
        let kept: HashSet<usize> = self.pairs.iter().map(|(before, ..)| *before).collect();
        for (_, before) in self.before.iter().enumerate().filter(|(number, _)| !kept.contains(number)) {
            tell(Change::Removed, Some(before), None, 0.0);
        }
    }
}

impl Shape {
    fn new(stored: StoredDetection) -> Self {
        let ring = |points: &Vec<crate::grid::MapPoint>| -> LineString {
            points.iter().map(|point| Coord { x: point.x, y: point.y }).collect()
        };
        let part = |part: &DetectionPolygon| Polygon::new(ring(&part.shell), part.holes.iter().map(ring).collect());
        let polygon = MultiPolygon::new(stored.parts.iter().map(part).collect());
        let area = polygon.unsigned_area();
        Self { stored, polygon, area }
    }

    fn boxed(&self, number: usize) -> Boxed {
        let points = || self.stored.parts.iter().flat_map(|part| &part.shell);
        let least = |of: fn(&crate::grid::MapPoint) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
        let most = |of: fn(&crate::grid::MapPoint) -> f64| points().map(of).fold(f64::NEG_INFINITY, f64::max);
        let corners = ([least(|p| p.x), least(|p| p.y)], [most(|p| p.x), most(|p| p.y)]);
        GeomWithData::new(Rectangle::from_corners(corners.0, corners.1), number)
    }

    fn geometry(&self) -> Geometry {
        let ring = |ring: &LineString| -> Vec<Position> {
            ring.0.iter().map(|point| Position::from([point.x, point.y])).collect()
        };
        let part = |part: &Polygon| std::iter::once(part.exterior()).chain(part.interiors()).map(ring).collect();
        let mut coordinates: Vec<Vec<Vec<Position>>> = self.polygon.0.iter().map(part).collect();
        Geometry::new(match coordinates.len() {
            1 => GeometryValue::Polygon { coordinates: coordinates.remove(0) },
            _ => GeometryValue::MultiPolygon { coordinates },
        })
    }
}

/// Pairs of the same prompt, each detection in one pair at most, those that overlap most first.
fn paired(before: &[Shape], after: &[Shape], min_iou: f64) -> Vec<(usize, usize, f64)> {
    let tree = RTree::bulk_load(before.iter().enumerate().map(|(number, shape)| shape.boxed(number)).collect());
    let mut candidates = Vec::new();
    for (number, shape) in after.iter().enumerate() {
        for near in tree.locate_in_envelope_intersecting(&rstar::RTreeObject::envelope(&shape.boxed(number))) {
            let other = &before[near.data];
            if other.stored.text("prompt") != shape.stored.text("prompt") {
                continue;
            }
            let shared = shape.polygon.intersection(&other.polygon).unsigned_area();
            let iou = shared / (shape.area + other.area - shared);
            if iou >= min_iou && shared > 0.0 {
                candidates.push((near.data, number, iou));
            }
        }
    }
    candidates.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.1, a.0).cmp(&(b.1, b.0))));
    let (mut used_before, mut used_after) = (HashSet::new(), HashSet::new());
    candidates.retain(|(before, after, _)| {
        let is_free = !used_before.contains(before) && !used_after.contains(after);
        if is_free {
            used_before.insert(*before);
            used_after.insert(*after);
        }
        is_free
    });
    candidates
}
