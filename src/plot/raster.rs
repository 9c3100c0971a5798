//! SVG to PNG with the embedded font.
//!
//! The font is a subset of DejaVu Sans (Latin, some Greek and mathematical signs), whose licence is
//! in `font/LICENSE`.

use std::sync::{Arc, LazyLock};

use resvg::{tiny_skia, usvg};

use crate::error::{Error, Result};

/// Family name of the embedded font.
pub const FONT: &str = "DejaVu Sans";

static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(include_bytes!("font/DejaVuSans-subset.ttf").to_vec());
    fonts.load_font_data(include_bytes!("font/DejaVuSans-Bold-subset.ttf").to_vec());
    fonts.set_sans_serif_family(FONT);
    Arc::new(fonts)
});

/// The picture as PNG bytes, one pixel per SVG unit.
///
/// # Errors
/// [`Error::Limit`] when the text is no SVG or the picture is too large.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    let options = usvg::Options {
        fontdb: Arc::clone(&FONTS),
        font_family: FONT.to_owned(),
        ..usvg::Options::default()
    };
    let failed = |what: String| Error::Limit(format!("picture: {what}"));
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| failed(error.to_string()))?;
    let size = tree.size().to_int_size();
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height())
        .ok_or_else(|| failed(format!("{} x {} pixels", size.width(), size.height())))?;
    pixels.fill(tiny_skia::Color::WHITE);
    resvg::render(&tree, tiny_skia::Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dark_pixels(text: &str) -> usize {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='300' height='60'>\
             <text x='10' y='40' font-family='{FONT}' font-size='30'>{text}</text></svg>"
        );
        let image = tiny_skia::Pixmap::decode_png(&png(&svg).expect("valid")).expect("a PNG");
        assert_eq!((image.width(), image.height()), (300, 60));
        image.pixels().iter().filter(|p| p.red() < 128).count()
    }

    #[test]
    fn letters_and_units_are_drawn_by_the_embedded_font() {
        assert_eq!(dark_pixels(" "), 0);
        for sign in ["a", "Z", "9", "Å", "→", "−", "°", "×", "²"] {
            assert!(dark_pixels(sign) > 10, "{sign} is missing from the font");
        }
    }

    #[test]
    fn text_that_is_no_svg_is_refused() {
        assert!(png("hello").expect_err("no SVG").to_string().starts_with("picture: "));
    }
}
