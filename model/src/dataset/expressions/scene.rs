//! What can be measured on a labelled picture: sizes, places, colours and distances of its objects.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::colour::{Colour, Tint, Truth};
use super::distance::DistanceMap;
use crate::dataset::labelled::{LabelForm, LabelledObject, LabelledTile, OutlineTrust};

/// Pixels looked at to name a colour.
const TINT_PX: usize = 120;

/// What is measured on one object.
#[derive(Debug)]
pub(super) struct Facts {
    /// Marked pixels.
    pub(super) area: f64,
    /// Middle of the mask, as `(row, col)` in pixels.
    pub(super) middle: (f64, f64),
    /// First and last row and first and last column.
    pub(super) rows: (f64, f64),
    pub(super) cols: (f64, f64),
    /// Length along the longest direction, and across it, from the spread of the pixels.
    pub(super) length: f64,
    pub(super) breadth: f64,
    /// Share of its pixels in the left and in the upper half of the picture.
    pub(super) left_share: f64,
    pub(super) top_share: f64,
    colours: OnceCell<[Truth; Colour::ALL.len()]>,
}

/// A labelled picture with its measurements, taken when first asked for.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) tile: &'a LabelledTile,
    facts: Vec<OnceCell<Facts>>,
    groups: BTreeMap<&'a str, Vec<usize>>,
    distances: RefCell<HashMap<Vec<usize>, Rc<DistanceMap>>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(tile: &'a LabelledTile) -> Self {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, object) in tile.objects.iter().enumerate() {
            groups.entry(&object.category).or_default().push(index);
        }
        Self {
            tile,
            facts: tile.objects.iter().map(|_| OnceCell::new()).collect(),
            groups,
            distances: RefCell::default(),
        }
    }

    /// The categories with at least one object, and their objects.
    pub(super) fn groups(&self) -> &BTreeMap<&'a str, Vec<usize>> {
        &self.groups
    }

    /// The objects of a category.
    pub(super) fn of(&self, category: &str) -> &[usize] {
        self.groups.get(category).map_or(&[], Vec::as_slice)
    }

    /// True when every object of the category is labelled.
    pub(super) fn exhaustive(&self, category: &str) -> bool {
        self.tile.exhaustive.contains(category)
    }

    /// True when there is surely no object of the category.
    pub(super) fn surely_absent(&self, category: &str) -> bool {
        self.exhaustive(category) && self.of(category).is_empty()
    }

    pub(super) fn object(&self, index: usize) -> &'a LabelledObject {
        &self.tile.objects[index]
    }

    /// True when the shape of the mask is the shape of the thing.
    pub(super) fn shaped(&self, index: usize) -> bool {
        let object = self.object(index);
        let vague = matches!(object.category.as_str(), "tree" | "wind turbine" | "airplane" | "helicopter");
        object.whole && object.trust != OutlineTrust::UprightBox && !vague
    }

    pub(super) fn is_region(&self, index: usize) -> bool {
        self.object(index).form == LabelForm::Region
    }

    pub(super) fn height(&self) -> f64 {
        self.tile.rows as f64
    }

    pub(super) fn width(&self) -> f64 {
        self.tile.cols as f64
    }

    /// The shorter side.
    pub(super) fn side(&self) -> f64 {
        self.height().min(self.width())
    }

    pub(super) fn facts(&self, index: usize) -> &Facts {
        self.facts[index].get_or_init(|| measure(self.object(index), self.height(), self.width()))
    }

    /// Whether an object has a colour; unsure where too few of its pixels can be seen.
    pub(super) fn coloured(&self, index: usize, colour: Colour) -> Truth {
        let measure = || {
            let tint = tint(self.tile, self.object(index));
            Colour::ALL.map(|colour| tint.as_ref().map_or(Truth::Unsure, |tint| tint.is(colour)))
        };
        self.facts(index).colours.get_or_init(measure)[colour as usize]
    }

    /// How far each pixel is from the nearest of some objects; `None` when there are none.
    pub(super) fn distance_to(&self, objects: &[usize]) -> Option<Rc<DistanceMap>> {
        if objects.is_empty() {
            return None;
        }
        if let Some(known) = self.distances.borrow().get(objects) {
            return Some(Rc::clone(known));
        }
        let masks = objects.iter().map(|&index| &self.object(index).mask);
        let map = Rc::new(DistanceMap::to(self.tile.rows, self.tile.cols, masks));
        self.distances.borrow_mut().insert(objects.to_vec(), Rc::clone(&map));
        Some(map)
    }
}

