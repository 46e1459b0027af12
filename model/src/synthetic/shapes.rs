//! Convex shapes on the ground, and how they are painted.

use super::look::Rgb;

/// A point or direction on the ground in metres: x to the right, y down.
pub(crate) type Point = (f64, f64);

/// The order of painting; later covers earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Ground,
    Marking,
    LowShadow,
    Low,
    TallShadow,
    Tall,
    CrownShadow,
    Crown,
}

/// How a shape is filled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ink {
    /// One colour with a little grain.
    Flat { rgb: Rgb, grain: f32 },
    /// Lines across a direction.
    Stripes { rgb: Rgb, along: (f32, f32), period_m: f32, depth: f32 },
    /// A tree crown, lit from the sun's side.
    Dome { rgb: Rgb, radius_m: f32, seed: u32 },
    /// Foam: one colour at part strength.
    Wash { rgb: Rgb, alpha: f32 },
    /// A shadow, as a share of the look's depth.
    Shadow,
}

/// The outline, relative to the centre of the shape.
#[derive(Clone, Debug)]
pub(crate) enum Outline {
    /// Half planes `nx * x + ny * y <= c`.
    Convex(Vec<[f32; 3]>),
    /// A disc stretched along an axis: half axes and the unit vector of the first.
    Ellipse { a: f32, b: f32, axis: (f32, f32) },
}

/// One shape with its fill.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) layer: Layer,
    /// The id its pixels get; `None` leaves them as they are.
    pub(crate) id: Option<u32>,
    pub(crate) centre: Point,
    /// Half extents along x and y.
    pub(crate) reach: Point,
    pub(crate) outline: Outline,
    pub(crate) ink: Ink,
}

impl Outline {
    /// Signed distance in metres, negative inside.
    #[inline]
    pub(crate) fn distance(&self, x: f32, y: f32) -> f32 {
        match self {
            Self::Convex(planes) => {
                let mut far = f32::MIN;
                for p in planes {
                    far = far.max(p[0] * x + p[1] * y - p[2]);
                }
                far
            }
            Self::Ellipse { a, b, axis } => {
                let u = x * axis.0 + y * axis.1;
                let v = y * axis.0 - x * axis.1;
                let r = ((u / a) * (u / a) + (v / b) * (v / b)).sqrt();
                (r - 1.0) * a.min(*b)
            }
        }
    }
}

/// A convex outline from corner points in any order (their hull), with its centre and reach.
pub(crate) fn hull(points: &[Point]) -> (Point, Point, Outline) {
    let mut sorted: Vec<Point> = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    sorted.dedup_by(|a, b| (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
    let mut ring: Vec<Point> = Vec::with_capacity(sorted.len() * 2);
    for pass in 0..2 {
        let base = ring.len();
        let ordered: Box<dyn Iterator<Item = &Point>> =
            if pass == 0 { Box::new(sorted.iter()) } else { Box::new(sorted.iter().rev()) };
        for &p in ordered {
            while ring.len() >= base + 2 && turn(ring[ring.len() - 2], ring[ring.len() - 1], p) <= 1e-9 {
                ring.pop();
            }
            ring.push(p);
        }
        ring.pop();
    }
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for p in &ring {
        low = (low.0.min(p.0), low.1.min(p.1));
        high = (high.0.max(p.0), high.1.max(p.1));
    }
    let centre = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
    let reach = ((high.0 - low.0) / 2.0, (high.1 - low.1) / 2.0);
    let planes = (0..ring.len())
        .filter_map(|k| {
            let (a, b) = (ring[k], ring[(k + 1) % ring.len()]);
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let length = (dx * dx + dy * dy).sqrt();
            // The ring turns so that its inside lies to the left of each side.
            (length > 1e-9).then(|| {
                let (nx, ny) = (dy / length, -dx / length);
                [nx as f32, ny as f32, (nx * (a.0 - centre.0) + ny * (a.1 - centre.1)) as f32]
            })
        })
        .collect();
    (centre, reach, Outline::Convex(planes))
}

fn turn(a: Point, b: Point, c: Point) -> f64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

impl Shape {
    /// True when the shape may have pixels in this box of ground.
    pub(crate) fn touches(&self, low: Point, high: Point) -> bool {
        self.centre.0 + self.reach.0 > low.0 - 1.0
            && self.centre.0 - self.reach.0 < high.0 + 1.0
            && self.centre.1 + self.reach.1 > low.1 - 1.0
            && self.centre.1 - self.reach.1 < high.1 + 1.0
    }

    /// The hull of these points.
    pub(crate) fn convex(layer: Layer, id: Option<u32>, points: &[Point], ink: Ink) -> Self {
        let (centre, reach, outline) = hull(points);
        Self { layer, id, centre, reach, outline, ink }
    }

    /// A disc.
    pub(crate) fn disc(layer: Layer, id: Option<u32>, centre: Point, radius: f64, ink: Ink) -> Self {
        Self::ellipse(layer, id, centre, (radius, radius), (1.0, 0.0), ink)
    }

    /// An ellipse with half axes `half` and its first axis along `axis`.
    pub(crate) fn ellipse(layer: Layer, id: Option<u32>, centre: Point, half: Point, axis: Point, ink: Ink) -> Self {
        let far = half.0.max(half.1);
        let outline = Outline::Ellipse { a: half.0 as f32, b: half.1 as f32, axis: (axis.0 as f32, axis.1 as f32) };
        Self { layer, id, centre, reach: (far, far), outline, ink }
    }
}

/// A rectangle on the ground, the body of most objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slab {
    pub(crate) centre: Point,
    /// Unit vector of the long side.
    pub(crate) axis: Point,
    pub(crate) half_length: f64,
    pub(crate) half_width: f64,
}

impl Slab {
    /// The point `u` metres along the long side and `v` metres to its right.
    pub(crate) fn at(&self, u: f64, v: f64) -> Point {
        (self.centre.0 + self.axis.0 * u - self.axis.1 * v, self.centre.1 + self.axis.1 * u + self.axis.0 * v)
    }

    /// The four corners, each moved outwards by `grow` metres.
    pub(crate) fn corners(&self, grow: f64) -> [Point; 4] {
        let (l, w) = (self.half_length + grow, self.half_width + grow);
        [self.at(-l, -w), self.at(l, -w), self.at(l, w), self.at(-l, w)]
    }

    /// A rectangle inside this one, given in its own coordinates.
    pub(crate) fn part(&self, u: f64, v: f64, half_length: f64, half_width: f64) -> Self {
        Self { centre: self.at(u, v), axis: self.axis, half_length, half_width }
    }

    /// True when two rectangles come closer than `gap` (by separating axes).
    pub(crate) fn meets(&self, other: &Self, gap: f64) -> bool {
        let (a, b) = (self.corners(gap / 2.0), other.corners(gap / 2.0));
        let axes = [self.axis, (-self.axis.1, self.axis.0), other.axis, (-other.axis.1, other.axis.0)];
        axes.iter().all(|n| {
            let span = |points: &[Point; 4]| {
                points.iter().fold((f64::MAX, f64::MIN), |s, p| {
                    let d = p.0 * n.0 + p.1 * n.1;
                    (s.0.min(d), s.1.max(d))
                })
            };
            let (s, t) = (span(&a), span(&b));
            s.0 <= t.1 && t.0 <= s.1
        })
    }
}
