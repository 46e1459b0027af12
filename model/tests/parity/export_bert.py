"""BERT by Hugging Face transformers: a small one with random weights, and the 6-layer one with its own."""

import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertConfig, BertModel

import fixture

PHRASES = [
    "the storage tanks by the river",
    "Largest red-roofed building next to the tennis courts",
    "ship",
    "all of the small white cars parked on the left side of the road near the baseball diamond and two pools",
]
TOKENS = 20


def features(model, ids, mask):
    return model(input_ids=ids, attention_mask=mask).last_hidden_state


def small():
    config = BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=64, max_position_embeddings=16)
    model = fixture.randomize(BertModel(config, add_pooling_layer=False), 41)
    generator = torch.Generator().manual_seed(43)
    ids = torch.randint(1, 60, (3, 12), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    mask[2, 2:] = 0
    fixture.write("bert_small", model.state_dict(), {"ids": ids, "mask": mask}, {"features": features(model, ids, mask)})


def mini(folder):
    """Inputs and outputs only: the weights are fetched by `make pretrained`."""
    model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = torch.zeros((len(PHRASES), TOKENS), dtype=torch.long)
    mask = torch.zeros_like(ids)
    lengths = []
    for row, phrase in enumerate(PHRASES):
        encoded = tokenizer.encode(phrase, add_special_tokens=True)
        lengths.append(len(encoded))
        # The published protocol: a hard slice, not the tokenizer's own truncation.
        encoded = encoded[:TOKENS]
        ids[row, : len(encoded)] = torch.tensor(encoded)
        mask[row, : len(encoded)] = 1
    fixture.write("bert_mini", {}, {"ids": ids, "mask": mask}, {"features": features(model, ids, mask)},
                  {"phrases": PHRASES, "lengths": lengths})


if __name__ == "__main__":
    with torch.no_grad():
        small()
        if len(sys.argv) > 1:
            mini(Path(sys.argv[1]))