fn measure(object: &LabelledObject, height: f64, width: f64) -> Facts {
    let mask = &object.mask;
    let (mut n, mut sum_r, mut sum_c, mut rr, mut cc, mut rc) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    let (mut left, mut top) = (0.0, 0.0);
    for (row, line) in mask.bits.chunks_exact(mask.cols).enumerate() {
        let r = row as f64;
        let (mut count, mut cols, mut squares) = (0.0, 0.0, 0.0);
        for (col, &bit) in line.iter().enumerate() {
            if bit != 0 {
                let c = col as f64;
                count += 1.0;
                cols += c;
                squares += c * c;
                if ((mask.col_off + col) as f64 + 0.5) < width / 2.0 {
                    left += 1.0;
                }
            }
        }
        n += count;
        sum_r += r * count;
        rr += r * r * count;
        sum_c += cols;
        cc += squares;
        rc += r * cols;
        if ((mask.row_off + row) as f64 + 0.5) < height / 2.0 {
            top += count;
        }
    }
    let n = f64::max(n, 1.0);
    let (mean_r, mean_c) = (sum_r / n, sum_c / n);
    // A pixel is a square of its own spread, 1/12.
    let (var_r, var_c) = (rr / n - mean_r * mean_r + 1.0 / 12.0, cc / n - mean_c * mean_c + 1.0 / 12.0);
    let cov = rc / n - mean_r * mean_c;
    let half = (var_r + var_c) / 2.0;
    let spread = (((var_r - var_c) / 2.0).powi(2) + cov * cov).sqrt();
    Facts {
        area: n,
        middle: (mask.row_off as f64 + mean_r + 0.5, mask.col_off as f64 + mean_c + 0.5),
        rows: (mask.row_off as f64, (mask.row_off + mask.rows) as f64),
        cols: (mask.col_off as f64, (mask.col_off + mask.cols) as f64),
        // Sides of the rectangle with this spread.
        length: (12.0 * (half + spread)).sqrt(),
        breadth: (12.0 * (half - spread).max(1.0 / 12.0)).sqrt(),
        left_share: left / n,
        top_share: top / n,
        colours: OnceCell::new(),
    }
}

/// The pixels of the object; of one that is known by its box only, those in the middle of the box.
fn tint(tile: &LabelledTile, object: &LabelledObject) -> Option<Tint> {
    let mask = &object.mask;
    let boxed = object.trust == OutlineTrust::UprightBox;
    // The middle of a box is the object itself for things that fill theirs, not for a ship that lies across it.
    let slender = matches!(object.category.as_str(), "ship" | "bridge" | "harbor" | "wind turbine");
    if boxed && slender {
        return None;
    }
    let (half_r, half_c) = (mask.rows as f64 / 2.0, mask.cols as f64 / 2.0);
    let central = |at: usize| {
        let (dr, dc) = ((at / mask.cols) as f64 + 0.5 - half_r, (at % mask.cols) as f64 + 0.5 - half_c);
        (dr / half_r).powi(2) + (dc / half_c).powi(2) <= 0.3
    };
    let inside: Vec<usize> = (0..mask.bits.len()).filter(|&at| mask.bits[at] != 0 && (!boxed || central(at))).collect();
    let step = inside.len().div_ceil(TINT_PX).max(1);
    let pixel = |at: usize| {
        let (row, col) = (mask.row_off + at / mask.cols, mask.col_off + at % mask.cols);
        let from = (row * tile.cols + col) * 3;
        [tile.rgb[from], tile.rgb[from + 1], tile.rgb[from + 2]]
    };
    // The stride is odd so that it does not stay on one column.
    Tint::of(inside.into_iter().step_by(step | 1).map(pixel).collect())
}
