//! Whole models and training steps beside PyTorch, in one run: `make bench-torch`, or, where a Python has what
//! `model/tests/parity/requirements.txt` lists, `GEOPHRASE_PYTHON=python3 cargo bench -p model --bench torch`.
//!
//! Words behind `--` choose rows by their names; without `GEOPHRASE_PYTHON` only our side runs. The two sides take turns,
//! because other work on the machine comes and goes, and each says how long it took by the clock and on the processors.
//! On a busy machine the processor's seconds are the ones to compare. PyTorch's threads are told to sleep while they
//! wait for each other (`OMP_WAIT_POLICY`), which costs little and keeps them from counting that as work. Weights are
//! random: the time does not depend on them. Text features are given on both sides.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use burn::backend::Autodiff;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, Optimizer};
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Distribution, Tensor};
use burn_flex::{Flex, FlexDevice};
use model::config::ModelConfig;
use model::crobim_u::{CrobimU, Decoded, ImageEncoding};
use model::ops::ModelBackend;
use model::training::{LossConfig, Truth};

type Training = Autodiff<Flex>;

/// Turns of a forward pass, and of a training step.
const TURNS: usize = 7;
const STEPS: usize = 5;

/// PyTorch in a process of its own.
struct Torch {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Torch {
    fn start(python: &str, threads: usize) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/torch_side.py");
        let mut process = Command::new(python)
            .args([script, &threads.to_string()])
            .env("OMP_WAIT_POLICY", "PASSIVE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (questions, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, questions, answers: BufReader::new(answers) }
    }

