//! QGIS styles: detections graduated by uncertainty, rasters in ramps that the colour-blind can read, a mask over nothing.

use std::fmt::Write;

use geo_io::CLASS_COLOURS;

use super::xml::escaped;

/// From sure to unsure: upper end of the class, red, green, blue (matplotlib's plasma).
const UNCERTAINTY_CLASSES: [(f64, [u8; 3]); 5] =
    [(0.02, [13, 8, 135]), (0.05, [126, 3, 168]), (0.1, [204, 71, 120]), (0.2, [248, 149, 64]), (1.0, [240, 249, 33])];
/// Probability from 0 to 1 (matplotlib's viridis); what is improbable is transparent.
const PROBABILITY: [(f64, [u8; 3], u8); 6] = [
    (0.0, [68, 1, 84], 0),
    (0.1, [68, 1, 84], 0),
    (0.25, [59, 82, 139], 160),
    (0.5, [33, 145, 140], 220),
    (0.75, [94, 201, 98], 240),
    (1.0, [253, 231, 37], 255),
];
/// Uncertainty from 0 to that of a coin (matplotlib's magma); what is sure is transparent.
const UNCERTAINTY: [(f64, [u8; 3], u8); 6] = [
    (0.0, [0, 0, 4], 0),
    (0.05, [81, 18, 124], 60),
    (0.125, [114, 31, 129], 160),
    (0.25, [183, 55, 121], 220),
    (0.375, [252, 137, 97], 240),
    (0.5, [252, 253, 191], 255),
];
/// Where the mask is.
const MASK: [u8; 3] = [255, 200, 0];

/// What a style is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Polygons, by `unc_mean`.
    Detections,
    /// The first band of a probability raster.
    Probability,
    /// Its second band.
    Uncertainty,
    /// A mask.
    Mask,
    /// A raster of classes, each prompt in the colour that the raster itself gives it.
    Classes,
}

/// A `.qml` file of one style, or of one for a vector and one for a raster file of the same stem: QGIS looks for the
/// style of either under the same name, and takes of it what fits.
pub(crate) fn qml(styles: &[Style], prompts: &[String]) -> String {
    let mut text = String::from(
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis version=\"3.22.0\" styleCategories=\"Symbology\">\n",
    );
    for style in styles {
        text += &inner(*style, prompts);
    }
    if styles.contains(&Style::Detections) {
        text += "<layerGeometryType>2</layerGeometryType>\n";
    }
    text + "</qgis>\n"
}

/// The part of a style that also stands in a project.
pub(super) fn inner(style: Style, prompts: &[String]) -> String {
    match style {
        Style::Detections => detections(),
        Style::Probability => ramp(1, 1.0, &PROBABILITY),
        Style::Uncertainty => ramp(2, 0.5, &UNCERTAINTY),
        Style::Mask => {
            let [r, g, b] = MASK;
            paletted(&[entry(0, "outside", [0; 3], 0), entry(1, "inside", [r, g, b], 150)])
        }
        Style::Classes => {
            let classes = prompts.iter().enumerate();
            let colour = |class: usize| CLASS_COLOURS[class % CLASS_COLOURS.len()];
            let entries = classes.map(|(class, prompt)| entry(class + 1, prompt, colour(class), 200));
            paletted(&std::iter::once(entry(0, "none", [0; 3], 0)).chain(entries).collect::<Vec<_>>())
        }
    }
}

fn detections() -> String {
    let mut text = String::from(
        "<renderer-v2 type=\"graduatedSymbol\" attr=\"unc_mean\" graduatedMethod=\"GraduatedColor\" symbollevels=\"0\" \
         forceraster=\"0\" enableorderby=\"0\">\n<ranges>\n",
    );
    let mut lower = 0.0;
    for (number, (upper, _)) in UNCERTAINTY_CLASSES.iter().enumerate() {
        let label = escaped(&format!("uncertainty {lower} - {upper}"));
        let _ = writeln!(
            text,
            "<range symbol=\"{number}\" lower=\"{lower:.6}\" upper=\"{upper:.6}\" label=\"{label}\" render=\"true\"/>"
        );
        lower = *upper;
    }
    text += "</ranges>\n<symbols>\n";
    for (number, (_, colour)) in UNCERTAINTY_CLASSES.iter().enumerate() {
        text += &fill_symbol(number, *colour);
    }
    text + "</symbols>\n</renderer-v2>\n"
}

