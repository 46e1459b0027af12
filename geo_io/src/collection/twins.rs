//! Which detections of a collection are of one object.

use geo::{Area, BooleanOps, BoundingRect, MultiPolygon, Rect};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use super::CollectedScene;
use super::places::{Item, Places};
use crate::error::GeoIoError;

/// Two detections are of one object when they share at least so much of the smaller one.
const SHARED: f64 = 0.5;

/// Scene, id and prompt of a detection.
type Own = (usize, String, String);
/// Scene and id of one that shows the same.
type Other = (usize, String);

/// Which detections are of one object.
pub(super) struct Twins {
    /// Scene and id of a detection, prompt, and scene and id of the other; each pair both ways, sorted.
    pairs: Vec<(Own, Other)>,
}

/// What is known of a detection in other scenes.
pub(super) struct Seen {
    pub(super) also_in: Option<String>,
    pub(super) is_repeated: bool,
}

type Boxed = GeomWithData<Rectangle<[f64; 2]>, usize>;

impl Twins {
    /// Compares what lies where scenes overlap; only that is held in memory.
    pub(super) fn of(scenes: &[CollectedScene], places: &Places) -> Result<Self, GeoIoError> {
        let footprint = |number: usize| Some(boxed(places.footprint(number)?.bounding_rect()?, number));
        let footprints: RTree<Boxed> = RTree::bulk_load((0..scenes.len()).filter_map(footprint).collect());
        let mut items: Vec<Item> = Vec::new();
        for (number, scene) in scenes.iter().enumerate() {
            let others: Vec<AABB<[f64; 2]>> =
                places.footprint(number).and_then(BoundingRect::bounding_rect).map_or_else(Vec::new, |own| {
                    let meet = footprints.locate_in_envelope_intersecting(&envelope(own));
                    meet.filter(|other| other.data != number).map(rstar::RTreeObject::envelope).collect()
                });
            if others.is_empty() {
                continue;
            }
            for (item, _) in places.read(number, scene)? {
                let meets = item.shape.bounding_rect().is_some_and(|own| {
                    let own = envelope(own);
                    others.iter().any(|other| rstar::Envelope::intersects(other, &own))
                });
                if meets {
                    items.push(item);
                }
            }
        }
        let item_box = |(at, item): (usize, &Item)| Some(boxed(item.shape.bounding_rect()?, at));
        let tree: RTree<Boxed> = RTree::bulk_load(items.iter().enumerate().filter_map(item_box).collect());
        let mut pairs = Vec::new();
        for item in &items {
            let Some(own) = item.shape.bounding_rect() else { continue };
            for other in tree.locate_in_envelope_intersecting(&envelope(own)) {
                let other = &items[other.data];
                if other.scene > item.scene && other.prompt == item.prompt && are_one(&item.shape, &other.shape) {
                    let key = |item: &Item| (item.scene, item.id.clone(), item.prompt.clone());
                    pairs.push((key(item), (other.scene, other.id.clone())));
                    pairs.push((key(other), (item.scene, item.id.clone())));
                }
            }
        }
        pairs.sort();
        Ok(Self { pairs })
    }

    pub(super) fn of_item(&self, scenes: &[CollectedScene], scene: usize, id: &str, prompt: &str) -> Seen {
        let key = (scene, id.to_owned(), prompt.to_owned());
        let first = self.pairs.partition_point(|(own, _)| *own < key);
        let others: Vec<&(usize, String)> =
            self.pairs[first..].iter().take_while(|(own, _)| *own == key).map(|(_, other)| other).collect();
        let named: Vec<String> = others.iter().map(|(other, id)| format!("{}:{id}", scenes[*other].name)).collect();
        Seen {
            also_in: (!named.is_empty()).then(|| named.join("; ")),
            is_repeated: others.iter().any(|(other, _)| *other < scene),
        }
    }
}

fn envelope(rect: Rect) -> AABB<[f64; 2]> {
    AABB::from_corners([rect.min().x, rect.min().y], [rect.max().x, rect.max().y])
}

fn boxed(rect: Rect, data: usize) -> Boxed {
    GeomWithData::new(Rectangle::from_aabb(envelope(rect)), data)
}

/// Whether two shapes share at least half of the smaller one.
fn are_one(a: &MultiPolygon, b: &MultiPolygon) -> bool {
    let smaller = a.unsigned_area().min(b.unsigned_area());
    smaller > 0.0 && a.intersection(b).unsigned_area() >= SHARED * smaller
}

#[cfg(test)]
mod tests {
    use geo::coord;

    use super::*;

    fn square(x: f64, y: f64, side: f64) -> MultiPolygon {
        let rect = Rect::new(coord! { x: x, y: y }, coord! { x: x + side, y: y + side });
        MultiPolygon::new(vec![rect.to_polygon()])
    }

    #[test]
    fn shapes_are_one_when_they_share_half_of_the_smaller() {
        // 5 x 10 of 10 x 10, and a small one wholly inside a large one.
        assert!(are_one(&square(0.0, 0.0, 10.0), &square(5.0, 0.0, 10.0)));
        assert!(!are_one(&square(0.0, 0.0, 10.0), &square(5.1, 0.0, 10.0)));
        assert!(are_one(&square(0.0, 0.0, 10.0), &square(4.0, 4.0, 1.0)));
        assert!(!are_one(&square(0.0, 0.0, 1.0), &square(1.0, 0.0, 1.0)));
    }
}
