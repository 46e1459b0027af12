"""PyTorch parameters under the names and in the layout of our modules.

The recipe's modules are named as ours are; what differs is how a layer keeps its parameters: Burn holds a linear layer
as `[in, out]` and calls the two parameters of a norm gamma and beta, and `nn.MultiheadAttention` packs three projections
into one matrix.
"""

from torch import nn
from transformers.models.mask2former.modeling_mask2former import Mask2FormerPixelDecoderEncoderLayer


def ours(module, prefix=""):
    """Pairs of our name and a function that takes the value from a parameter, one for each parameter of `module`."""
    return {prefix + name: entry for name, entry in entries(module)}


def weights(module, prefix=""):
    return {name: take(parameter.detach()) for name, (parameter, take) in ours(module, prefix).items()}


def gradients(module, prefix="", only=None):
    """Gradients of all parameters, or of those whose name contains one of `only`."""
    found = {}
    for name, (parameter, take) in ours(module, prefix).items():
        if only is None or any(part in name for part in only):
            assert parameter.grad is not None, f"{name} has no gradient"
            found[name] = take(parameter.grad)
    return found


def keep(value):
    return value


def turned(value):
    return value.t()


def entries(module):
    if isinstance(module, nn.Linear):
        yield "weight", (module.weight, turned)
        if module.bias is not None:
            yield "bias", (module.bias, keep)
    elif isinstance(module, (nn.LayerNorm, nn.GroupNorm)):
        yield "gamma", (module.weight, keep)
        yield "beta", (module.bias, keep)
    elif isinstance(module, nn.MultiheadAttention):
        width = module.embed_dim
        for at, name in enumerate(("query", "key", "value")):
            rows = slice(at * width, (at + 1) * width)
            yield f"{name}.weight", (module.in_proj_weight, lambda value, rows=rows: value[rows].t())
            yield f"{name}.bias", (module.in_proj_bias, lambda value, rows=rows: value[rows])
        yield from within("output", module.out_proj)
    elif isinstance(module, Mask2FormerPixelDecoderEncoderLayer):
        sampling = module.self_attn
        for name, part in (("offsets", sampling.sampling_offsets), ("weights", sampling.attention_weights),
                           ("value", sampling.value_proj), ("output", sampling.output_proj),
                           ("norm_attention", module.self_attn_layer_norm), ("expand", module.fc1),
                           ("contract", module.fc2), ("norm_forward", module.final_layer_norm)):
            yield from within(name, part)
    else:
        for name, parameter in module.named_parameters(recurse=False):
            yield name, (parameter, keep)
        for name, child in module.named_children():
            yield from within(name, child)


def within(prefix, module):
    for name, entry in entries(module):
        yield f"{prefix}.{name}", entry
