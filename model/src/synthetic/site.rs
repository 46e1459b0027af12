//! A building site: one cell being filled with objects that keep apart from each other.

use super::cell::{Cell, cell_bits};
use super::instance::{Category, Colour, FIRST_OBJECT_ID, Instance, Kind};
use super::look::{Look, Rgb};
use super::rng::Dice;
use super::shapes::{Point, Shape, Slab};
use super::terrain::{CELL_M, Terrain};

/// Most objects a cell can hold.
pub(crate) const OBJECTS_PER_CELL: u32 = 256;

/// What an object is, before it has an id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(crate) category: Category,
    pub(crate) kind: Kind,
    pub(crate) colour: Option<Colour>,
}

/// The ground an object must stand on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Footing {
    Land,
    Water,
    /// Wherever it is put: the caller has checked.
    Any,
}

/// A cell while it is being filled.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) cell: &'a Cell,
    pub(crate) terrain: &'a Terrain,
    pub(crate) look: &'a Look,
    pub(crate) dice: Dice,
    taken: Vec<Slab>,
    first_id: u32,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) objects: Vec<(Instance, Slab)>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(cell: &'a Cell, terrain: &'a Terrain, look: &'a Look, index: u32) -> Self {
        Self {
            cell,
            terrain,
            look,
            dice: Dice::new(&[cell_bits(terrain.seed, cell.i, cell.j)]),
            taken: Vec::new(),
            first_id: FIRST_OBJECT_ID + index * OBJECTS_PER_CELL,
            shapes: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// A point of the cell from its own coordinates, 0 to [`CELL_M`].
    pub(crate) fn point(&self, u: f64, v: f64) -> Point {
        (f64::from(self.cell.i) * CELL_M + u, f64::from(self.cell.j) * CELL_M + v)
    }

    /// True when the rectangle lies in the cell, on its footing, off the roads and apart from all others.
    pub(crate) fn is_free(&self, slab: &Slab, gap: f64, footing: Footing) -> bool {
        let ((x0, y0), (x1, y1)) = self.cell.bounds();
        let corners = slab.corners(0.0);
        if corners.iter().any(|p| p.0 < x0 + 1.0 || p.1 < y0 + 1.0 || p.0 > x1 - 1.0 || p.1 > y1 - 1.0) {
            return false;
        }
        if self.taken.iter().any(|t| t.meets(slab, gap)) {
            return false;
        }
        let steps = (slab.half_length / 6.0).ceil().max(1.0) as i32;
        for k in -steps..=steps {
            let u = slab.half_length * f64::from(k) / f64::from(steps);
            for v in [-slab.half_width, 0.0, slab.half_width] {
                let p = slab.at(u, v);
                let fits = match footing {
                    Footing::Any => true,
                    Footing::Land => {
                        self.cell.water_depth(self.terrain, p.0, p.1) < -3.0
                            && self.cell.road_distance(self.terrain, p.0, p.1) > 2.6
                            && !self.cell.in_forest(self.terrain, p.0, p.1)
                    }
                    Footing::Water => {
                        self.cell.water_depth(self.terrain, p.0, p.1) > 1.5
                            && self.cell.road_distance(self.terrain, p.0, p.1) > 3.0
                    }
                };
                if !fits {
                    return false;
                }
            }
        }
        true
    }

    /// True when no other object is closer than `gap`.
    pub(crate) fn is_apart(&self, slab: &Slab, gap: f64) -> bool {
        !self.taken.iter().any(|t| t.meets(slab, gap))
    }

    /// Keeps others away from this rectangle.
    pub(crate) fn take(&mut self, slab: Slab) {
        self.taken.push(slab);
    }

    /// A new object's id; `None` when the cell is full.
    pub(crate) fn register(&mut self, slab: Slab, area_m2: f64, label: Label) -> Option<u32> {
        let number = self.objects.len() as u32;
        if number >= OBJECTS_PER_CELL {
            return None;
        }
        let id = self.first_id + number;
        let sides = (2.0 * slab.half_length, 2.0 * slab.half_width);
        let instance = Instance {
            id,
            category: label.category,
            kind: label.kind,
            colour: label.colour,
            length_m: sides.0.max(sides.1),
            width_m: sides.0.min(sides.1),
            area_m2,
            centre_px: (0.0, 0.0),
        };
        self.objects.push((instance, slab));
        Some(id)
    }

    /// A colour close to the middle of its name.
    pub(crate) fn shade(&mut self, colour: Colour) -> Rgb {
        let light = self.dice.range(0.92, 1.08) as f32;
        colour.rgb().map(|v| v * light * self.dice.range(0.97, 1.03) as f32)
    }
}
