"""Models of full size: towers with random and with pre-trained weights, and the whole `base` at 480 px.

Too large for the repository (about 2 GB): `make parity` writes them, compares them and removes them.
"""

import torch
from transformers import BertModel

import export_bert as bert
import export_convnext as convnext
import export_efficientnet_lite as lite
import export_whole
import fixture
import losses
import names
import recipe
from fixture import FOLDER

SIZES = ((3, 3, 27, 3), (128, 256, 512, 1024))
# The preset `base` of `model/src/config.rs`, without its dropout.
BASE = {"width": 256, "heads": 8, "points": 4, "hidden": 1024, "image_layers": 0, "layers": 6, "fine_width": 256,
        "visual_prompts": 5, "gated_fusion": True, "fusion_dropout": 0.0, "refinement_hidden": 64,
        "refinement_full_resolution": False, "presence": False}
SIDE = 480


def towers():
    layer = "ConvNeXt-B, random weights"
    convnext.export("convnext_b_timm", layer, "timm", convnext.TimmPyramid(*SIZES, 401), fixture.image(403, 224, 256), None)
    convnext.export("convnext_b_torchvision", layer, "torchvision", convnext.TorchvisionPyramid(*SIZES, 407),
                    fixture.image(409, 256, 224), None)
    for variant, ends in ((0, (2, 4, 10, 15)), (2, (3, 6, 14, 20))):
        model = lite.imagenet(variant)
        lite.export(f"efficientnet_lite{variant}", f"EfficientNet-Lite{variant}, ImageNet's weights", model, ends,
                    fixture.image(411, 320, 288), lite.without_classifier(model), None)
    model = bert.random_bert(413)
    ids, mask = bert.random_ids(415, 30522, [20, 11, 3], 20)
    bert.export("bert_base", "BERT-base, random weights, padded", model, ids, mask, dict(model.named_parameters()), limit=None)
    model = BertModel.from_pretrained(bert.MINILM, add_pooling_layer=False).eval()
    ids, mask, _ = bert.phrase_ids()
    bert.export("bert_minilm", "BERT, 6 layers of 384, all-MiniLM-L6-v2's weights", model, ids, mask,
                dict(model.named_parameters()), limit=None)


def rounding(decoder, gradients, *inputs):
    """How far f32 gradients are from those of the same recipe in f64, by the measure of the tests."""
    decoder.zero_grad()
    losses.CLASS_WEIGHTS = losses.CLASS_WEIGHTS.double()
    levels, words, ignored, size, target = inputs
    export_whole.through([level.double() for level in levels], words.double(), ignored, decoder.double(), size,
                         target.double())
    exact = names.gradients(decoder, "weights.decoder.")
    floor = 1e-2 * max(value.abs().max().item() for value in exact.values())
    return max((value - gradients[name]).abs().max().item() / max(value.abs().max().item(), floor)
               for name, value in exact.items())


def base():
    """One phrase about one tile; gradients of the decoder alone, since it is the part that is checked here.

    So deep, f32 gradients round: PyTorch's differ from those of the same recipe in f64 by about the tolerance of the
    layers. How much goes into the facts, and the tolerance of this fixture's gradients is 1e-3.
    """
    vision, text = convnext.TimmPyramid(*SIZES, 421), bert.random_bert(425)
    decoder = fixture.randomize(recipe.Decoder(BASE, SIZES[1], 768), 427)
    images = fixture.image(429, SIDE, SIDE)
    ids, mask = bert.random_ids(431, 30522, [13], 20)
    target = export_whole.truth(1, (SIDE, SIDE))
    with torch.no_grad():
        levels, words = vision(images), bert.features(text, ids, mask)
    inputs = (levels, words, mask == 0, (SIDE, SIDE), target)
    outputs = export_whole.through(*inputs[:3], decoder, *inputs[3:])
    outputs |= {f"level{level}": features for level, features in enumerate(levels)}
    weights = {f"vision.{name}": value for name, value in vision.foreign().items()}
    weights |= {f"text.{name}": value for name, value in text.named_parameters()}
    weights |= names.weights(decoder, "decoder.")
    weights = {name: value.detach().clone() for name, value in weights.items()}
    gradients = {name: value.clone() for name, value in names.gradients(decoder, "weights.decoder.").items()}
    noise = rounding(decoder, gradients, *inputs)
    facts = {"decoder": BASE, "rounding": noise, "gradient_tolerance": 1e-3}
    fixture.write("base", ("`base` at 480 px, random weights", "PyTorch recipe on timm and transformers"), weights,
                  {"image": images, "ids": ids, "mask": mask, "truth": target}, {**outputs, "words": words}, facts, None,
                  gradients, limit=None)


if __name__ == "__main__":
    if FOLDER == fixture.COMMITTED:
        raise SystemExit("name a folder outside the repository in PARITY_FIXTURES")
    towers()
    base()
