"""Greedy decoding without a cache: slow, short, and the reference for everything faster."""

import torch


def causal_mask(length):
    return torch.full((length, length), float('-inf')).triu(1)[None, None]


@torch.no_grad()
def logits_of(model, placed, ids):
    """What is placed behind <s>, cells or sound [1, C, D], and text ids (a list) -> logits [T, V] of the text positions."""
    text = torch.tensor([ids])
    length = 1 + placed.shape[1] + len(ids)
    hidden = model.hidden(placed, text, torch.arange(length)[None], causal_mask(length))
    return model.model.logits(hidden)[0]


@torch.no_grad()
def greedy(model, placed, ids, limit, stop=None):
    """The most likely continuation, up to `limit` ids or until `stop` (which is not returned)."""
    answer = []
    while len(answer) < limit:
        best = logits_of(model, placed, ids + answer)[-1].argmax().item()
        if best == stop:
            break
        answer.append(best)
    return answer