fn fill_symbol(number: usize, [r, g, b]: [u8; 3]) -> String {
    let options = [
        ("color", format!("{r},{g},{b},90")),
        ("style", "solid".to_owned()),
        ("outline_color", format!("{r},{g},{b},255")),
        ("outline_style", "solid".to_owned()),
        ("outline_width", "0.5".to_owned()),
        ("outline_width_unit", "MM".to_owned()),
        ("joinstyle", "round".to_owned()),
    ];
    let option = |(key, value): &(&str, String)| format!("<Option name=\"{key}\" type=\"QString\" value=\"{value}\"/>");
    // Versions before 3.18 read these.
    let old = |(key, value): &(&str, String)| format!("<prop k=\"{key}\" v=\"{value}\"/>");
    format!(
        "<symbol name=\"{number}\" type=\"fill\" alpha=\"1\" clip_to_extent=\"1\" force_rhr=\"0\">\
         <layer class=\"SimpleFill\" enabled=\"1\" locked=\"0\" pass=\"0\"><Option type=\"Map\">{}</Option>{}</layer></symbol>\n",
        options.iter().map(option).collect::<String>(),
        options.iter().map(old).collect::<String>(),
    )
}

fn ramp(band: usize, most: f64, stops: &[(f64, [u8; 3], u8)]) -> String {
    let mut text = format!(
        "<pipe>\n<rasterrenderer type=\"singlebandpseudocolor\" band=\"{band}\" opacity=\"1\" alphaBand=\"-1\" \
         nodataColor=\"\" classificationMin=\"0\" classificationMax=\"{most}\">\n<rasterTransparency/>\n\
         <minMaxOrigin><limits>None</limits><extent>WholeRaster</extent><statAccuracy>Estimated</statAccuracy></minMaxOrigin>\n\
         <rastershader><colorrampshader colorRampType=\"INTERPOLATED\" classificationMode=\"1\" clip=\"0\" \
         labelPrecision=\"2\" minimumValue=\"0\" maximumValue=\"{most}\">\n"
    );
    for (value, [r, g, b], alpha) in stops {
        let _ = writeln!(
            text,
            "<item value=\"{value}\" label=\"{value}\" color=\"#{r:02x}{g:02x}{b:02x}\" alpha=\"{alpha}\"/>"
        );
    }
    text + "</colorrampshader></rastershader>\n</rasterrenderer>\n</pipe>\n"
}

/// A value of a raster of numbers, with its name and colour.
fn entry(value: usize, label: &str, [r, g, b]: [u8; 3], alpha: u8) -> String {
    let label = escaped(label);
    format!("<paletteEntry value=\"{value}\" label=\"{label}\" color=\"#{r:02x}{g:02x}{b:02x}\" alpha=\"{alpha}\"/>\n")
}

fn paletted(entries: &[String]) -> String {
    format!(
        "<pipe>\n<rasterrenderer type=\"paletted\" band=\"1\" opacity=\"1\" alphaBand=\"-1\" nodataColor=\"\">\n\
         <rasterTransparency/>\n<colorPalette>\n{}</colorPalette>\n</rasterrenderer>\n</pipe>\n",
        entries.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_each_other_without_gaps_to_one() {
        let text = qml(&[Style::Detections], &[]);
        for (lower, upper) in [(0.0, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 1.0)] {
            assert!(text.contains(&format!("lower=\"{lower:.6}\" upper=\"{upper:.6}\"")), "{text}");
        }
    }

    #[test]
    fn nothing_is_drawn_where_the_mask_is_zero() {
        assert!(qml(&[Style::Mask], &[]).contains("value=\"0\" label=\"outside\" color=\"#000000\" alpha=\"0\""));
    }

    #[test]
    fn each_prompt_has_its_number_and_its_words_whatever_they_are() {
        let text = qml(&[Style::Classes], &["roofs".to_owned(), "a < b".to_owned()]);
        assert!(text.contains("value=\"0\" label=\"none\" color=\"#000000\" alpha=\"0\""), "{text}");
        assert!(text.contains("value=\"1\" label=\"roofs\" color=\"#e69f00\""), "{text}");
        assert!(text.contains("value=\"2\" label=\"a &lt; b\" color=\"#56b4e9\""), "{text}");
    }

    #[test]
    fn files_of_one_stem_share_a_style_file() {
        let both = qml(&[Style::Detections, Style::Probability], &[]);
        assert!(both.contains("<renderer-v2") && both.contains("<rasterrenderer"));
    }
}
