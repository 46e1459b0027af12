//! Names of colours, with a clear border between what is named so and what is not.

/// Whether something holds, with room for doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    /// It holds beyond doubt.
    Yes,
    /// It does not hold, beyond doubt.
    No,
    /// One could argue.
    Unsure,
}

impl Truth {
    /// Yes when `yes`, no when `no`, else unsure.
    pub(super) fn between(yes: bool, no: bool) -> Self {
        if yes {
            Self::Yes
        } else if no {
            Self::No
        } else {
            Self::Unsure
        }
    }

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unsure,
        }
    }
}

/// A colour that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    White,
    Black,
    Grey,
    Red,
    Orange,
    Yellow,
    Green,
    Blue,
    Brown,
    Beige,
}

impl Colour {
    /// Every colour.
    pub(super) const ALL: [Self; 10] = [
        Self::White,
        Self::Black,
        Self::Grey,
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Blue,
        Self::Brown,
        Self::Beige,
    ];

    /// What people call it.
    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Self::White => &["white", "white", "white", "~whitish"],
            Self::Black => &["black", "black", "~black-coloured"],
            Self::Grey => &["grey", "gray", "~greyish"],
            Self::Red => &["red", "red", "reddish", "~red-coloured"],
            Self::Orange => &["orange", "orange", "~orange-coloured"],
            Self::Yellow => &["yellow", "yellow", "~yellow-coloured"],
            Self::Green => &["green", "green", "greenish", "~green-coloured"],
            Self::Blue => &["blue", "blue", "bluish", "~blue-coloured"],
            Self::Brown => &["brown", "brown", "brownish", "~brown-coloured"],
            Self::Beige => &["beige", "tan", "sand-coloured", "~cream-coloured"],
        }
    }

    /// Whether a pixel has this colour.
    pub(super) fn of(self, rgb: [u8; 3]) -> Truth {
        let tone = Tone::new(rgb);
        let Tone { hue, saturation: s, value: v, darkest, chroma } = tone;
        match self {
            Self::White => Truth::between(darkest >= 185.0 && chroma <= 35.0, darkest <= 140.0 || chroma >= 75.0),
            Self::Black => Truth::between(v <= 55.0, v >= 95.0),
            Self::Grey => {
                Truth::between(chroma <= 18.0 && (90.0..=165.0).contains(&v), chroma >= 40.0 || v >= 215.0 || v <= 50.0)
            }
            Self::Red => Truth::between(
                tone.hue_within(348.0, 14.0) && s >= 0.42 && v >= 85.0,
                !tone.hue_within(325.0, 32.0) || s <= 0.2 || v <= 50.0,
            ),
            Self::Orange => Truth::between(
                (18.0..=38.0).contains(&hue) && s >= 0.6 && v >= 170.0,
                !(8.0..=50.0).contains(&hue) || s <= 0.35 || v <= 110.0,
            ),
            Self::Yellow => Truth::between(
                (46.0..=66.0).contains(&hue) && s >= 0.45 && v >= 150.0,
                !(35.0..=75.0).contains(&hue) || s <= 0.25 || v <= 100.0,
            ),
            Self::Green => Truth::between(
                (80.0..=165.0).contains(&hue) && s >= 0.2 && v >= 55.0,
                !(60.0..=185.0).contains(&hue) || s <= 0.1 || v <= 35.0,
            ),
            Self::Blue => Truth::between(
                (195.0..=250.0).contains(&hue) && s >= 0.3 && v >= 80.0,
                !(170.0..=270.0).contains(&hue) || s <= 0.14 || v <= 45.0,
            ),
            Self::Brown => Truth::between(
                (12.0..=38.0).contains(&hue) && (0.28..=0.7).contains(&s) && (65.0..=150.0).contains(&v),
                !(tone.hue_within(350.0, 52.0)) || s <= 0.15 || v >= 195.0 || v <= 40.0,
            ),
            Self::Beige => Truth::between(
                (24.0..=50.0).contains(&hue) && (0.13..=0.34).contains(&s) && v >= 165.0,
                !tone.hue_within(345.0, 68.0) || s <= 0.06 || s >= 0.5 || v <= 125.0,
            ),
        }
    }
}

