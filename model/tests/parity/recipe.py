"""CroBIM-U behind its two towers, in PyTorch: the paper's equations, and CARIS and Mask2Former where it is silent.

Written from the paper and from `docs/model.md`, with the modules PyTorch and transformers already have: attention is
`nn.MultiheadAttention`, the deformable layer is the one of transformers' Mask2Former, resizing is `F.interpolate`.
Masks have the paper's polarity: true where a token is ignored.
"""

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerPixelDecoderEncoderLayer,
    Mask2FormerPixelDecoderEncoderOnly,
    Mask2FormerSinePositionEmbedding,
)


def resize(logits, size):
    """Eq. 2; corners aligned, as the published code family resizes its logits."""
    return F.interpolate(logits, size, mode="bilinear", align_corners=True)


def attention(width, heads):
    return nn.MultiheadAttention(width, heads, batch_first=True)


def stack(*sizes):
    return nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))


def through(layers, tokens):
    for index, layer in enumerate(layers):
        tokens = layer(F.relu(tokens) if index else tokens)
    return tokens


def to_tokens(feature):
    return feature.flatten(2).transpose(1, 2)


class Scorer(nn.Module):
    """RUS, eq. 3, with the padding mask that the equation leaves out."""

    def __init__(self, width):
        super().__init__()
        self.visual = nn.Linear(width, width, bias=False)
        self.textual = nn.Linear(width, width, bias=False)
        self.gamma = nn.Parameter(torch.full((1,), width**-0.5))
        self.hidden = nn.Linear(2 * width, width)
        self.output = nn.Linear(width, 1)

    def forward(self, visual, text, ignored, size):
        words = self.textual(text)
        aligned = F.scaled_dot_product_attention(
            self.gamma * self.visual(visual), words, words, attn_mask=~ignored[:, None, :], scale=1.0)
        logit = self.output(F.gelu(self.hidden(torch.cat([visual, aligned], -1))))
        return logit.transpose(1, 2).unflatten(2, size)


class GatedFusion(nn.Module):
    """UGF, eq. 9, 11 and 12; the resizing of eq. 10 is the caller's."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = attention(width, heads)
        self.projection = nn.Linear(width, width)
        self.alpha = nn.Parameter(torch.ones(1))
        self.beta = nn.Parameter(torch.zeros(1))
        self.norm = nn.LayerNorm(width)

    def forward(self, visual, text, ignored, uncertainty):
        update = self.projection(self.attention(visual, text, text, key_padding_mask=ignored)[0])
        return self.norm(visual + torch.sigmoid(self.alpha * uncertainty + self.beta) * update)


class Refinement(nn.Module):
    """UDLR, eq. 13-16, with R at stride 4 or at full resolution."""

    def __init__(self, fine_width, hidden, full_resolution, tau=0.5, temperature=0.1, blur=5):
        super().__init__()
        self.first = nn.Conv2d(fine_width + 2, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.output = nn.Conv2d(hidden, 1, 1)
        self.full_resolution, self.tau, self.temperature, self.blur = full_resolution, tau, temperature, blur

    def forward(self, feature, coarse, foreground, uncertainty):
        size = foreground.shape[-2:]
        probability = torch.sigmoid(uncertainty)
        blurred = F.avg_pool2d(probability, self.blur, 1, self.blur // 2, count_include_pad=False)
        region = torch.sigmoid((blurred - self.tau) / self.temperature).detach()
        if self.full_resolution:
            entering = [resize(feature, size), foreground, probability]
        else:
            entering = [feature, coarse, torch.sigmoid(resize(uncertainty, feature.shape[-2:]))]
        hidden = F.relu(self.second(F.relu(self.first(torch.cat(entering, 1)))))
        delta = self.output(hidden)
        return foreground + region * (delta if self.full_resolution else resize(delta, size))


class LevelProjection(nn.Module):
    def __init__(self, channels, width, groups=32, bias=True):
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, 1, bias=bias)
        self.norm = nn.GroupNorm(groups, width)

    def forward(self, level):
        return self.norm(self.convolution(level))


def deformable_layer(width, heads, hidden):
    config = SimpleNamespace(feature_size=width, num_attention_heads=heads, dropout=0.0, encoder_feedforward_dim=hidden)
    return Mask2FormerPixelDecoderEncoderLayer(config)


def run_deformable(layer, tokens, positions, sizes):
    """transformers' layer, with its own reference points: the centres of all pixels, on every level."""
    ratios = torch.ones(tokens.shape[0], len(sizes), 2)
    points = Mask2FormerPixelDecoderEncoderOnly.get_reference_points(sizes, ratios, "cpu")
    return layer(tokens, None, position_embeddings=positions, reference_points=points, spatial_shapes_list=sizes)[0]


