//! How many windows of a tile's size are read a second from scenes of several layouts: `cargo bench -p geo_io --bench
//! windows`, with columns x rows behind `--` for another size than 4096x1536.
//!
//! "Window by window" opens the scene, reads the three bands of one window and closes it again, as a program does that
//! cuts chips. "One dataset" keeps it open, so that GDAL's cache of decoded blocks helps. "Ours" is `Scene::read_rgb` by
//! two readers that take windows in turn, as `segment` does. They alternate, and the median of three counts. On a busy
//! machine the second numbers are the ones to compare: windows for each second of processor time.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::{Dataset, DriverManager};
use geo_io::{PixelSize, PixelWindow, Scene, SceneOptions};

const WINDOW_PX: u32 = 480;
const STRIDE_PX: u32 = 384;
const ROUNDS: usize = 3;
/// The layouts, each a driver with options.
const LAYOUTS: [(&str, &str, &[&str]); 5] = [
    ("tiled TIFF, deflate", "GTiff", &["TILED=YES", "COMPRESS=DEFLATE"]),
    ("striped TIFF, deflate", "GTiff", &["COMPRESS=DEFLATE", "BLOCKYSIZE=16"]),
    ("striped TIFF, deflate, one strip", "GTiff", &["COMPRESS=DEFLATE", "BLOCKYSIZE=100000"]),
    ("lossless JP2, blocks of 1024 px", "JP2OpenJPEG", &["REVERSIBLE=YES", "QUALITY=100"]),
    (
        "lossless JP2, one block",
        "JP2OpenJPEG",
        &["REVERSIBLE=YES", "QUALITY=100", "BLOCKXSIZE=100000", "BLOCKYSIZE=100000"],
    ),
];

/// Three bands of waves and grain, which compress about as imagery does.
fn drawn(size: PixelSize) -> Dataset {
    let (width, height) = (size.width as usize, size.height as usize);
    let driver = DriverManager::get_driver_by_name("MEM").unwrap();
    let dataset = driver.create_with_band_type::<u8, _>("", width, height, 3).unwrap();
    for index in 1..=3_usize {
        let value = |at: usize| {
            let (x, y) = ((at % width) as f32, (at / width) as f32);
            let grain = (at.wrapping_mul(2_654_435_761 + index) >> 11 & 15) as f32;
            (110.0 + 60.0 * (x / 37.0).sin() * (y / (20.0 + index as f32)).cos() + grain) as u8
        };
        let values: Vec<u8> = (0..width * height).map(value).collect();
        let mut band = dataset.rasterband(index).unwrap();
        band.write((0, 0), (width, height), &mut Buffer::new((width, height), values)).unwrap();
    }
    dataset
}

/// Windows in the order of tiles.
fn windows(size: PixelSize) -> Vec<PixelWindow> {
    let offsets = |length: u32| (0..=length - WINDOW_PX).step_by(STRIDE_PX as usize);
    offsets(size.height)
        .flat_map(|row_off| {
            offsets(size.width).map(move |col_off| PixelWindow {
                col_off,
                row_off,
                width: WINDOW_PX,
                height: WINDOW_PX,
            })
        })
        .collect()
}

/// The three bands of a window, summed, as GDAL gives them.
fn sum_of(dataset: &Dataset, window: &PixelWindow) -> f64 {
    let side = (WINDOW_PX as usize, WINDOW_PX as usize);
    let mut plane = vec![0.0_f32; side.0 * side.1];
    let corner = (window.col_off as isize, window.row_off as isize);
    let mut sum = 0.0;
    for band in 1..=3 {
        dataset.rasterband(band).unwrap().read_into_slice(corner, side, side, &mut plane, None).unwrap();
        sum += plane.iter().map(|value| f64::from(*value)).sum::<f64>();
    }
    sum
}

fn window_by_window(path: &Path, windows: &[PixelWindow]) -> f64 {
    windows.iter().map(|window| sum_of(&Dataset::open(path).unwrap(), window)).sum()
}