/// A colour as hue in degrees, saturation 0 to 1 and value 0 to 255.
struct Tone {
    hue: f64,
    saturation: f64,
    value: f64,
    darkest: f64,
    chroma: f64,
}

impl Tone {
    fn new(rgb: [u8; 3]) -> Self {
        let [r, g, b] = rgb.map(f64::from);
        let value = r.max(g).max(b);
        let darkest = r.min(g).min(b);
        let chroma = value - darkest;
        let sixth = if chroma == 0.0 {
            0.0
        } else if value == r {
            (g - b) / chroma
        } else if value == g {
            2.0 + (b - r) / chroma
        } else {
            4.0 + (r - g) / chroma
        };
        let saturation = if value == 0.0 { 0.0 } else { chroma / value };
        Self { hue: (60.0 * sixth).rem_euclid(360.0), saturation, value, darkest, chroma }
    }

    /// True when the hue lies between two angles, going up from the first and past 360 if need be.
    fn hue_within(&self, from: f64, to: f64) -> bool {
        if from <= to { (from..=to).contains(&self.hue) } else { self.hue >= from || self.hue <= to }
    }
}

/// What the pixels of one object say about its colour.
#[derive(Clone, Debug)]
pub(super) struct Tint {
    median: [u8; 3],
    pixels: Vec<[u8; 3]>,
}

impl Tint {
    /// The colour of these pixels, `None` when there are too few to tell.
    pub(super) fn of(pixels: Vec<[u8; 3]>) -> Option<Self> {
        if pixels.len() < 8 {
            return None;
        }
        let mut median = [0; 3];
        for (channel, value) in median.iter_mut().enumerate() {
            let mut values: Vec<u8> = pixels.iter().map(|p| p[channel]).collect();
            let middle = values.len() / 2;
            *value = *values.select_nth_unstable(middle).1;
        }
        Some(Self { median, pixels })
    }

    /// Whether the object as a whole has this colour: its median has, and most of it is not of another.
    pub(super) fn is(&self, colour: Colour) -> Truth {
        let share = |wanted: fn(Truth) -> bool| {
            self.pixels.iter().filter(|&&p| wanted(colour.of(p))).count() as f64 / self.pixels.len() as f64
        };
        let unlike = share(|t| t == Truth::No);
        match colour.of(self.median) {
            Truth::Yes if unlike <= 0.3 => Truth::Yes,
            Truth::No if share(|t| t == Truth::Yes) <= 0.2 => Truth::No,
            _ => Truth::Unsure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_colours_have_one_name() {
        for (rgb, name) in [
            ([250, 250, 250], Colour::White),
            ([20, 20, 25], Colour::Black),
            ([128, 128, 128], Colour::Grey),
            ([190, 40, 40], Colour::Red),
            ([240, 140, 20], Colour::Orange),
            ([230, 220, 40], Colour::Yellow),
            ([60, 140, 60], Colour::Green),
            ([50, 90, 190], Colour::Blue),
            ([110, 80, 55], Colour::Brown),
            ([220, 200, 165], Colour::Beige),
        ] {
            let named: Vec<Colour> = Colour::ALL.into_iter().filter(|c| c.of(rgb) == Truth::Yes).collect();
            assert_eq!(named, [name]);
        }
    }

    #[test]
    fn between_two_colours_neither_is_sure() {
        // A brick red: neither surely red nor surely not.
        assert_eq!(Colour::Red.of([150, 90, 70]), Truth::Unsure);
        assert_ne!(Colour::White.of([165, 165, 165]), Truth::Yes);
    }

    #[test]
    fn a_patchwork_has_no_colour() {
        let half = |n| if n % 2 == 0 { [250, 250, 250] } else { [20, 20, 20] };
        let tint = Tint::of((0..20).map(half).collect()).unwrap();
        assert!(Colour::ALL.into_iter().all(|c| tint.is(c) != Truth::Yes));
    }
}
