"""Every layer behind the towers, with random weights: outputs, and gradients of all inputs and parameters."""

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerPreTrainedModel,
    multi_scale_deformable_attention,
)

import fixture
import names
import recipe
from fixture import normal, padding

# Coarse to fine, as the decoder orders its levels; odd, and no two sides alike.
LEVELS = [(2, 3), (3, 5), (5, 7)]
TOKENS = sum(rows * cols for rows, cols in LEVELS)


PYTORCH = "PyTorch recipe"
DEFORMABLE = "transformers, Mask2FormerPixelDecoderEncoderLayer"


def export(name, about, module, inputs, outputs, facts=None):
    """`outputs` maps leaf tensors to named outputs."""
    leaves = {key: value.clone().requires_grad_(value.is_floating_point()) for key, value in inputs.items()}
    found = outputs(**leaves)
    slope = fixture.differentiate(found, len(name))
    gradient = {f"input.{key}": leaf.grad for key, leaf in leaves.items() if leaf.requires_grad}
    gradient |= names.gradients(module, "weights.") if module else {}
    fixture.write(name, about, names.weights(module) if module else {}, inputs, found, facts, slope, gradient)


def deformable_sampling():
    """transformers' formulation by `grid_sample`; offsets in pixels of the level, many of them off the map."""
    heads, depth, points, batch = 2, 4, 3, 2
    where = torch.cat([torch.stack(torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(cols) + 0.5) / cols,
                                                  indexing="ij"), -1).flip(-1).reshape(-1, 2) for rows, cols in LEVELS])
    sides = torch.tensor([[cols, rows] for rows, cols in LEVELS], dtype=torch.float32)

    def run(value, offsets, weights):
        moved = offsets.view(batch, TOKENS, heads, len(LEVELS), points, 2) / sides[:, None, :]
        places = where[None, :, None, None, None, :] + moved
        shares = weights.view(batch, TOKENS, heads, len(LEVELS), points)
        return {"tokens": multi_scale_deformable_attention(value.unflatten(2, (heads, depth)), LEVELS, places, shares)}

    samples = heads * len(LEVELS) * points
    inputs = {"value": normal(1, batch, TOKENS, heads * depth), "offsets": 3 * normal(2, batch, TOKENS, samples * 2),
              "weights": torch.softmax(normal(3, batch, TOKENS, heads, samples // heads), -1).flatten(2)}
    export("deformable_sampling", ("multi-scale deformable sampling", "transformers, `grid_sample`"), None, inputs, run, {"levels": LEVELS, "heads": heads, "points": points})


def positions():
    grids = {"7x5": (7, 5, 16), "15x15": (15, 15, 64), "1x3": (1, 3, 8)}
    fixture.write("positions", ("sine positions", "transformers, Mask2FormerSinePositionEmbedding"), {}, {},
                  {name: recipe.sine(*grid)[0] for name, grid in grids.items()})


def first_offsets():
    """Where untrained heads look, as transformers' Mask2Former starts them: 8 heads, 3 levels, 4 points."""
    layer = recipe.deformable_layer(32, 8, 8)
    owner = SimpleNamespace(config=SimpleNamespace(init_xavier_std=1.0, init_std=0.02))
    Mask2FormerPreTrainedModel._init_weights(owner, layer.self_attn)
    fixture.write("first_offsets", ("first offsets of the deformable layer", "transformers, Mask2Former"), {}, {},
                  {"bias": layer.self_attn.sampling_offsets.bias})


def resizing():
    sizes = {"up": ((5, 7), (13, 20)), "down": ((13, 20), (5, 7)), "mixed": ((9, 4), (6, 11)), "far": ((3, 2), (48, 40)),
             "line": ((1, 6), (4, 9)), "point": ((6, 5), (1, 1))}
    inputs, found, facts = {}, {}, {}
    for seed, (name, (start, end)) in enumerate(sizes.items()):
        for corners in ("aligned", "free"):
            key = f"{name}_{corners}"
            inputs[key] = normal(seed, 1, 2, *start)
            facts[key] = end

    def run(**leaves):
        return {key: F.interpolate(leaf, facts[key], mode="bilinear", align_corners=key.endswith("aligned"))
                for key, leaf in leaves.items()}

    export("resizing", ("resizing, both `align_corners`", "PyTorch, `F.interpolate`"), None, inputs, run, facts)


def attention():
    module = fixture.randomize(recipe.attention(16, 4), 51)
    ignored = padding([6, 4], 6)
    inputs = {"query": normal(52, 2, 7, 16), "key": normal(53, 2, 6, 16), "value": normal(54, 2, 6, 16), "ignored": ignored}
    about = ("attention between text and image", "PyTorch, `nn.MultiheadAttention`")
    export("attention", about, module, inputs, lambda query, key, value, ignored: {
        "masked": module(query, key, value, key_padding_mask=ignored)[0], "open": module(query, key, value)[0]})


def scorer():
    module = fixture.randomize(recipe.Scorer(16), 61)
    inputs = {"visual": normal(62, 2, 15, 16), "text": normal(63, 2, 6, 16), "ignored": padding([6, 3], 6)}
    export("scorer", ("RUS (eq. 3)", PYTORCH), module, inputs,
           lambda visual, text, ignored: {"logit": module(visual, text, ignored, (3, 5))})


def gated_fusion():
    module = fixture.randomize(recipe.GatedFusion(16, 4), 71)
    inputs = {"visual": normal(72, 2, 15, 16), "text": normal(73, 2, 6, 16), "ignored": padding([6, 2], 6),
              "uncertainty": 2 * normal(74, 2, 15, 1)}
    export("gated_fusion", ("UGF (eq. 9, 11, 12)", PYTORCH), module, inputs, lambda **leaves: {"tokens": module(**leaves)})


def refinement():
    for name, what, full in (("refinement_stride4", "UDLR at stride 4 (eq. 13-16)", False),
                             ("refinement_full", "UDLR at full resolution (eq. 13-16)", True)):
        module = fixture.randomize(recipe.Refinement(8, 6, full), 81)
        inputs = {"feature": normal(82, 2, 8, 7, 9), "coarse": normal(83, 2, 1, 7, 9),
                  "logit": normal(84, 2, 1, 28, 36), "uncertainty": 2 * normal(85, 2, 1, 28, 36)}

        def run(feature, coarse, logit, uncertainty, full=full, module=module):
            # The coarse logit plays no part at full resolution; zero times it keeps a gradient to compare.
            return {"logit": module(feature, coarse, logit, uncertainty) + (0 * coarse.sum() if full else 0)}

        export(name, (what, PYTORCH), module, inputs, run)


def projection():
    for name, what, bias in (("projection", "projection of a level", True),
                             ("projection_lateral", "lateral of the FPN", False)):
        module = fixture.randomize(recipe.LevelProjection(12, 64, 32, bias), 91)
        export(name, (what, PYTORCH), module, {"level": normal(92, 2, 12, 5, 3)}, lambda level, module=module: {"level": module(level)})


def deformable_layer():
    module = fixture.randomize(recipe.deformable_layer(16, 2, 32), 101)
    inputs = {"tokens": normal(102, 2, TOKENS, 16), "positions": normal(103, 1, TOKENS, 16)}
    export("deformable_layer", ("deformable layer", DEFORMABLE), module, inputs,
           lambda tokens, positions: {"tokens": recipe.run_deformable(module, tokens, positions, LEVELS)},
           {"levels": LEVELS})


def interaction():
    module = fixture.randomize(recipe.InteractionLayer(16, 2, 32), 111)
    inputs = {"image": normal(112, 2, TOKENS, 16), "text": normal(113, 2, 6, 16), "ignored": padding([6, 4], 6),
              "positions": normal(114, 1, TOKENS, 16)}

    def run(image, text, ignored, positions):
        image, text = module(image, text, ignored, positions, LEVELS)
        return {"image": image, "text": text}

    export("interaction", ("interaction layer (eq. 1)", PYTORCH), module, inputs, run, {"levels": LEVELS})


def pixel_decoder():
    for name, what, width in (("pixel_decoder", "FPN to stride 4", 32),
                              ("pixel_decoder_reduced", "FPN to stride 4, narrower there", 48)):
        module = fixture.randomize(recipe.PixelDecoder(width, 32, 32), 121)
        inputs = {"coarse": normal(122, 2, width, 4, 5), "lateral": normal(123, 2, 32, 7, 10)}
        export(name, (what, PYTORCH), module, inputs, lambda coarse, lateral, module=module: {"feature": module(coarse, lateral)})


def heads():
    module = fixture.randomize(recipe.MaskHead(16, 8), 131)
    inputs = {"feature": normal(132, 2, 8, 5, 7), "foreground": normal(133, 2, 1, 16), "background": normal(134, 2, 1, 16)}
    export("mask_head", ("mask head", PYTORCH), module, inputs, lambda **leaves: {"logit": module(**leaves)})
    module = fixture.randomize(recipe.PresenceHead(16), 141)
    inputs = {"sentence": normal(142, 2, 1, 16), "coarse": normal(143, 2, 15, 16)}
    export("presence_head", ("presence head", PYTORCH), module, inputs, lambda **leaves: {"logit": module(**leaves)})


def place_prior():
    module = fixture.randomize(recipe.PlacePrior(16), 151)
    inputs = {"words": normal(152, 2, 6, 16), "ignored": padding([6, 4], 6), "coarse": normal(153, 2, 15, 16)}

    def run(words, ignored, coarse):
        prior = module.at(module.read(words, ignored), (3, 5))
        return {"prior": prior, "told": coarse + torch.tanh(prior)[:, :, None] * module.told,
                "discounted": coarse + prior[:, :, None] * module.counted}

    export("place_prior", ("place prior", PYTORCH), module, inputs, run)


if __name__ == "__main__":
    for part in (deformable_sampling, positions, first_offsets, resizing, attention, scorer, gated_fusion, refinement, projection,
                 deformable_layer, interaction, pixel_decoder, heads, place_prior):
        part()
