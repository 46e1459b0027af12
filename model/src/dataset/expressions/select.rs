//! Which objects a meaning selects.

use super::colour::Truth;
use super::judge::{gap, holds};
use super::meaning::{Meaning, Order, Pick};
use super::scene::Scene;
use crate::dataset::labelled::OutlineTrust;

/// Fewest pixels of an object that is told apart from its like.
const LEAST_PX: f64 = 20.0;

/// What a meaning selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// The objects meant.
    pub(super) chosen: Vec<usize>,
    /// Objects about which one could argue.
    pub(super) unsure: Vec<usize>,
}

/// The objects that a meaning selects, or `None` where an order is not clear or an object is too small to be singled out.
pub(super) fn select(meaning: &Meaning, scene: &Scene<'_>) -> Option<Selection> {
    let all = &meaning.noun.members;
    let (mut chosen, mut unsure) = (Vec::new(), Vec::new());
    for &index in all {
        let mut truth = Truth::Yes;
        for filter in &meaning.filters {
            truth = truth.and(holds(filter, index, all, scene));
            if truth == Truth::No {
                break;
            }
        }
        match truth {
            Truth::Yes => chosen.push(index),
            Truth::No => {}
            Truth::Unsure => unsure.push(index),
        }
    }
    if let Some(pick) = &meaning.pick {
        if !unsure.is_empty() {
            return None;
        }
        chosen = picked(pick, &chosen, scene)?;
    }
    let told_apart = chosen.len() < all.len() || meaning.pick.is_some();
    if told_apart && chosen.iter().any(|&index| scene.facts(index).area < LEAST_PX) {
        return None;
    }
    chosen.sort_unstable();
    Some(Selection { chosen, unsure })
}

/// The objects that a meaning selects, or `None` where one could argue.
pub(super) fn surely(meaning: &Meaning, scene: &Scene<'_>) -> Option<Vec<usize>> {
    select(meaning, scene).filter(|selection| selection.unsure.is_empty()).map(|selection| selection.chosen)
}

fn picked(pick: &Pick, from: &[usize], scene: &Scene<'_>) -> Option<Vec<usize>> {
    let end = pick.rank + pick.take;
    if from.len() < 2 || end > from.len() || (pick.take > 1 && end == from.len()) {
        return None;
    }
    let mut ordered = Vec::with_capacity(from.len());
    for &index in from {
        ordered.push((value(&pick.order, index, scene)?, index));
    }
    ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The border before the first and the one behind the last must both be clear.
    for border in [pick.rank, end] {
        if border > 0 && border < ordered.len() && !clear(&pick.order, ordered[border - 1], ordered[border], scene) {
            return None;
        }
    }
    Some(ordered[pick.rank..end].iter().map(|o| o.1).collect())
}

/// What is put in order: the smallest value is ahead.
fn value(order: &Order, index: usize, scene: &Scene<'_>) -> Option<f64> {
    let facts = scene.facts(index);
    let object = scene.object(index);
    Some(match order {
        Order::Largest | Order::Smallest | Order::Longest if !object.whole => return None,
        Order::Longest if !scene.shaped(index) => return None,
        Order::Largest => -facts.area,
        Order::Smallest => facts.area,
        Order::Longest => -facts.length,
        Order::Leftmost => facts.middle.1,
        Order::Rightmost => -facts.middle.1,
        Order::Topmost => facts.middle.0,
        Order::Bottommost => -facts.middle.0,
        Order::MostCentral => (facts.middle.0 - scene.height() / 2.0).hypot(facts.middle.1 - scene.width() / 2.0),
        Order::ClosestTo(to) | Order::FarthestFrom(to) if to.members.contains(&index) => return None,
        Order::ClosestTo(to) => gap(index, to, scene)?.0,
        Order::FarthestFrom(to) => -gap(index, to, scene)?.0,
    })
}

/// True when nobody would put the two in the other order.
fn clear(order: &Order, first: (f64, usize), second: (f64, usize), scene: &Scene<'_>) -> bool {
    let step = second.0 - first.0;
    let (a, b) = (scene.facts(first.1), scene.facts(second.1));
    let boxed = [first.1, second.1].iter().any(|&i| scene.object(i).trust == OutlineTrust::UprightBox);
    let ratio = (first.0 / second.0).abs().max((second.0 / first.0).abs());
    match order {
        Order::Largest | Order::Smallest => ratio >= if boxed { 2.0 } else { 1.3 },
        Order::Longest => ratio >= 1.45,
        Order::Leftmost => step >= 0.04 * scene.width() && a.cols.0 < b.cols.0,
        Order::Rightmost => step >= 0.04 * scene.width() && a.cols.1 > b.cols.1,
        Order::Topmost => step >= 0.04 * scene.height() && a.rows.0 < b.rows.0,
        Order::Bottommost => step >= 0.04 * scene.height() && a.rows.1 > b.rows.1,
        Order::MostCentral => step >= 0.08 * scene.side() && first.0 <= 0.2 * scene.side(),
        Order::ClosestTo(_) => step >= 0.04 * scene.side() && second.0 >= 1.5 * first.0,
        Order::FarthestFrom(_) => step >= 0.06 * scene.side() && first.0.abs() >= 1.25 * second.0.abs(),
    }
}