def sine(rows, cols, width):
    encode = Mask2FormerSinePositionEmbedding(width // 2, normalize=True)
    return to_tokens(encode(torch.Size((1, width, rows, cols)), "cpu", torch.float32))


class InteractionLayer(nn.Module):
    """Phi of eq. 1 in the order of CARIS: image to text, text among itself, text to image, image among itself."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.image_to_text, self.norm_gathered = attention(width, heads), nn.LayerNorm(width)
        self.text_attention, self.norm_text = attention(width, heads), nn.LayerNorm(width)
        self.text_expand, self.text_contract = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm_text_forward = nn.LayerNorm(width)
        self.text_to_image, self.norm_image = attention(width, heads), nn.LayerNorm(width)
        self.visual = deformable_layer(width, heads, hidden)

    def forward(self, image, text, ignored, positions, sizes):
        placed = image + positions
        text = self.norm_gathered(text + self.image_to_text(text, placed, image)[0])
        text = self.norm_text(text + self.text_attention(text, text, text, key_padding_mask=ignored)[0])
        text = self.norm_text_forward(text + self.text_contract(F.relu(self.text_expand(text))))
        image = self.norm_image(image + self.text_to_image(placed, text, text, key_padding_mask=ignored)[0])
        return run_deformable(self.visual, image, positions, sizes), text


class PixelDecoder(nn.Module):
    """Mask2Former's step from stride 8 to stride 4; a 1x1 first where the widths differ."""

    def __init__(self, width, fine_width, groups=32):
        super().__init__()
        self.reduce = nn.Conv2d(width, fine_width, 1) if width != fine_width else None
        self.smooth = nn.Conv2d(fine_width, fine_width, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(groups, fine_width)

    def forward(self, coarse, lateral):
        coarse = self.reduce(coarse) if self.reduce else coarse
        raised = F.interpolate(coarse, lateral.shape[-2:], mode="bilinear", align_corners=False)
        return F.relu(self.norm(self.smooth(raised + lateral)))


class MaskHead(nn.Module):
    """CARIS's two queries; the softmax of two logits is the sigmoid of their difference."""

    def __init__(self, width, fine_width):
        super().__init__()
        self.pixel = stack(*[fine_width] * 4)
        self.foreground = stack(width, width, width, fine_width)
        self.background = stack(width, width, width, fine_width)

    def forward(self, feature, foreground, background):
        pixels = through(self.pixel, feature.permute(0, 2, 3, 1))
        queries = torch.stack([through(self.foreground, foreground), through(self.background, background)])
        logits = torch.einsum("brcd,qbnd->qbnrc", pixels, queries) / feature.shape[1] ** 0.5
        return logits[0] - logits[1]


class PresenceHead(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.hidden, self.output = nn.Linear(2 * width, width), nn.Linear(width, 1)

    def forward(self, sentence, coarse):
        return self.output(F.relu(self.hidden(torch.cat([sentence[:, 0], coarse.amax(1)], -1))))


class PlacePrior(nn.Module):
    """A logit for every place from the words alone: a constant, and ramps along both axes in both directions."""

    KNOTS, SLOPE, LARGEST = (-0.5, 0.0, 0.4, 0.8), 4.0, 8.0

    def __init__(self, width):
        super().__init__()
        self.hidden = nn.Linear(width, width // 2)
        self.output = nn.Linear(width // 2, 1 + 4 * len(self.KNOTS), bias=False)
        self.told, self.counted = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))

    def read(self, words, ignored):
        return (self.output(F.relu(self.hidden(words))) * ~ignored[:, :, None]).sum(1)

    def at(self, weights, grid):
        across, down = (torch.linspace(1 / side - 1, 1 - 1 / side, side) for side in (grid[1], grid[0]))
        ramps = [torch.ones(grid)]
        for axis in (across.expand(grid), down[:, None].expand(grid)):
            ramps += [self.SLOPE * F.relu(sign * axis - knot) for sign in (1, -1) for knot in self.KNOTS]
        logits = torch.einsum("br,rhw->bhw", weights, torch.stack(ramps)).flatten(1)
        return self.LARGEST * torch.tanh(logits / self.LARGEST)


class Decoder(nn.Module):
    """Everything behind the two towers. `config` has the keys of `config.json`."""

    def __init__(self, config, vision_channels, text_channels):
        super().__init__()
        width, fine, heads, hidden = config["width"], config["fine_width"], config["heads"], config["hidden"]
        groups = lambda channels: 32 if channels % 32 == 0 else 4
        stride4, *rest = vision_channels
        self.projections = nn.ModuleList(LevelProjection(channels, width, groups(width)) for channels in reversed(rest))
        self.lateral = LevelProjection(stride4, fine, groups(fine), bias=False)
        self.level_embedding = nn.Parameter(torch.zeros(3, width))
        self.image_layers = nn.ModuleList(deformable_layer(width, heads, hidden) for _ in range(config["image_layers"]))
        self.text_projection, self.text_norm = nn.Linear(text_channels, width), nn.LayerNorm(width)
        self.visual_prompts = nn.Parameter(torch.zeros(config["visual_prompts"], width))
        self.scorer = Scorer(width)
        self.gated_fusion = GatedFusion(width, heads) if config["gated_fusion"] else None
        self.layers = nn.ModuleList(InteractionLayer(width, heads, hidden) for _ in range(config["layers"]))
        self.pixel_decoder = PixelDecoder(width, fine, groups(fine))
        self.mask_head = MaskHead(width, fine)
        narrow, full = config["refinement_hidden"], config["refinement_full_resolution"]
        self.refinement = Refinement(fine, narrow, full) if narrow else None
        self.presence = PresenceHead(width) if config["presence"] else None
        self.place_prior = PlacePrior(width) if config["place_prior"] else None

    def encode(self, levels):
        """What is computed once per image: tokens of strides 32, 16 and 8, and the lateral of stride 4."""
        lateral = self.lateral(levels[0])
        maps = [project(level) for project, level in zip(self.projections, reversed(levels[1:]))]
        sizes = [tuple(level.shape[-2:]) for level in maps]
        tokens = torch.cat([to_tokens(level) for level in maps], 1)
        for layer in self.image_layers:
            tokens = run_deformable(layer, tokens, self.positions(sizes), sizes)
        return tokens, lateral, sizes

    def positions(self, sizes):
        return torch.cat([sine(*grid, own.numel()) + own for grid, own in zip(sizes, self.level_embedding)], 1)

    def forward(self, levels, words, ignored, size):
        """Stages by name: `tokens` and `lateral` of the image, `text`, then `logit`, `refined`, `uncertainty`, `presence`."""
        return self.decode(*self.encode(levels), words, ignored, size)

    def decode(self, tokens, lateral, sizes, words, ignored, size):
        """One phrase per image; what `encode` returns may be repeated for that."""
        counts = [rows * cols for rows, cols in sizes]
        positions = self.positions(sizes)
        text = self.text_norm(self.text_projection(words))
        stages = {"tokens": tokens, "lateral": lateral, "text": text}

        uncertainty = self.scorer(tokens[:, : counts[0]], text, ignored, sizes[0])
        if self.gated_fusion is not None:
            per_level = zip(tokens.split(counts, 1), sizes)
            tokens = torch.cat([self.gated_fusion(level, text, ignored, to_tokens(resize(uncertainty, grid)))
                                for level, grid in per_level], 1)
        prior = [None] * 4
        if self.place_prior is not None:
            places = self.place_prior.read(text, ignored)
            prior = [self.place_prior.at(places, grid) for grid in [*sizes, tuple(lateral.shape[-2:])]]
            tokens = tokens + torch.tanh(torch.cat(prior[:3], 1))[:, :, None] * self.place_prior.told
        batch, length, _ = text.shape
        prompts = self.visual_prompts.expand(batch, -1, -1)
        text = torch.cat([text, prompts], 1)
        masked = torch.cat([ignored, torch.zeros(batch, prompts.shape[1], dtype=torch.bool)], 1)
        for layer in self.layers:
            tokens, text = layer(tokens, text, masked, positions, sizes)

        coarsest, _, finest = tokens.split(counts, 1)
        feature = self.pixel_decoder(finest.transpose(1, 2).unflatten(2, sizes[2]), lateral)
        coarse = self.mask_head(feature, text[:, :1], text[:, length:].mean(1, keepdim=True))
        if self.place_prior is not None:
            coarse = coarse + prior[3].view_as(coarse)
            coarsest = coarsest + prior[0][:, :, None] * self.place_prior.counted
        logit, aligned = resize(coarse, size), resize(uncertainty, size)
        refined = self.refinement(feature, coarse, logit, aligned) if self.refinement is not None else logit
        stages |= {"logit": logit, "refined": refined, "uncertainty": aligned}
        if self.presence is not None:
            stages["presence"] = self.presence(text[:, :1], coarsest)
        return stages
