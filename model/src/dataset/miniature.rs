//! Miniature data sets in the layouts of the real ones, with their traps, for tests.

use std::path::{Path, PathBuf};

use image::{GrayImage, Luma, Rgb, RgbImage};

/// A phrase of forty words.
pub(super) fn forty_words() -> String {
    vec!["ship"; 40].join(" ")
}

/// A picture that no other seed gives.
pub(super) fn picture(rows: u32, cols: u32, seed: u8) -> RgbImage {
    RgbImage::from_fn(cols, rows, |col, row| Rgb([(row * 7) as u8 ^ seed, (col * 5) as u8, seed]))
}

/// A mask of which the upper left `rows` by `cols` have a value.
pub(super) fn mask(side: u32, rows: u32, cols: u32, value: u8) -> GrayImage {
    GrayImage::from_fn(side, side, |col, row| Luma([if row < rows && col < cols { value } else { 0 }]))
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// RefSegRS: 5 phrases. Lines end as on Windows; an id comes with its extension; a mask has values other than 0 and
/// 255; one is empty; the picture of `11` in `train` is that of `30` in `test`; a phrase is too long.
pub(super) fn refsegrs(root: &Path, images: &str, masks: &str, suffix: &str) {
    for folder in [images, masks] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    let save = |id: u32, seed: u8, mask: GrayImage| {
        picture(64, 64, seed).save(root.join(images).join(format!("{id}.tif"))).unwrap();
        mask.save(root.join(masks).join(format!("{id}.tif"))).unwrap();
    };
    save(10, 1, mask(64, 4, 5, 255));
    // 50 is background still, 51 is not.
    let mut grey = mask(64, 1, 3, 51);
    grey.put_pixel(0, 9, Luma([50]));
    save(11, 2, grey);
    save(20, 3, mask(64, 0, 0, 255));
    save(30, 2, mask(64, 2, 2, 255));
    save(31, 4, mask(64, 3, 3, 255));
    write(&root.join("output_phrase_train.txt"), "10 vehicle in the parking area\r\n11.tif road\r\n");
    write(&root.join(format!("output_phrase_val{suffix}.txt")), "20 bus\n\n");
    let test = format!("30 a van\r\n31 {}", forty_words());
    write(&root.join(format!("output_phrase_test{suffix}.txt")), &test);
}

/// RISBench: 4 phrases, whose ids include the extension. A mask value of 1 counts; two lines of one picture are equal.
pub(super) fn risbench(root: &Path) {
    let inner = root.join("RISBench_dataset");
    for folder in ["img_rgb", "mask"] {
        std::fs::create_dir_all(inner.join(folder)).unwrap();
    }
    let save = |name: &str, seed: u8, mask: GrayImage| {
        picture(32, 32, seed).save(inner.join("img_rgb").join(name)).unwrap();
        mask.save(inner.join("mask").join(name)).unwrap();
    };
    save("train_1_0.png", 1, mask(32, 2, 3, 255));
    save("val_7_2.png", 2, mask(32, 1, 4, 1));
    save("test_5_1.png", 3, mask(32, 5, 5, 255));
    write(
        &root.join("output_phrase_train.txt"),
        "train_1_0.png The ship on the left\ntrain_1_0.png the ship on the left\n",
    );
    write(&root.join("output_phrase_val.txt"), "val_7_2.png The storage tank is round\n");
    write(&root.join("output_phrase_test.txt"), "test_5_1.png  A bridge \n");
}

/// The files that the packages behind RRSIS-D wrote: see `tests/parity/make_rrsisd.py`.
pub(super) fn rrsisd_fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rrsisd").join(name)
}

/// RRSIS-D: 6 phrases. Picture 4 is 800 x 801 px under a mask of 800 x 800; 2 is named without its extension and has
/// two masks that overlap; the mask of 3 is empty; 5 has 40 words and the pixels of 1, in another split; 6 is lost.
pub(super) fn rrsisd(root: &Path, protocol: u8) {
    let lists = root.join("rrsisd");
    let images = root.join("images/rrsisd/JPEGImages");
    std::fs::create_dir_all(&lists).unwrap();
    std::fs::create_dir_all(&images).unwrap();
    std::fs::copy(rrsisd_fixture(&format!("refs_protocol{protocol}.p")), lists.join("refs(unc).p")).unwrap();
    std::fs::copy(rrsisd_fixture("instances.json"), lists.join("instances.json")).unwrap();
    for (name, rows, seed) in
        [("00001", 800, 1), ("00002", 800, 2), ("00003", 800, 3), ("00004", 801, 4), ("00005", 800, 1)]
    {
        picture(rows, 800, seed).save(images.join(format!("{name}.jpg"))).unwrap();
    }
}
