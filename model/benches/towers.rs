//! Seconds of a forward pass of the towers of `small` on the CPU: `cargo bench -p model --bench towers`.
//!
//! The weights are random: the time does not depend on them.

use std::hint::black_box;
use std::time::Instant;

use burn::tensor::{Distribution, Tensor};
use burn_flex::{Flex, FlexDevice};
use model::text::{BertConfig, TokenBatch};
use model::vision::{ConvNextConfig, EfficientNetLiteConfig, VisionConfig, VisionTower};

/// The fastest of several runs, since other work on the machine only ever adds time.
fn seconds(runs: usize, mut work: impl FnMut()) -> f64 {
    work();
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn vision(name: &str, config: VisionConfig, side_px: usize, batch: usize, runs: usize) {
    let tower: VisionTower<Flex> = config.init(&FlexDevice);
    let images = Tensor::random([batch, 3, side_px, side_px], Distribution::Uniform(0.0, 255.0), &FlexDevice);
    let time = seconds(runs, || {
        for level in tower.forward(images.clone()) {
            black_box(level.into_data());
        }
    });
    println!("{name}, {side_px} px, batch {batch}: {time:.3} s, {:.4} s an image", time / batch as f64);
}

fn text(phrases: usize) {
    let bert = BertConfig::mini().init::<Flex>(&FlexDevice);
    let rows: Vec<Vec<u32>> =
        (0..phrases as u32).map(|phrase| (0..12).map(|at| 1000 + 31 * phrase + at).collect()).collect();
    let (ids, padding) = TokenBatch::from_rows(&rows, 20).to_tensors::<Flex>(&FlexDevice);
    let time = seconds(10, || {
        black_box(bert.forward(ids.clone(), padding.clone()).into_data());
    });
    println!("BERT 6 x 384, 20 tokens, {phrases} phrases: {time:.4} s, {:.4} s a phrase", time / phrases as f64);
}

fn main() {
    let lite0 = VisionConfig::EfficientnetLite(EfficientNetLiteConfig { variant: 0 });
    vision("EfficientNet-Lite0", lite0, 320, 8, 5);
    vision("EfficientNet-Lite0", lite0, 320, 1, 10);
    vision("ConvNeXt-B", VisionConfig::Convnext(ConvNextConfig::base()), 480, 1, 2);
    text(1);
    text(16);
}
