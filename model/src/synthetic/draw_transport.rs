//! Things that move: cars, trucks, ships and airplanes.

use super::instance::{Category, Colour, Kind};
use super::look::{Rgb, lit, mix};
use super::shapes::{Ink, Layer, Point, Shape, Slab};
use super::site::{Label, Site};

/// A ship to be drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hull {
    pub(crate) slab: Slab,
    pub(crate) colour: Colour,
    pub(crate) under_way: bool,
}

const VEHICLE_COLOURS: [(Colour, f64); 7] = [
    (Colour::White, 0.27),
    (Colour::Grey, 0.2),
    (Colour::Black, 0.2),
    (Colour::Blue, 0.12),
    (Colour::Red, 0.15),
    (Colour::Green, 0.03),
    (Colour::Yellow, 0.03),
];

impl Site<'_> {
    fn plate(&mut self, layer: Layer, id: u32, points: &[Point], rgb: Rgb) {
        self.shapes.push(Shape::convex(layer, Some(id), points, Ink::Flat { rgb, grain: 0.0 }));
    }

    /// The colour of the next vehicle.
    pub(crate) fn vehicle_colour(&mut self) -> Colour {
        let weights = VEHICLE_COLOURS.map(|c| c.1);
        VEHICLE_COLOURS[self.dice.weighted(&weights)].0
    }

    /// A car whose slab is 4 to 5 m by about 1.9 m.
    pub(crate) fn car(&mut self, slab: Slab) {
        let colour = self.vehicle_colour();
        let label = Label { category: Category::Vehicle, kind: Kind::Car, colour: Some(colour) };
        let Some(id) = self.register(slab, 4.0 * slab.half_length * slab.half_width, label) else { return };
        self.take(slab);
        self.cast(&slab, 1.3, Layer::LowShadow);
        let rgb = self.shade(colour);
        let (l, w) = (slab.half_length, slab.half_width);
        let nose = 0.35 * w;
        let body = [
            slab.at(-l, -w * 0.85),
            slab.at(-l, w * 0.85),
            slab.at(-l * 0.8, w),
            slab.at(l - nose, w),
            slab.at(l, w * 0.65),
            slab.at(l, -w * 0.65),
            slab.at(l - nose, -w),
            slab.at(-l * 0.8, -w),
        ];
        self.plate(Layer::Low, id, &body, rgb);
        let glass = mix([0.12, 0.14, 0.17], rgb, 0.15);
        self.plate(Layer::Low, id, &slab.part(l * 0.24, 0.0, l * 0.15, w * 0.8).corners(0.0), glass);
        self.plate(Layer::Low, id, &slab.part(-l * 0.62, 0.0, l * 0.1, w * 0.75).corners(0.0), glass);
        self.plate(Layer::Low, id, &slab.part(-l * 0.2, 0.0, l * 0.28, w * 0.78).corners(0.0), lit(rgb, 1.06));
    }

    /// A truck whose slab is 7 to 14 m by 2.5 m.
    pub(crate) fn truck(&mut self, slab: Slab) {
        let colours = [Colour::White, Colour::White, Colour::Grey, Colour::Blue, Colour::Red, Colour::Green];
        let colour = *self.dice.pick(&colours);
        let label = Label { category: Category::Vehicle, kind: Kind::Truck, colour: Some(colour) };
        let Some(id) = self.register(slab, 4.0 * slab.half_length * slab.half_width, label) else { return };
        self.take(slab);
        self.cast(&slab, 3.2, Layer::LowShadow);
        let rgb = self.shade(colour);
        let (l, w) = (slab.half_length, slab.half_width);
        self.plate(Layer::Low, id, &slab.corners(-0.1), [0.2, 0.2, 0.2]);
        let cab = 1.1;
        self.plate(Layer::Low, id, &slab.part(-cab - 0.3, 0.0, l - cab - 0.3, w).corners(0.0), rgb);
        let cab_rgb = if self.dice.chance(0.5) { rgb } else { lit(rgb, 0.75) };
        self.plate(Layer::Low, id, &slab.part(l - cab, 0.0, cab, w * 0.95).corners(0.0), cab_rgb);
        let glass = [0.14, 0.16, 0.18];
        self.plate(Layer::Low, id, &slab.part(l - 0.35, 0.0, 0.25, w * 0.8).corners(0.0), glass);
    }

    /// A ship or boat; the slab's axis points to the bow.
    pub(crate) fn ship(&mut self, hull: Hull) {
        let slab = hull.slab;
        let (l, w) = (slab.half_length, slab.half_width);
        let label = Label { category: Category::Ship, kind: Kind::Plain, colour: Some(hull.colour) };
        let Some(id) = self.register(slab, 3.5 * l * w, label) else { return };
        self.take(slab);
        if hull.under_way {
            self.wake(&slab);
        }
        self.cast(&slab.part(-0.1 * l, 0.0, l * 0.85, w * 0.8), 1.0 + l * 0.06, Layer::LowShadow);
        let rgb = self.shade(hull.colour);
        let outline = |k: f64| {
            [
                slab.at(-l * k, -w * 0.8 * k),
                slab.at(-l * k, w * 0.8 * k),
                slab.at(-l * 0.7 * k, w * k),
                slab.at(l * 0.45 * k, w * k),
                slab.at(l * 0.78 * k, w * 0.6 * k),
                slab.at(l * k, 0.0),
                slab.at(l * 0.78 * k, -w * 0.6 * k),
                slab.at(l * 0.45 * k, -w * k),
                slab.at(-l * 0.7 * k, -w * k),
            ]
        };
        self.plate(Layer::Low, id, &outline(1.0), rgb);
        let small = l < 9.0;
        let deck = if small { mix(rgb, [0.78, 0.72, 0.62], 0.35) } else { mix(rgb, [0.48, 0.40, 0.36], 0.3) };
        self.plate(Layer::Low, id, &outline(if small { 0.78 } else { 0.9 }), deck);
        let white = [0.9, 0.9, 0.88];
        if small {
            self.plate(Layer::Low, id, &slab.part(-0.05 * l, 0.0, l * 0.3, w * 0.6).corners(0.0), lit(rgb, 0.97));
            let glass = [0.25, 0.28, 0.32];
            self.plate(Layer::Low, id, &slab.part(0.28 * l, 0.0, l * 0.07, w * 0.55).corners(0.0), glass);
            return;
        }
        self.plate(Layer::Low, id, &slab.part(-0.72 * l, 0.0, l * 0.13, w * 0.8).corners(0.0), white);
        self.plate(Layer::Low, id, &slab.part(-0.82 * l, 0.0, l * 0.04, w * 0.3).corners(0.0), [0.3, 0.3, 0.32]);
        let bays = ((l * 1.1 / 5.0) as usize).clamp(2, 12);
        let boxes = self.dice.chance(0.5);
        let tones: [Rgb; 5] =
            [[0.55, 0.27, 0.2], [0.25, 0.36, 0.5], [0.6, 0.6, 0.58], [0.3, 0.42, 0.33], [0.62, 0.5, 0.28]];
        for bay in 0..bays {
            let step = 1.12 * l / bays as f64;
            let u = -0.5 * l + step * (bay as f64 + 0.5);
            if boxes {
                for side in [-0.45, 0.45] {
                    if self.dice.chance(0.85) {
                        let tone = *self.dice.pick(&tones);
                        let part = slab.part(u, side * w, step * 0.44, w * 0.38);
                        self.plate(Layer::Low, id, &part.corners(0.0), mix(tone, rgb, 0.35));
                    }
                }
            } else {
                self.plate(Layer::Low, id, &slab.part(u, 0.0, step * 0.38, w * 0.6).corners(0.0), lit(deck, 0.82));
            }
        }
    }

    /// Foam behind a moving ship, part of the water.
    fn wake(&mut self, slab: &Slab) {
        let (l, w) = (slab.half_length, slab.half_width);
        let far = -l - (2.2 * l).clamp(10.0, 70.0);
        for side in [-1.0, 1.0] {
            let arm = [
                slab.at(l * 0.5, side * w),
                slab.at(far, side * (w + (l - far) * 0.13)),
                slab.at(far, side * (w + (l - far) * 0.09)),
            ];
            let ink = Ink::Wash { rgb: [0.86, 0.9, 0.9], alpha: 0.35 };
            self.shapes.push(Shape::convex(Layer::Marking, None, &arm, ink));
        }
        for (reach, alpha) in [(1.0, 0.25), (0.55, 0.3), (0.25, 0.35)] {
            let end = -l + (far + l) * reach;
            let trail = [slab.at(-l, -w * 0.8), slab.at(-l, w * 0.8), slab.at(end, w * 0.9), slab.at(end, -w * 0.9)];
            let ink = Ink::Wash { rgb: [0.84, 0.89, 0.9], alpha };
            self.shapes.push(Shape::convex(Layer::Marking, None, &trail, ink));
        }
    }

    /// An airplane; the slab's axis points to its nose, its width is the wing span.
    pub(crate) fn airplane(&mut self, slab: Slab, colour: Colour) {
        let (l, w) = (slab.half_length, slab.half_width);
        let label = Label { category: Category::Airplane, kind: Kind::Plain, colour: Some(colour) };
        let Some(id) = self.register(slab, 1.1 * l * w, label) else { return };
        self.take(slab);
        let rgb = self.shade(colour);
        let body = l * 0.105;
        let fuselage = vec![
            slab.at(l, 0.0),
            slab.at(l * 0.93, body * 0.6),
            slab.at(l * 0.8, body),
            slab.at(-l * 0.5, body),
            slab.at(-l, body * 0.25),
            slab.at(-l, -body * 0.25),
            slab.at(-l * 0.5, -body),
            slab.at(l * 0.8, -body),
            slab.at(l * 0.93, -body * 0.6),
        ];
        let swept = l > 9.0;
        let sweep = if swept { 0.42 } else { 0.06 };
        let chord = if swept { 0.30 } else { 0.22 };
        let mut parts: Vec<(Vec<Point>, Rgb)> = Vec::new();
        for side in [-1.0, 1.0] {
            let root = 0.22 * l;
            parts.push((
                vec![
                    slab.at(root, 0.0),
                    slab.at(root - chord * l, 0.0),
                    slab.at(root - (sweep + 0.17) * l, side * w),
                    slab.at(root - (sweep + 0.07) * l, side * w),
                ],
                lit(rgb, 0.93),
            ));
            parts.push((
                vec![
                    slab.at(-0.72 * l, 0.0),
                    slab.at(-0.93 * l, 0.0),
                    slab.at(-0.99 * l, side * w * 0.36),
                    slab.at(-0.9 * l, side * w * 0.36),
                ],
                lit(rgb, 0.9),
            ));
            if swept {
                let engine = slab.part((0.22 - 0.36 * sweep) * l, side * w * 0.34, l * 0.085, l * 0.04);
                parts.push((engine.corners(0.0).to_vec(), lit(rgb, 0.72)));
            } else {
                let tip = slab.part(l * 0.99, 0.0, 0.12, l * 0.16);
                parts.push((tip.corners(0.0).to_vec(), [0.25, 0.25, 0.25]));
            }
        }
        parts.push((fuselage, rgb));
        let (sx, sy) = self.look.shadow_step();
        let lift = (l * 0.14).min(3.0);
        for (points, _) in &parts {
            let moved: Vec<Point> = points.iter().map(|p| (p.0 + sx * lift, p.1 + sy * lift)).collect();
            self.shapes.push(Shape::convex(Layer::LowShadow, None, &moved, Ink::Shadow));
        }
        for (points, rgb) in &parts {
            self.plate(Layer::Low, id, points, *rgb);
        }
        let tails: [Rgb; 4] = [[0.2, 0.3, 0.6], [0.65, 0.18, 0.16], [0.75, 0.6, 0.2], [0.35, 0.36, 0.38]];
        let tail = *self.dice.pick(&tails);
        self.plate(Layer::Low, id, &slab.part(-0.84 * l, 0.0, l * 0.13, body * 0.22).corners(0.0), tail);
        if swept {
            let glass = [0.2, 0.22, 0.25];
            self.plate(Layer::Low, id, &slab.part(l * 0.9, 0.0, l * 0.025, body * 0.5).corners(0.0), glass);
        }
    }
}
