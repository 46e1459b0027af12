//! Memory and time of one sample's forward and backward pass on the CPU, both towers trained:
//! `cargo run --release -p model --example step_memory -- [base|small] [SIDE_PX] [BATCH] [plain|checkpointing]`.
//!
//! The weights are random: neither memory nor time depends on them. What the optimizer needs is not part of it.

use std::process::ExitCode;
use std::time::Instant;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::BalancedCheckpointing;
use burn::module::Module;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Bool, Distribution, Int, Tensor};
use burn_flex::Flex;
use model::config::ModelConfig;
use model::ops::ModelBackend;
use model::training::{LossConfig, Truth};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize, default: &str| arguments.get(at).map_or(default.to_owned(), String::clone);
    let (name, strategy) = (argument(0, "base"), argument(3, "plain"));
    let (Ok(side_px), Ok(batch)) = (argument(1, "480").parse(), argument(2, "1").parse()) else {
        eprintln!("usage: step_memory [base|small] [SIDE_PX] [BATCH] [plain|checkpointing]");
        return ExitCode::from(2);
    };
    let config = if name == "small" { ModelConfig::small() } else { ModelConfig::base() };
    match strategy.as_str() {
        "checkpointing" => measure::<Autodiff<Flex, BalancedCheckpointing>>(&config, side_px, batch),
        _ => measure::<Autodiff<Flex>>(&config, side_px, batch),
    }
    ExitCode::SUCCESS
}

fn measure<A: AutodiffBackend + ModelBackend>(config: &ModelConfig, side_px: usize, batch: usize) {
    let device = Default::default();
    let model = config.init::<A>(&device);
    println!("{}: {} parameters", config.name, model.num_params());
    println!("weights: {}", peak());
    let images = Tensor::<A, 4>::random([batch, 3, side_px, side_px], Distribution::Uniform(0.0, 255.0), &device);
    let words = config.max_tokens;
    let ids = Tensor::<A, 2, Int>::full([batch, words], 1000, &device);
    let padding = Tensor::<A, 2, Bool>::full([batch, words], false, &device);
    let truth = Tensor::<A, 4>::random([batch, 1, side_px, side_px], Distribution::Bernoulli(0.1), &device);

    let started = Instant::now();
    let levels = model.vision.forward(images);
    println!("vision tower: {:.1} s, {}", started.elapsed().as_secs_f64(), peak());
    let image = model.decoder.encode_image(levels);
    let text = model.decoder.encode_text(model.text.forward(ids, padding.clone()));
    let decoded = model.decoder.decode(image, text, padding, (side_px, side_px));
    let losses = LossConfig::default().total(decoded, &Truth { mask: truth, scored: None }, true);
    println!("forward: {:.1} s, {}", started.elapsed().as_secs_f64(), peak());
    let gradients = losses.total.backward();
    println!("forward and backward: {:.1} s, {}", started.elapsed().as_secs_f64(), peak());
    drop(gradients);
}

/// The most memory that the process has had at once.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map_or("unknown".into(), |kib| format!("peak {:.2} GiB", kib / (1 << 20) as f64))
}