fn one_dataset(path: &Path, windows: &[PixelWindow]) -> f64 {
    let dataset = Dataset::open(path).unwrap();
    windows.iter().map(|window| sum_of(&dataset, window)).sum()
}

/// Seconds by the clock and of the processors, and what was read.
fn timed(work: impl FnOnce() -> f64) -> ([f64; 2], f64) {
    let (start, before) = (Instant::now(), processor_seconds());
    let sum = work();
    ([start.elapsed().as_secs_f64(), processor_seconds() - before], sum)
}

/// What this process has used of the processors so far, in steps of a hundredth of a second; Linux only.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn ours(path: &Path, windows: &[PixelWindow], readers: usize) -> f64 {
    let options = SceneOptions { allow_no_crs: true, ..SceneOptions::default() };
    let first = Scene::open(path.as_os_str(), &options).unwrap();
    let mut scenes: Vec<Scene> = (1..readers).map(|_| first.reopen().unwrap()).collect();
    scenes.push(first);
    let read = |scene: &Scene, first: usize| -> f64 {
        let own = windows.iter().skip(first).step_by(readers);
        own.map(|window| scene.read_rgb(*window).unwrap().rgb.iter().map(|v| f64::from(*v)).sum::<f64>()).sum()
    };
    std::thread::scope(|scope| {
        let read = &read;
        let threads: Vec<_> =
            scenes.into_iter().enumerate().map(|(index, scene)| scope.spawn(move || read(&scene, index))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn main() {
    let size = std::env::args().skip(1).find_map(|word| {
        let (width, height) = word.split_once('x')?;
        Some(PixelSize { width: width.parse().ok()?, height: height.parse().ok()? })
    });
    let size = size.unwrap_or(PixelSize { width: 4096, height: 1536 });
    geo_io::init_gdal();
    let folder = tempfile::tempdir().unwrap();
    let (windows, picture) = (windows(size), drawn(size));
    println!("{} windows of {WINDOW_PX} px in {}x{} px", windows.len(), size.width, size.height);
    println!(
        "| layout | window by window, windows/s (per processor second) | one dataset | ours | ours / window by window \
         | ours / one dataset |\n|---|---|---|---|---|---|"
    );
    for (index, (name, driver, options)) in LAYOUTS.into_iter().enumerate() {
        let path: PathBuf = folder.path().join(format!("{index}.{}", if driver == "GTiff" { "tif" } else { "jp2" }));
        let driver = DriverManager::get_driver_by_name(driver).unwrap();
        picture.create_copy(&driver, &path, &RasterCreationOptions::from_iter(options.iter().copied())).unwrap();
        let mut taken = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            let round = [
                timed(|| window_by_window(&path, &windows)),
                timed(|| one_dataset(&path, &windows)),
                timed(|| ours(&path, &windows, 2)),
            ];
            assert!(round.iter().all(|(_, sum)| (sum - round[0].1).abs() < 1.0), "other pixels were read");
            taken.iter_mut().zip(round).for_each(|(taken, (seconds, _))| taken.push(seconds));
        }
        let per_second = |taken: &Vec<[f64; 2]>, index: usize| {
            let mut seconds: Vec<f64> = taken.iter().map(|seconds| seconds[index]).collect();
            seconds.sort_by(f64::total_cmp);
            windows.len() as f64 / seconds[ROUNDS / 2]
        };
        let [each, open, own] = taken.each_ref().map(|taken| [0, 1].map(|index| per_second(taken, index)));
        let pair = |own: [f64; 2], other: [f64; 2]| format!("{:.1} ({:.1})", own[0] / other[0], own[1] / other[1]);
        let speed = |own: [f64; 2]| format!("{:.1} ({:.1})", own[0], own[1]);
        println!(
            "| {name} | {} | {} | {} | {} | {} |",
            speed(each),
            speed(open),
            speed(own),
            pair(own, each),
            pair(own, open)
        );
    }
}
