//! The vectorizer: any mask in strips of any height gives the same components, whose areas are their numbers of pixels.
#![no_main]

use geo_io::{Component, Connectivity, SceneStrip, StripVectorizer, VectorizeOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [width, options, cut, mask @ ..] = data else { return };
    let width = usize::from(width % 40) + 1;
    let height = mask.len() * 4 / width;
    if height == 0 || height > 200 {
        return;
    }
    // Two bits a pixel: half of it ground, a quarter mask, a quarter without a result.
    let pixels: Vec<u8> = (0..width * height)
        .map(|at| match mask[at / 4] >> (2 * (at % 4)) & 3 {
            0 | 1 => 0,
            2 => 1,
            _ => {
                if options & 8 == 0 {
                    1
                } else {
                    255
                }
            }
        })
        .collect();
    let options = VectorizeOptions {
        min_area_px: u64::from(options & 4),
        connectivity: if options & 1 == 0 { Connectivity::Four } else { Connectivity::Eight },
        fill_holes_px: u64::from(options >> 4),
        with_saddles: options & 2 != 0,
    };
    let whole = components(&pixels, width, height, height, options);
    assert_eq!(components(&pixels, width, height, usize::from(*cut).max(1), options), whole);
    assert_eq!(components(&pixels, width, height, 1, options), whole);
    if options.fill_holes_px == 0 {
        for component in &whole {
            assert_eq!(area_2(component), 2 * component.n_px as i64, "{component:?}");
        }
        if options.min_area_px == 0 {
            let marked = pixels.iter().filter(|pixel| **pixel == 1).count() as u64;
            assert_eq!(whole.iter().map(|component| component.n_px).sum::<u64>(), marked);
        }
    }
});

fn components(pixels: &[u8], width: usize, height: usize, strip: usize, options: VectorizeOptions) -> Vec<Component> {
    let mut vectorizer = StripVectorizer::new(width as u32, height as u32, options);
    let mut found = Vec::new();
    for (number, mask) in pixels[..width * height].chunks(width * strip).enumerate() {
        let value = |inside: f32| mask.iter().map(|m| if *m == 255 { f32::NAN } else { inside }).collect::<Vec<f32>>();
        found.extend(vectorizer.push(&SceneStrip {
            row_off: (number * strip) as u32,
            rows: (mask.len() / width) as u32,
            width: width as u32,
            probability: value(0.75),
            uncertainty: value(0.25),
            mask: mask.to_vec(),
            ..SceneStrip::default()
        }));
    }
    found.extend(vectorizer.finish());
    found
}

/// Twice the area, without sign.
fn area_2(component: &Component) -> i64 {
    let ring = |ring: &[geo_io::PixelCorner]| -> i64 {
        let points = ring.iter().zip(ring.iter().cycle().skip(1));
        let sum: i64 =
            points.map(|(a, b)| i64::from(a.col) * i64::from(b.row) - i64::from(b.col) * i64::from(a.row)).sum();
        sum.abs()
    };
    component.parts.iter().map(|part| ring(&part.shell) - part.holes.iter().map(|hole| ring(hole)).sum::<i64>()).sum()
}
