"""Each term of the loss, with its gradient for the logits it may move."""

import torch

import fixture
import losses
from fixture import normal

ROWS, COLS = 22, 19


def masks():
    """A large target, one of a few pixels, and none."""
    truth = torch.zeros(4, 1, ROWS, COLS)
    truth[0, :, 3:15, 4:17] = 1
    truth[1, :, 18:20, 2:5] = 1
    truth[3, :, :, :9] = 1
    return truth


def answers(truth):
    """Right almost everywhere, wrong in most places, empty as it should be, and wrong in one pixel out of 418."""
    logit = 2 * normal(201, *truth.shape)
    logit[0] += 4 * (2 * truth[0] - 1)
    logit[2] = -logit[2].abs() - 0.1
    logit[3] = (2 * truth[3] - 1) * (logit[3].abs() + 0.1)
    logit[3, 0, 0, 0] = -1.5
    return logit


def export(name, about, inputs, terms):
    """`terms` are functions of the inputs; each is differentiated alone."""
    outputs, gradient = {}, {}
    for term, compute in terms.items():
        leaves = {key: value.clone().requires_grad_(key != "truth") for key, value in inputs.items()}
        outputs[term] = compute(**leaves).reshape(1)
        outputs[term].backward()
        gradient |= {f"{term}.{key}": leaf.grad for key, leaf in leaves.items() if leaf.grad is not None}
    fixture.write(name, about, {}, inputs, outputs, None, None, gradient)


def terms():
    return {
        "cross_entropy": lambda logit, truth, **_: losses.cross_entropy(logit, truth),
        "dice": lambda logit, truth, **_: losses.dice(logit, truth),
        "segmentation": lambda logit, truth, **_: losses.segmentation(logit, truth),
        "uncertainty": lambda uncertainty, logit, truth, **_: losses.uncertainty(uncertainty, logit, truth),
        "refinement": lambda logit, refined, truth, **_: losses.segmentation(logit.detach(), truth)
        + losses.segmentation(refined, truth),
        "presence": lambda presence, truth, **_: losses.presence(presence, truth),
        "total": lambda truth, **stages: losses.total(stages, truth),
    }


if __name__ == "__main__":
    truth = masks()
    logit = answers(truth)
    found = {"logit": logit, "refined": logit + normal(202, *truth.shape), "uncertainty": 2 * normal(203, *truth.shape),
             "presence": 2 * normal(204, 4, 1)}
    reference = "PyTorch, `F.cross_entropy`, BCE with logits; transformers' Dice"
    export("losses", ("losses (eq. 4-8, 17, 18)", reference), {**found, "truth": truth}, terms())
    # A strip of which nothing is known, across target and background.
    unknown = truth.clone()
    unknown[:2, :, 8:13, :12] = -1
    export("losses_with_unknown_pixels", ("losses with pixels of which nothing is known", reference),
           {**found, "truth": unknown}, terms())
    # Without any target there is no Dice, and every wrong pixel is a false alarm.
    only = {key: value[2:3] for key, value in found.items()}
    only["logit"] = normal(205, 1, 1, ROWS, COLS)
    export("losses_without_target", ("losses where nothing is meant", reference), {**only, "truth": truth[2:3]}, terms())
