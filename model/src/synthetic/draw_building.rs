//! Buildings: footprints, roofs and the shadows they cast.

use super::instance::{Category, Colour, Kind};
use super::look::{Rgb, lit, mix};
use super::shapes::{Ink, Layer, Shape, Slab};
use super::site::{Label, Site};

/// The form of a roof.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Roof {
    Flat,
    Gable,
    Hip,
}

/// A building to be drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) slab: Slab,
    pub(crate) height_m: f64,
    pub(crate) roof: Roof,
    pub(crate) colour: Colour,
    pub(crate) kind: Kind,
    /// A second rectangle of the same building.
    pub(crate) wing: Option<Slab>,
}

impl Site<'_> {
    /// Draws a building; its place must be free.
    pub(crate) fn building(&mut self, plan: Plan) {
        let area = |s: &Slab| 4.0 * s.half_length * s.half_width;
        let footprint = area(&plan.slab) + plan.wing.as_ref().map_or(0.0, |w| area(w) * 0.6);
        let label = Label { category: Category::Building, kind: plan.kind, colour: Some(plan.colour) };
        let Some(id) = self.register(plan.slab, footprint, label) else { return };
        self.take(plan.slab);
        let rgb = self.shade(plan.colour);
        if let Some(wing) = plan.wing {
            self.take(wing);
            self.cast(&wing, plan.height_m * 0.85, Layer::TallShadow);
            self.roof(&wing, plan.roof, lit(rgb, 0.97), id);
        }
        self.cast(&plan.slab, plan.height_m, Layer::TallShadow);
        self.roof(&plan.slab, plan.roof, rgb, id);
        if plan.roof == Roof::Flat {
            self.roof_clutter(&plan.slab, rgb, id);
        } else if self.dice.chance(0.5) {
            let (u, v) = (self.dice.range(-0.6, 0.6), self.dice.range(0.3, 0.6));
            let chimney = plan.slab.part(u * plan.slab.half_length, v * plan.slab.half_width, 0.45, 0.35);
            let ink = Ink::Flat { rgb: mix(rgb, [0.35, 0.3, 0.28], 0.7), grain: 0.0 };
            self.shapes.push(Shape::convex(Layer::Tall, Some(id), &chimney.corners(0.0), ink));
        }
    }

    /// The shadow that a box of this height throws.
    pub(crate) fn cast(&mut self, slab: &Slab, height_m: f64, layer: Layer) {
        let (sx, sy) = self.look.shadow_step();
        let mut points = slab.corners(0.0).to_vec();
        points.extend(slab.corners(0.0).map(|p| (p.0 + sx * height_m, p.1 + sy * height_m)));
        self.shapes.push(Shape::convex(layer, None, &points, Ink::Shadow));
    }

    fn roof(&mut self, slab: &Slab, roof: Roof, rgb: Rgb, id: u32) {
        let (l, w) = (slab.half_length, slab.half_width);
        let a = slab.axis;
        let side = (-a.1, a.0);
        let back = |d: (f64, f64)| (-d.0, -d.1);
        let inset = if roof == Roof::Hip { (w * 0.95).min(l * 0.9) } else { 0.0 };
        let slope = |site: &Self, downhill: (f64, f64)| lit(rgb, site.look.slope_light(downhill));
        match roof {
            Roof::Flat => {
                let edge = Ink::Flat { rgb: lit(rgb, 0.8), grain: 0.02 };
                self.shapes.push(Shape::convex(Layer::Tall, Some(id), &slab.corners(0.0), edge));
                let top = Ink::Flat { rgb, grain: 0.05 };
                self.shapes.push(Shape::convex(Layer::Tall, Some(id), &slab.corners(-0.45), top));
            }
            Roof::Gable | Roof::Hip => {
                for (sign, downhill) in [(1.0, side), (-1.0, back(side))] {
                    let points = [
                        slab.at(-l, sign * w),
                        slab.at(l, sign * w),
                        slab.at(l - inset, 0.0),
                        slab.at(-l + inset, 0.0),
                    ];
                    let ink = Ink::Stripes {
                        rgb: slope(self, downhill),
                        along: (a.0 as f32, a.1 as f32),
                        period_m: 1.1,
                        depth: 0.035,
                    };
                    self.shapes.push(Shape::convex(Layer::Tall, Some(id), &points, ink));
                }
                if roof == Roof::Hip {
                    for (sign, downhill) in [(1.0, a), (-1.0, back(a))] {
                        let points = [slab.at(sign * l, -w), slab.at(sign * l, w), slab.at(sign * (l - inset), 0.0)];
                        let ink = Ink::Flat { rgb: slope(self, downhill), grain: 0.03 };
                        self.shapes.push(Shape::convex(Layer::Tall, Some(id), &points, ink));
                    }
                }
                let ridge = slab.part(0.0, 0.0, l - inset, 0.16);
                let ink = Ink::Flat { rgb: lit(rgb, 1.12), grain: 0.0 };
                self.shapes.push(Shape::convex(Layer::Tall, Some(id), &ridge.corners(0.0), ink));
            }
        }
    }

    /// Vents, units and skylights of a flat roof.
    fn roof_clutter(&mut self, slab: &Slab, rgb: Rgb, id: u32) {
        let count = ((slab.half_length * slab.half_width / 14.0) as usize).min(12);
        for _ in 0..self.dice.below(count + 1) {
            let u = self.dice.range(-0.75, 0.75) * slab.half_length;
            let v = self.dice.range(-0.7, 0.7) * slab.half_width;
            let unit = slab.part(u, v, self.dice.range(0.5, 1.5), self.dice.range(0.4, 1.0));
            let (sx, sy) = self.look.shadow_step();
            let mut dark = unit;
            dark.centre = (unit.centre.0 + sx * 0.9, unit.centre.1 + sy * 0.9);
            let shade = Ink::Flat { rgb: lit(rgb, 0.62), grain: 0.0 };
            self.shapes.push(Shape::convex(Layer::Tall, Some(id), &dark.corners(-0.05), shade));
            let tone = if self.dice.chance(0.5) { [0.72, 0.72, 0.72] } else { lit(rgb, 0.82) };
            let ink = Ink::Flat { rgb: mix(rgb, tone, 0.7), grain: 0.0 };
            self.shapes.push(Shape::convex(Layer::Tall, Some(id), &unit.corners(0.0), ink));
        }
    }
}