    /// What PyTorch answers, as numbers.
    fn ask<const N: usize>(&mut self, question: &str) -> [f64; N] {
        writeln!(self.questions, "{question}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let numbers: Vec<f64> = answer.split_whitespace().map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    }

    /// Does a piece of work once.
    fn time(&mut self, precision: &str, name: &str) -> Taken {
        let [clock, processor] = self.ask(&format!("{precision} {name}"));
        Taken { clock, processor }
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Seconds of one piece of work.
#[derive(Clone, Copy)]
struct Taken {
    clock: f64,
    /// Summed over all threads.
    processor: f64,
}

fn time(work: &mut dyn FnMut()) -> Taken {
    let (start, before) = (Instant::now(), processor_seconds());
    work();
    Taken { clock: start.elapsed().as_secs_f64(), processor: processor_seconds() - before }
}

/// What this process has used of the processors so far, in steps of a hundredth of a second; Linux only.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// The shortest by the clock, and the mean on the processors.
fn summed(taken: &[Taken]) -> (f64, f64) {
    let clock = taken.iter().map(|taken| taken.clock).fold(f64::INFINITY, f64::min);
    (clock, taken.iter().map(|taken| taken.processor).sum::<f64>() / taken.len() as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints one row: ours against both precisions of PyTorch.
fn row(torch: &mut Option<Torch>, turns: usize, name: &str, mut work: Box<dyn FnMut()>) {
    work();
    let [mut own, mut single, mut half] = [const { Vec::new() }; 3];
    if let Some(torch) = torch {
        for precision in ["f32", "bf16"] {
            torch.time(precision, name);
        }
    }
    for _ in 0..turns {
        single.extend(torch.as_mut().map(|torch| torch.time("f32", name)));
        own.push(time(&mut work));
        half.extend(torch.as_mut().map(|torch| torch.time("bf16", name)));
    }
    let (clock, processor) = summed(&own);
    let Some(torch) = torch else {
        return println!("| {name} | {clock:.3} | {processor:.3} |");
    };
    let ratio = |other: &[Taken]| median(own.iter().zip(other).map(|(own, other)| own.clock / other.clock).collect());
    let [flops] = torch.ask(&format!("flops {name}"));
    let ((single_clock, single_processor), (half_clock, half_processor)) = (summed(&single), summed(&half));
    println!(
        "| {name} | {:.1} | {clock:.3} / {processor:.3} | {single_clock:.3} / {single_processor:.3} | \
         {half_clock:.3} / {half_processor:.3} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} |",
        flops / 1e9,
        ratio(&single),
        processor / single_processor,
        ratio(&half),
        processor / half_processor,
        flops / 1e9 / clock,
    );
}

fn repeated<B: Backend, const D: usize>(images: Tensor<B, D>, times: usize) -> Tensor<B, D> {
    let mut shape = images.dims();
    let [count, size] = [shape[0], images.shape().num_elements() / shape[0]];
    shape[0] *= times;
    images.reshape([count, 1, size]).repeat_dim(1, times).reshape(shape)
}

/// Every image with `repeats` phrases.
fn decoded<B: ModelBackend>(
    model: &CrobimU<B>,
    images: Tensor<B, 4>,
    words: Tensor<B, 3>,
    repeats: usize,
) -> Decoded<B> {
    let [_, _, rows, cols] = images.dims();
    let ImageEncoding { tokens, lateral, levels } = model.decoder.encode_image(model.vision.forward(images));
    let image = ImageEncoding { tokens: repeated(tokens, repeats), lateral: repeated(lateral, repeats), levels };
    let [phrases, count, _] = words.dims();
    let ignored = Tensor::<B, 2, Bool>::full([phrases, count], false, &words.device());
    let text = model.decoder.encode_text(words);
    model.decoder.decode(image, text, ignored, (rows, cols))
}

fn images<B: Backend>(batch: usize, side_px: usize) -> Tensor<B, 4> {
    Tensor::random([batch, 3, side_px, side_px], Distribution::Uniform(0.0, 255.0), &B::Device::default())
}

fn words<B: Backend>(config: &ModelConfig, phrases: usize) -> Tensor<B, 3> {
    let shape = [phrases, config.max_tokens, config.text.width];
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &B::Device::default())
}

fn forward(config: &ModelConfig, side_px: usize) -> Box<dyn FnMut()> {
    let model = config.init::<Flex>(&FlexDevice);
    let (images, words) = (images::<Flex>(1, side_px), words::<Flex>(config, 1));
    Box::new(move || drop(black_box(decoded(&model, images.clone(), words.clone(), 1).refined.into_data())))
}

/// Forward, loss, backward and AdamW, by two workers as the trainer has them.
fn step(config: &ModelConfig, side_px: usize, batch: usize, repeats: usize) -> Box<dyn FnMut()> {
    const WORKERS: usize = 2;
    let share = batch / WORKERS;
    let mut model = config.init::<Training>(&FlexDevice);
    let mut adam = AdamWConfig::new().init::<Training, CrobimU<Training>>();
    let parts = [(); WORKERS].map(|()| {
        let shape = [share * repeats, 1, side_px, side_px];
        let truth = Tensor::<Training, 4>::random(shape, Distribution::Bernoulli(0.1), &FlexDevice);
        (images::<Training>(share, side_px), words::<Training>(config, share * repeats), truth)
    });
    Box::new(move || {
        let work = |(images, words, truth): &(Tensor<Training, 4>, Tensor<Training, 3>, Tensor<Training, 4>)| {
            let own = model.clone().fork(&FlexDevice);
            let decoded = decoded(&own, images.clone(), words.clone(), repeats);
            let losses = LossConfig::default().total(decoded, &Truth { mask: truth.clone(), scored: None }, true);
            GradientsParams::from_grads(losses.total.backward(), &own)
        };
        let mut sum = GradientsAccumulator::new();
        let work = &work;
        let gradients = thread::scope(|scope| {
            let workers: Vec<_> = parts.iter().map(|part| scope.spawn(move || work(part))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        for gradients in gradients {
            sum.accumulate(&model, gradients);
        }
        model = adam.step(1e-5, model.clone(), sum.grads());
    })
}

/// Forward and backward of the vision tower alone.
fn vision_step(config: &ModelConfig, side_px: usize, batch: usize) -> Box<dyn FnMut()> {
    let model = config.init::<Training>(&FlexDevice);
    let images = images::<Training>(batch, side_px);
    Box::new(move || {
        let losses = model.vision.forward(images.clone()).into_iter().map(Tensor::sum).collect();
        black_box(Tensor::<Training, 1>::cat(losses, 0).sum().backward());
    })
}

fn product(side: usize) -> Box<dyn FnMut()> {
    let matrix = || Tensor::<Flex, 2>::random([side, side], Distribution::Default, &FlexDevice);
    let (left, right) = (matrix(), matrix());
    Box::new(move || drop(black_box(left.clone().matmul(right.clone()))))
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let python = std::env::var("GEOPHRASE_PYTHON").ok();
    let mut torch = python.map(|python| Torch::start(&python, rayon::current_num_threads()));
    let (base, small) = (ModelConfig::base(), ModelConfig::small());
    if torch.is_some() {
        println!(
            "| work, side, batch, phrases | GFLOP | ours, s by the clock / of the processors | PyTorch f32 | PyTorch bf16 \
             | ours / f32, clock | processors | ours / bf16, clock | processors | GFLOP/s |\n{}|",
            "|---".repeat(10)
        );
    }
    let mut row = |turns, name: &str, work: &dyn Fn() -> Box<dyn FnMut()>| {
        if chosen.is_empty() || chosen.iter().any(|word| name.starts_with(word.as_str())) {
            row(&mut torch, turns, name, work());
        }
    };
    row(TURNS, "product 1024", &|| product(1024));
    row(TURNS, "product 2048", &|| product(2048));
    row(TURNS, "base-forward 480", &|| forward(&base, 480));
    row(TURNS, "small-forward 320", &|| forward(&small, 320));
    row(STEPS, "small-vision-step 384 8 3", &|| vision_step(&small, 384, 8));
    row(STEPS, "small-step 384 8 3", &|| step(&small, 384, 8, 3));
}
