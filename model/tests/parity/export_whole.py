"""Whole models of reduced width: `base` (ConvNeXt, BERT, all modules) and `small` (EfficientNet-Lite, one image layer)."""

import torch

import export_bert
import export_convnext
import export_efficientnet_lite as lite
import fixture
import losses
import names
import recipe

BASE = {"width": 40, "heads": 4, "points": 4, "hidden": 56, "image_layers": 0, "layers": 2, "fine_width": 20,
        "visual_prompts": 5, "gated_fusion": True, "fusion_dropout": 0.0, "refinement_hidden": 8,
        "refinement_full_resolution": False, "presence": False, "place_prior": False}
SMALL = {**BASE, "width": 24, "hidden": 32, "image_layers": 1, "fine_width": 16, "presence": True,
         "place_prior": True}
# Gradients of a few parameters of every part; all of them would fill the repository.
COMPARED = ("gamma", "alpha", "beta", "bias", "level_embedding", "visual_prompts", "scorer.hidden", "refinement",
            "projections.1.convolution", "text_projection", "place_prior")
# Rows and columns differ, so that an exchange would show.
BASE_SIZE, SMALL_SIZE = (32, 96), (64, 96)


def truth(count, size):
    """One target, and one phrase without any."""
    mask = torch.zeros(count, 1, *size)
    mask[0, :, size[0] // 4 : size[0] // 2, size[1] // 5 : size[1] // 2] = 1
    return mask


def through(levels, words, ignored, decoder, size, target):
    """All stages, and the gradients of the total loss."""
    stages = decoder(levels, words, ignored, size)
    loss = losses.total(stages, target)
    loss.backward()
    return {**stages, "loss": loss.reshape(1)}


def base():
    vision = export_convnext.TimmPyramid((1, 1, 2, 1), (8, 12, 16, 24), 301)
    bert = export_bert.small_bert(305)
    decoder = fixture.randomize(recipe.Decoder(BASE, (8, 12, 16, 24), 32), 307)
    images = torch.cat([fixture.image(309, *BASE_SIZE), fixture.image(311, *BASE_SIZE)])
    ids, mask = export_bert.random_ids(313, 60, [8, 5], 8)
    target = truth(2, BASE_SIZE)
    levels, words = vision(images), export_bert.features(bert, ids, mask)
    outputs = through(levels, words, mask == 0, decoder, BASE_SIZE, target)
    weights = {f"vision.{name}": value for name, value in vision.foreign().items()}
    weights |= {f"text.{name}": value for name, value in bert.named_parameters()}
    gradient = {f"weights.{name}": value.grad for name, value in weights.items() if value.grad is not None and (
        name.endswith(("gamma", "bias")) or "word_embeddings" in name)}
    gradient |= names.gradients(decoder, "weights.decoder.", COMPARED)
    outputs |= {f"level{level}": features for level, features in enumerate(levels)}
    outputs["words"] = words * mask[:, :, None]
    fixture.write("base_reduced", ("`base`, reduced", "PyTorch recipe"), weights | names.weights(decoder, "decoder."),
                  {"image": images, "ids": ids, "mask": mask, "truth": target}, outputs, {"decoder": BASE}, None, gradient)


def small():
    vision = lite.small_stack(321)
    bert = export_bert.small_bert(323)
    decoder = fixture.randomize(recipe.Decoder(SMALL, (16, 24, 32, 40), 32), 325)
    images = fixture.image(327, *SMALL_SIZE)
    ids, mask = export_bert.random_ids(329, 60, [8, 6], 8)
    target = truth(2, SMALL_SIZE)
    with torch.no_grad():
        levels, words = lite.levels(vision, images, lite.SMALL_ENDS), export_bert.features(bert, ids, mask)
    # One image, two phrases, as training has them: what is computed once per image is compared once.
    outputs = through([level.expand(2, -1, -1, -1) for level in levels], words, mask == 0, decoder, SMALL_SIZE, target)
    outputs |= {stage: outputs[stage][:1] for stage in ("tokens", "lateral")}
    weights = {f"vision.{name}": value for name, value in lite.without_classifier(vision).items()}
    weights |= {f"text.{name}": value for name, value in bert.named_parameters()}
    gradient = names.gradients(decoder, "weights.decoder.", COMPARED)
    fixture.write("small_reduced", ("`small`, reduced", "PyTorch recipe"), weights | names.weights(decoder, "decoder."),
                  {"image": images, "ids": ids, "mask": mask, "truth": target}, outputs, {"decoder": SMALL}, None, gradient)


if __name__ == "__main__":
    base()
    small()
