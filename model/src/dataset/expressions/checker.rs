//! A second reading of meanings, kept apart from the code that finds targets: plain loops over pixels.

use super::colour::Colour;
use super::meaning::{Filter, Link, Meaning, Noun, Number, Order, Place, Size};
use crate::dataset::labelled::{LabelForm, LabelledExpression, LabelledTile, OutlineTrust};

/// The pixels of an object as `(row, col)`.
type Pixels = Vec<(f64, f64)>;

/// What is wrong with a phrase, if anything is.
pub(super) fn fault(tile: &LabelledTile, meaning: &Meaning, said: &LabelledExpression) -> Option<String> {
    let checker = Checker { tile, pixels: tile.objects.iter().map(|object| pixels(&object.mask)).collect() };
    checker.fault(meaning, said).map(|what| format!("{what}: {:?} for {:?} of {:?}", said.phrase, said.target, meaning))
}

fn pixels(mask: &crate::dataset::LocalMask) -> Pixels {
    let marked = (0..mask.bits.len()).filter(|&at| mask.bits[at] == 1);
    marked.map(|at| ((mask.row_off + at / mask.cols) as f64, (mask.col_off + at % mask.cols) as f64)).collect()
}

struct Checker<'a> {
    tile: &'a LabelledTile,
    pixels: Vec<Pixels>,
}

