//! Fixed works other than buildings: tanks, pools, courts, piers, bridges, car parks, trees.

use super::instance::{APRON, Category, Colour, Kind, LAKE, TREE};
use super::look::{Rgb, lit, mix};
use super::noise::sin_cos;
use super::shapes::{Ink, Layer, Point, Shape, Slab};
use super::site::{Footing, Label, Site};

impl Site<'_> {
    fn mark(&mut self, slab: &Slab, id: Option<u32>, rgb: Rgb) {
        self.shapes.push(Shape::convex(Layer::Marking, id, &slab.corners(0.0), Ink::Flat { rgb, grain: 0.02 }));
    }

    /// A paved surface that belongs to no instance, or to the region `id`.
    pub(crate) fn pave(&mut self, slab: &Slab, id: u32, rgb: Rgb) {
        let ink = Ink::Flat { rgb, grain: 0.05 };
        self.shapes.push(Shape::convex(Layer::Ground, Some(id), &slab.corners(0.0), ink));
    }

    /// A round storage tank.
    pub(crate) fn tank(&mut self, centre: Point, radius: f64, colour: Colour, height_m: f64) {
        let slab = Slab { centre, axis: (1.0, 0.0), half_length: radius, half_width: radius };
        let label = Label { category: Category::StorageTank, kind: Kind::Plain, colour: Some(colour) };
        let Some(id) = self.register(slab, std::f64::consts::PI * radius * radius, label) else { return };
        self.take(slab);
        let (sx, sy) = self.look.shadow_step();
        let end = (centre.0 + sx * height_m, centre.1 + sy * height_m);
        let reach = (sx * sx + sy * sy).sqrt().max(1e-9);
        let side = (-sy / reach * radius, sx / reach * radius);
        let band = [
            (centre.0 + side.0, centre.1 + side.1),
            (centre.0 - side.0, centre.1 - side.1),
            (end.0 + side.0, end.1 + side.1),
            (end.0 - side.0, end.1 - side.1),
        ];
        self.shapes.push(Shape::convex(Layer::TallShadow, None, &band, Ink::Shadow));
        self.shapes.push(Shape::disc(Layer::TallShadow, None, end, radius, Ink::Shadow));
        let rgb = self.shade(colour);
        let rim = Ink::Flat { rgb: lit(rgb, 0.78), grain: 0.0 };
        self.shapes.push(Shape::disc(Layer::Tall, Some(id), centre, radius, rim));
        let floating = self.dice.chance(0.4);
        let inner = radius * 0.93;
        let top = Ink::Flat { rgb: if floating { lit(rgb, 0.9) } else { rgb }, grain: 0.02 };
        self.shapes.push(Shape::disc(Layer::Tall, Some(id), centre, inner, top));
        let dir = (sx / reach, sy / reach);
        if floating {
            // The wall throws its shadow on the sunken roof, from the side of the sun.
            let dark = Ink::Flat { rgb: lit(rgb, 0.62), grain: 0.0 };
            self.shapes.push(Shape::disc(Layer::Tall, Some(id), centre, inner, dark));
            let lit_part = (centre.0 + dir.0 * radius * 0.1, centre.1 + dir.1 * radius * 0.1);
            let top = Ink::Flat { rgb: lit(rgb, 0.95), grain: 0.02 };
            self.shapes.push(Shape::disc(Layer::Tall, Some(id), lit_part, inner * 0.88, top));
        } else {
            for (k, light) in [(0.75, 1.02), (0.4, 1.05)] {
                let spot = (centre.0 - dir.0 * radius * 0.1, centre.1 - dir.1 * radius * 0.1);
                let ink = Ink::Flat { rgb: lit(rgb, light), grain: 0.0 };
                self.shapes.push(Shape::disc(Layer::Tall, Some(id), spot, radius * k, ink));
            }
        }
        // A walkway from the middle to the rim.
        let across = Slab { centre, axis: dir, half_length: radius, half_width: radius };
        let walk = across.part(radius * 0.45, 0.0, radius * 0.45, 0.22);
        let ink = Ink::Flat { rgb: lit(rgb, 0.72), grain: 0.0 };
        self.shapes.push(Shape::convex(Layer::Tall, Some(id), &walk.corners(0.0), ink));
        let vent = Ink::Flat { rgb: lit(rgb, 0.66), grain: 0.0 };
        self.shapes.push(Shape::disc(Layer::Tall, Some(id), centre, (radius * 0.08).max(0.35), vent));
    }

    /// A round basin of a water works: not a tank, though round.
    pub(crate) fn clarifier(&mut self, centre: Point, radius: f64) {
        self.take(Slab { centre, axis: (1.0, 0.0), half_length: radius, half_width: radius });
        let wall = Ink::Flat { rgb: lit(self.look.concrete, 1.05), grain: 0.0 };
        self.shapes.push(Shape::disc(Layer::Marking, Some(0), centre, radius, wall));
        let water = Ink::Flat { rgb: mix(self.look.water, [0.2, 0.2, 0.13], 0.5), grain: 0.03 };
        self.shapes.push(Shape::disc(Layer::Marking, Some(0), centre, radius * 0.88, water));
        let angle = self.dice.range(0.0, 3.1);
        let (s, c) = sin_cos(angle);
        let arm = Slab { centre, axis: (c, s), half_length: radius, half_width: 0.45 };
        self.mark(&arm, Some(0), [0.66, 0.66, 0.64]);
        let hub = Ink::Flat { rgb: [0.6, 0.6, 0.58], grain: 0.0 };
        self.shapes.push(Shape::disc(Layer::Marking, Some(0), centre, radius * 0.14, hub));
    }

    /// A swimming pool with its pale rim; an oval one when `oval`.
    pub(crate) fn pool(&mut self, slab: Slab, oval: bool) {
        let (l, w) = (slab.half_length, slab.half_width);
        let area = if oval { std::f64::consts::PI * l * w } else { 4.0 * l * w };
        let label = Label { category: Category::SwimmingPool, kind: Kind::Plain, colour: None };
        let Some(id) = self.register(slab, area, label) else { return };
        self.take(slab.part(0.0, 0.0, l + 1.2, w + 1.2));
        let rim = Ink::Flat { rgb: lit(self.look.concrete, 1.22), grain: 0.02 };
        let tones: [Rgb; 3] = [[0.30, 0.68, 0.78], [0.25, 0.58, 0.76], [0.36, 0.72, 0.74]];
        let rgb = *self.dice.pick(&tones);
        let water = Ink::Flat { rgb, grain: 0.05 };
        if oval {
            self.shapes.push(Shape::ellipse(Layer::Marking, Some(0), slab.centre, (l + 0.9, w + 0.9), slab.axis, rim));
            self.shapes.push(Shape::ellipse(Layer::Marking, Some(id), slab.centre, (l, w), slab.axis, water));
        } else {
            self.shapes.push(Shape::convex(Layer::Marking, Some(0), &slab.corners(1.0), rim));
            self.shapes.push(Shape::convex(Layer::Marking, Some(id), &slab.corners(0.0), water));
            let deep = Ink::Flat { rgb: lit(rgb, 0.86), grain: 0.04 };
            self.shapes.push(Shape::convex(
                Layer::Marking,
                Some(id),
                &slab.part(l * 0.5, 0.0, l * 0.48, w * 0.96).corners(0.0),
                deep,
            ));
        }
    }

    /// A tennis (36 x 18 m) or basketball (30 x 17 m) court.
    pub(crate) fn court(&mut self, slab: Slab, tennis: bool) {
        let kind = if tennis { Kind::Tennis } else { Kind::Basketball };
        let label = Label { category: Category::SportsCourt, kind, colour: None };
        let (l, w) = (slab.half_length, slab.half_width);
        let Some(id) = self.register(slab, 4.0 * l * w, label) else { return };
        self.take(slab);
        let surrounds: [Rgb; 3] = [[0.26, 0.42, 0.32], [0.55, 0.33, 0.25], [0.33, 0.44, 0.36]];
        let plays: [Rgb; 4] = [[0.24, 0.38, 0.58], [0.30, 0.50, 0.36], [0.62, 0.38, 0.27], [0.38, 0.42, 0.60]];
        let hoops: [Rgb; 3] = [[0.50, 0.50, 0.50], [0.60, 0.36, 0.28], [0.42, 0.50, 0.56]];
        let around = if tennis { *self.dice.pick(&surrounds) } else { lit(*self.dice.pick(&hoops), 0.9) };
        let play = if tennis { *self.dice.pick(&plays) } else { lit(around, 1.15) };
        self.mark(&slab, Some(id), around);
        let (pl, pw) = if tennis { (11.9, 5.5) } else { (14.0_f64.min(l - 0.8), 7.5_f64.min(w - 0.8)) };
        self.mark(&slab.part(0.0, 0.0, pl, pw), Some(id), play);
        let line = [0.92, 0.92, 0.9];
        let t = 0.11;
        let mut lines =
            vec![(0.0, pw, pl, t), (0.0, -pw, pl, t), (pl, 0.0, t, pw), (-pl, 0.0, t, pw), (0.0, 0.0, t, pw)];
        if tennis {
            lines.extend([
                (0.0, 4.1, pl, t),
                (0.0, -4.1, pl, t),
                (6.4, 0.0, t, 4.1),
                (-6.4, 0.0, t, 4.1),
                (0.0, 0.0, 6.4, t),
            ]);
        } else {
            for side in [-1.0, 1.0] {
                self.mark(&slab.part(side * (pl - 2.9), 0.0, 2.9, 2.45), Some(id), mix(play, [0.6, 0.25, 0.2], 0.5));
                lines.extend([
                    (side * (pl - 5.8), 0.0, t, 2.45),
                    (side * (pl - 2.9), 2.45, 2.9, t),
                    (side * (pl - 2.9), -2.45, 2.9, t),
                ]);
            }
        }
        for (u, v, hl, hw) in lines {
            self.mark(&slab.part(u, v, hl, hw), Some(id), line);
        }
        if !tennis {
            let ring = Ink::Wash { rgb: line, alpha: 0.9 };
            self.shapes.push(Shape::disc(Layer::Marking, None, slab.centre, 1.8, ring));
            let inside = Ink::Flat { rgb: play, grain: 0.0 };
            self.shapes.push(Shape::disc(Layer::Marking, Some(id), slab.centre, 1.6, inside));
        }
    }

    /// A pier of planks or concrete; the slab's axis points out to sea.
    pub(crate) fn pier(&mut self, slab: Slab) {
        let label = Label { category: Category::Pier, kind: Kind::Plain, colour: None };
        let Some(id) = self.register(slab, 4.0 * slab.half_length * slab.half_width, label) else { return };
        self.take(slab);
        self.cast(&slab, 1.6, Layer::Ground);
        let wood = slab.half_width < 2.2;
        let rgb = if wood { [0.55, 0.47, 0.37] } else { lit(self.look.concrete, 0.95) };
        let ink = Ink::Stripes {
            rgb,
            along: (slab.axis.0 as f32, slab.axis.1 as f32),
            period_m: if wood { 1.2 } else { 5.0 },
            depth: if wood { 0.07 } else { 0.035 },
        };
        self.shapes.push(Shape::convex(Layer::Marking, Some(id), &slab.corners(0.0), ink));
        let mut u = -slab.half_length + 2.0;
        while u < slab.half_length {
            for v in [-1.0, 1.0] {
                let post = slab.part(u, v * (slab.half_width - 0.3), 0.3, 0.3);
                self.mark(&post, Some(id), lit(rgb, 0.55));
            }
            u += 6.0;
        }
    }

    /// A road bridge; the slab's axis runs along the road.
    pub(crate) fn bridge(&mut self, slab: Slab) {
        let label = Label { category: Category::Bridge, kind: Kind::Plain, colour: None };
        let Some(id) = self.register(slab, 4.0 * slab.half_length * slab.half_width, label) else { return };
        self.take(slab);
        self.cast(&slab, 4.0, Layer::Ground);
        self.mark(&slab, Some(id), lit(self.look.concrete, 1.12));
        self.mark(
            &slab.part(0.0, 0.0, slab.half_length, slab.half_width - 0.6),
            Some(id),
            lit(self.look.asphalt, 1.05),
        );
        let mut u = -slab.half_length + 1.5;
        while u + 3.0 < slab.half_length {
            self.mark(&slab.part(u + 1.5, 0.0, 1.5, 0.13), Some(id), [0.8, 0.8, 0.78]);
            u += 6.0;
        }
    }

    /// A single tree.
    pub(crate) fn tree(&mut self, centre: Point, radius: f64, id: u32) {
        let (sx, sy) = self.look.shadow_step();
        let height = radius * 1.4;
        let dark = (centre.0 + sx * height, centre.1 + sy * height);
        self.shapes.push(Shape::disc(Layer::CrownShadow, None, dark, radius * 0.95, Ink::Shadow));
        let light = self.dice.range(0.82, 1.2) as f32;
        let rgb = mix(lit(self.look.crown, light), self.look.grass, self.dice.range(0.0, 0.3) as f32);
        let seed = self.dice.bits() as u32;
        let ink = Ink::Dome { rgb, radius_m: radius as f32, seed };
        self.shapes.push(Shape::disc(Layer::Crown, Some(id), centre, radius, ink));
    }

    /// Some single trees at free places.
    pub(crate) fn trees(&mut self, count: usize) {
        for _ in 0..count {
            let radius = self.dice.range(1.4, 4.2);
            let u = self.dice.range(5.0, 115.0);
            let v = self.dice.range(5.0, 115.0);
            let centre = self.point(u, v);
            let slab = Slab { centre, axis: (1.0, 0.0), half_length: radius, half_width: radius };
            if self.is_free(&slab, 0.3, Footing::Land) {
                self.take(slab.part(0.0, 0.0, radius * 0.7, radius * 0.7));
                self.tree(centre, radius, TREE);
            }
        }
    }

    /// A pond.
    pub(crate) fn pond(&mut self, centre: Point, half: Point, axis: Point) {
        self.take(Slab { centre, axis, half_length: half.0 + 1.0, half_width: half.1 + 1.0 });
        let shore = Ink::Flat { rgb: lit(self.look.soil, 0.95), grain: 0.06 };
        self.shapes.push(Shape::ellipse(Layer::Ground, Some(0), centre, (half.0 + 1.2, half.1 + 1.2), axis, shore));
        let water = Ink::Flat { rgb: mix(self.look.water, [0.16, 0.22, 0.14], 0.3), grain: 0.04 };
        self.shapes.push(Shape::ellipse(Layer::Ground, Some(LAKE), centre, half, axis, water));
    }

    /// A car park with marked bays, some of them used; `fill` is the share of bays with a car.
    pub(crate) fn car_park(&mut self, slab: Slab, fill: f64) {
        let rgb = lit(self.look.asphalt, self.dice.range(0.95, 1.2) as f32);
        self.pave(&slab, 0, rgb);
        let rows = ((slab.half_width * 2.0) / 8.5) as usize;
        let bays = ((slab.half_length * 2.0 - 2.0) / 2.7) as usize;
        let white = [0.8, 0.8, 0.78];
        let mut cars = Vec::new();
        for row in 0..rows {
            let v = -slab.half_width + (2.0 * slab.half_width) * (row as f64 + 0.5) / rows as f64;
            for bay in 0..=bays {
                let u = -slab.half_length + 1.0 + 2.7 * bay as f64;
                self.mark(&slab.part(u, v, 0.07, 2.4), Some(0), white);
                if bay < bays && self.dice.chance(fill) {
                    let jitter = self.dice.range(-0.35, 0.35);
                    let mut car =
                        slab.part(u + 1.35, v + jitter, self.dice.range(2.05, 2.45), self.dice.range(0.87, 0.97));
                    let flip = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
                    car.axis = (-slab.axis.1 * flip, slab.axis.0 * flip);
                    cars.push(car);
                }
            }
        }
        for car in cars {
            self.car(car);
        }
        self.take(slab);
    }

    /// Stacks of shipping containers: clutter that belongs to no category.
    pub(crate) fn containers(&mut self, slab: &Slab) {
        self.take(*slab);
        let tones: [Rgb; 6] = [
            [0.56, 0.26, 0.19],
            [0.24, 0.37, 0.52],
            [0.63, 0.63, 0.61],
            [0.29, 0.44, 0.34],
            [0.66, 0.52, 0.26],
            [0.42, 0.28, 0.22],
        ];
        let (rows, columns) = ((slab.half_width / 1.35) as usize, (slab.half_length / 3.3) as usize);
        for row in 0..rows.max(1) {
            for column in 0..columns.max(1) {
                if self.dice.chance(0.25) {
                    continue;
                }
                let u = -slab.half_length + 3.3 + 6.6 * column as f64;
                let v = -slab.half_width + 1.35 + 2.7 * row as f64;
                let part = slab.part(u, v, 3.05, 1.22);
                self.cast(&part, 2.6, Layer::LowShadow);
                let rgb = lit(*self.dice.pick(&tones), self.dice.range(0.85, 1.1) as f32);
                let ink = Ink::Flat { rgb, grain: 0.03 };
                self.shapes.push(Shape::convex(Layer::Low, Some(0), &part.corners(0.0), ink));
            }
        }
    }

    /// Concrete with joints where airplanes stand.
    pub(crate) fn apron(&mut self, slab: Slab) {
        let rgb = lit(self.look.concrete, self.dice.range(0.92, 1.08) as f32);
        self.pave(&slab, APRON, rgb);
        let joint = lit(rgb, 0.88);
        let mut u = -slab.half_length + 7.5;
        while u < slab.half_length {
            self.mark(&slab.part(u, 0.0, 0.09, slab.half_width), Some(APRON), joint);
            u += 7.5;
        }
        let mut v = -slab.half_width + 7.5;
        while v < slab.half_width {
            self.mark(&slab.part(0.0, v, slab.half_length, 0.09), Some(APRON), joint);
            v += 7.5;
        }
        self.mark(&slab.part(0.0, slab.half_width - 4.0, slab.half_length, 0.18), Some(APRON), [0.78, 0.64, 0.2]);
    }
}