impl Checker<'_> {
    fn fault(&self, meaning: &Meaning, said: &LabelledExpression) -> Option<&'static str> {
        let named: Vec<usize> = (0..self.tile.objects.len())
            .filter(|&i| meaning.noun.categories.contains(&self.tile.objects[i].category))
            .collect();
        // An order by distance from one of its kind leaves that one out.
        let all: Vec<usize> = named.iter().copied().filter(|i| meaning.noun.members.contains(i)).collect();
        if meaning.pick.is_none() && all != named {
            return Some("the word names other things too");
        }
        let main = self.tile.exhaustive.contains(meaning.noun.category());
        if said.target.is_empty() && !main && !self.vehicles(meaning) {
            return Some("absence of what is not fully labelled");
        }
        if said.complete && !main && !said.target.is_empty() {
            return Some("complete without full labels");
        }
        let region = all.iter().any(|&i| self.tile.objects[i].form == LabelForm::Region);
        let counted = !matches!(meaning.number, Number::All | Number::One);
        if (counted || meaning.pick.is_some()) && (region || !main) {
            return Some("counting or comparing what cannot be");
        }
        match meaning.number {
            Number::Exactly(n) if n != said.target.len() => return Some("wrong number"),
            Number::One if said.target.len() > 1 => return Some("one is many"),
            _ => {}
        }
        if let Some(what) = self.forbidden(meaning) {
            return Some(what);
        }
        let told: Vec<usize> = all.iter().copied().filter(|i| !said.unsure.contains(i)).collect();
        for filter in &meaning.filters {
            // A target meets every condition.
            if let Some(&wrong) = said.target.iter().find(|&&i| !self.meets(filter, i, &told)) {
                let _ = wrong;
                return Some("the target does not meet a condition");
            }
        }
        let rest = told.iter().copied().filter(|i| !said.target.contains(i));
        if meaning.pick.is_none() && !meaning.filters.is_empty() {
            for i in rest {
                if meaning.filters.iter().all(|filter| self.clearly_meets(filter, i, &told)) {
                    return Some("something else meets all conditions");
                }
            }
        } else if meaning.pick.is_none() && said.target != all {
            return Some("not all of them");
        }
        self.misplaced(meaning, said, &told)
    }

    /// Words for vehicles are absent also where the wide word is listed.
    fn vehicles(&self, meaning: &Meaning) -> bool {
        matches!(meaning.noun.category(), "car" | "bus" | "minibus" | "truck" | "large vehicle" | "small vehicle")
            && self.tile.exhaustive.contains("vehicle")
    }

    fn forbidden(&self, meaning: &Meaning) -> Option<&'static str> {
        let placed = |filter: &Filter| match filter {
            Filter::Place(_) => true,
            Filter::Relation(link, _) => matches!(link, Link::LeftOf | Link::RightOf | Link::Above | Link::Below),
            _ => false,
        };
        let by_place = meaning.pick.as_ref().is_some_and(|pick| {
            matches!(
                pick.order,
                Order::Leftmost | Order::Rightmost | Order::Topmost | Order::Bottommost | Order::MostCentral
            )
        });
        if self.tile.placeless && (by_place || meaning.filters.iter().any(placed)) {
            return Some("a place where there is none");
        }
        if self.tile.false_colour && meaning.filters.iter().any(|f| matches!(f, Filter::Colour(_))) {
            return Some("a colour in a false-colour picture");
        }
        let by_size = meaning.filters.iter().any(|f| matches!(f, Filter::Size(_)))
            || meaning.pick.as_ref().is_some_and(|pick| {
                matches!(pick.order, Order::Largest | Order::Smallest | Order::Longest) && meaning.filters.is_empty()
            });
        if by_size && meaning.noun.members.iter().any(|&i| !self.tile.objects[i].whole) {
            return Some("a cut object is compared by size");
        }
        None
    }

    fn mean(&self, i: usize) -> (f64, f64) {
        let n = self.pixels[i].len() as f64;
        let sum = self.pixels[i].iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        ((sum.0 / n + 0.5) / self.tile.rows as f64, (sum.1 / n + 0.5) / self.tile.cols as f64)
    }

    fn side(&self) -> f64 {
        self.tile.rows.min(self.tile.cols) as f64
    }

    /// Distance between two objects: exact for small ones, over every few pixels for large ones.
    fn distance(&self, a: usize, b: usize) -> f64 {
        let thinned = |i: usize| {
            let step = self.pixels[i].len().div_ceil(700) | 1;
            self.pixels[i].iter().step_by(step)
        };
        let mut least = f64::INFINITY;
        for p in thinned(a) {
            for q in thinned(b) {
                least = least.min((p.0 - q.0).hypot(p.1 - q.1));
            }
        }
        least
    }

    fn distance_to(&self, i: usize, to: &Noun) -> f64 {
        to.members.iter().filter(|&&j| j != i).map(|&j| self.distance(i, j)).fold(f64::INFINITY, f64::min)
    }

    /// A generous reading: a target must meet at least this.
    fn meets(&self, filter: &Filter, i: usize, all: &[usize]) -> bool {
        self.reading(filter, i, all, 1.0)
    }

    /// A strict reading: what is no target must not meet this.
    fn clearly_meets(&self, filter: &Filter, i: usize, all: &[usize]) -> bool {
        self.reading(filter, i, all, -1.0)
    }

    /// `ease` is 1 for the generous and -1 for the strict reading.
    fn reading(&self, filter: &Filter, i: usize, all: &[usize], ease: f64) -> bool {
        match filter {
            Filter::Colour(colour) => self.coloured(*colour, i, ease),
            Filter::Size(size) => {
                // Compared with the middle of the others.
                let measure = |i: usize| if *size == Size::Long { self.span(i) } else { self.pixels[i].len() as f64 };
                let mut sizes: Vec<f64> = all.iter().map(|&j| measure(j)).collect();
                sizes.sort_by(f64::total_cmp);
                let (least, most) = (sizes[0], sizes[sizes.len() - 1]);
                let own = measure(i);
                let times = if ease > 0.0 { 1.3 } else { 2.05 };
                if *size == Size::Small { own < most / times } else { own > least * times }
            }
            Filter::Elongated | Filter::Round => {
                let long = self.elongation(i);
                if *filter == Filter::Elongated { long > 2.3 - 0.4 * ease } else { long < 1.25 + 0.1 * ease }
            }
            Filter::Place(place) => self.at(*place, i, ease),
            Filter::Relation(link, to) => self.linked(*link, i, to, ease),
        }
    }

    /// The widest extent over sixteen directions.
    fn span(&self, i: usize) -> f64 {
        self.extents(i).fold(0.0, f64::max)
    }

    fn elongation(&self, i: usize) -> f64 {
        self.span(i) / self.extents(i).fold(f64::INFINITY, f64::min)
    }

    fn extents(&self, i: usize) -> impl Iterator<Item = f64> {
        (0..16).map(move |step| {
            let (sin, cos) = (f64::from(step) / 16.0 * std::f64::consts::PI).sin_cos();
            let along = |p: &(f64, f64)| p.0 * sin + p.1 * cos;
            let low = self.pixels[i].iter().map(along).fold(f64::INFINITY, f64::min);
            let high = self.pixels[i].iter().map(along).fold(f64::NEG_INFINITY, f64::max);
            high - low + 1.0
        })
    }

    fn coloured(&self, colour: Colour, i: usize, ease: f64) -> bool {
        // The mean, where the other code takes the median.
        let mut sum = [0.0; 3];
        let mask = &self.tile.objects[i].mask;
        let boxed = self.tile.objects[i].trust == OutlineTrust::UprightBox;
        // Of a box only the middle half is surely the object.
        let inner = |at: f64, off: usize, length: usize| ((at - off as f64 + 0.5) / length as f64 - 0.5).abs() <= 0.25;
        let seen: Vec<(f64, f64)> = self.pixels[i]
            .iter()
            .copied()
            .filter(|p| !boxed || (inner(p.0, mask.row_off, mask.rows) && inner(p.1, mask.col_off, mask.cols)))
            .collect();
        for &(row, col) in &seen {
            let at = (row as usize * self.tile.cols + col as usize) * 3;
            for (channel, sum) in sum.iter_mut().enumerate() {
                *sum += f64::from(self.tile.rgb[at + channel]);
            }
        }
        let [r, g, b] = sum.map(|sum| sum / seen.len() as f64);
        let slack = 20.0 * ease;
        let (light, dark) = (r.max(g).max(b), r.min(g).min(b));
        match colour {
            Colour::White => dark > 160.0 - slack && light - dark < 55.0 + slack,
            Colour::Black => light < 75.0 + slack,
            Colour::Grey => light - dark < 30.0 + slack && light > 70.0 - slack && dark < 190.0 + slack,
            Colour::Red => r - g > 35.0 - slack && r - b > 30.0 - slack && (g - b).abs() < 45.0 + slack,
            Colour::Orange => r - b > 75.0 - slack && r - g > 30.0 - slack && g - b > 20.0 - slack,
            Colour::Yellow => r - b > 60.0 - slack && (r - g).abs() < 35.0 + slack && g - b > 45.0 - slack,
            Colour::Green => g - r > 8.0 - slack && g - b > 5.0 - slack,
            Colour::Blue => b - r > 25.0 - slack && b - g > -5.0 - slack,
            Colour::Brown => r - b > 25.0 - slack && r >= g - slack && light < 175.0 + slack,
            Colour::Beige => r - b > 15.0 - slack && r >= g - slack && light > 150.0 - slack,
        }
    }

    fn at(&self, place: Place, i: usize, ease: f64) -> bool {
        let (y, x) = self.mean(i);
        let slack = 0.04 * ease;
        let (left, right, top, bottom) = (x < 0.5 + slack, x > 0.5 - slack, y < 0.5 + slack, y > 0.5 - slack);
        let (rows, cols) = (self.tile.rows as f64, self.tile.cols as f64);
        let share = |of: f64, side: f64| of / side < 0.12 + slack;
        let low = |axis: fn(&(f64, f64)) -> f64| self.pixels[i].iter().map(axis).fold(f64::INFINITY, f64::min);
        let high = |axis: fn(&(f64, f64)) -> f64| self.pixels[i].iter().map(axis).fold(f64::NEG_INFINITY, f64::max);
        let (first_row, last_row) = (low(|p| p.0), rows - 1.0 - high(|p| p.0));
        let (first_col, last_col) = (low(|p| p.1), cols - 1.0 - high(|p| p.1));
        match place {
            Place::Left | Place::LeftHalf => left,
            Place::Right | Place::RightHalf => right,
            Place::Top | Place::TopHalf => top,
            Place::Bottom | Place::BottomHalf => bottom,
            Place::TopLeft => left && top,
            Place::TopRight => right && top,
            Place::BottomLeft => left && bottom,
            Place::BottomRight => right && bottom,
            Place::Middle => (x - 0.5).abs() < 0.2 + slack && (y - 0.5).abs() < 0.2 + slack,
            Place::LeftEdge => share(first_col, cols),
            Place::RightEdge => share(last_col, cols),
            Place::TopEdge => share(first_row, rows),
            Place::BottomEdge => share(last_row, rows),
            Place::CutOff => first_row.min(last_row).min(first_col).min(last_col) < 1.5 + ease,
        }
    }

    fn linked(&self, link: Link, i: usize, to: &Noun, ease: f64) -> bool {
        if to.members.contains(&i) && !matches!(link, Link::Paired | Link::Alone) {
            return false;
        }
        let own = (self.pixels[i].len() as f64).sqrt().clamp(0.03 * self.side(), 0.12 * self.side());
        let slack = 1.0 + 0.35 * ease;
        let only = || to.members.first().map(|&j| (self.mean(i), self.mean(j)));
        match link {
            Link::Near => self.distance_to(i, to) < 1.4 * own * slack,
            Link::Far => self.distance_to(i, to) > 2.0 * own / slack,
            Link::On => {
                let on = |p: &&(f64, f64)| to.members.iter().any(|&j| self.covers(j, p.0, p.1));
                let share = self.pixels[i].iter().filter(on).count() as f64 / self.pixels[i].len() as f64;
                share > 0.4 - 0.3 * ease
            }
            // Ground on at least three of the four sides.
            Link::Surrounded => self.sides(i, to) > if ease > 0.0 { 2 } else { 3 },
            Link::LeftOf => only().is_some_and(|(a, b)| a.1 < b.1 - 0.01 + 0.01 * ease),
            Link::RightOf => only().is_some_and(|(a, b)| a.1 > b.1 + 0.01 - 0.01 * ease),
            Link::Above => only().is_some_and(|(a, b)| a.0 < b.0 - 0.01 + 0.01 * ease),
            Link::Below => only().is_some_and(|(a, b)| a.0 > b.0 + 0.01 - 0.01 * ease),
            Link::Between => {
                // Within a slim ellipse about the two, and not at one of them.
                let &[a, b] = to.members.as_slice() else { return false };
                let (apart, from, onto) = (self.apart(a, b), self.apart(i, a), self.apart(i, b));
                from + onto < apart * (1.21 + 0.09 * ease) && from.min(onto) > 0.1 * apart
            }
            Link::Paired => self.distance_to(i, to) < 1.4 * own * slack,
            Link::Alone => self.distance_to(i, to) > 0.15 * self.side() / slack,
        }
    }

    fn covers(&self, j: usize, row: f64, col: f64) -> bool {
        let mask = &self.tile.objects[j].mask;
        let (row, col) = (row as usize, col as usize);
        (mask.row_off..mask.row_off + mask.rows).contains(&row)
            && (mask.col_off..mask.col_off + mask.cols).contains(&col)
            && mask.bits[(row - mask.row_off) * mask.cols + col - mask.col_off] == 1
    }

    /// On how many of its four sides something named is met soon.
    fn sides(&self, i: usize, to: &Noun) -> usize {
        let mask = &self.tile.objects[i].mask;
        let (row, col) = (mask.row_off + mask.rows / 2, mask.col_off + mask.cols / 2);
        let reach = 8 + (0.2 * self.side()) as usize;
        let met = |row: usize, col: usize| to.members.iter().any(|&j| self.covers(j, row as f64, col as f64));
        let up = (mask.row_off.saturating_sub(reach)..mask.row_off).any(|row| met(row, col));
        let bottom = mask.row_off + mask.rows;
        let down = (bottom..(bottom + reach).min(self.tile.rows)).any(|row| met(row, col));
        let left = (mask.col_off.saturating_sub(reach)..mask.col_off).any(|col| met(row, col));
        let edge = mask.col_off + mask.cols;
        let right = (edge..(edge + reach).min(self.tile.cols)).any(|col| met(row, col));
        [up, down, left, right].into_iter().filter(|&side| side).count()
    }

    /// The distance between the middles of two objects.
    fn apart(&self, a: usize, b: usize) -> f64 {
        let (a, b) = (self.mean(a), self.mean(b));
        ((a.0 - b.0) * self.tile.rows as f64).hypot((a.1 - b.1) * self.tile.cols as f64)
    }

    /// Whether an order is told wrongly.
    fn misplaced(&self, meaning: &Meaning, said: &LabelledExpression, told: &[usize]) -> Option<&'static str> {
        let pick = meaning.pick.as_ref()?;
        let value = |i: usize| match &pick.order {
            Order::Largest => -(self.pixels[i].len() as f64),
            Order::Smallest => self.pixels[i].len() as f64,
            Order::Longest => -self.span(i),
            Order::Leftmost => self.mean(i).1,
            Order::Rightmost => -self.mean(i).1,
            Order::Topmost => self.mean(i).0,
            Order::Bottommost => -self.mean(i).0,
            Order::MostCentral => {
                let (y, x) = self.mean(i);
                ((y - 0.5) * self.tile.rows as f64).hypot((x - 0.5) * self.tile.cols as f64)
            }
            Order::ClosestTo(to) => self.distance_to(i, to),
            Order::FarthestFrom(to) => -self.distance_to(i, to),
        };
        let mut ordered: Vec<usize> = told
            .iter()
            .copied()
            .filter(|&i| said.target.contains(&i) || meaning.filters.iter().all(|f| self.clearly_meets(f, i, told)))
            .collect();
        ordered.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
        let mut expected: Vec<usize> = ordered.into_iter().skip(pick.rank).take(pick.take).collect();
        expected.sort_unstable();
        (expected != said.target).then_some("the order is another")
    }
}
