"""The loss of the hints of `pointing`: rows of attention that should fall on certain places, numbers that should be known somewhere.

What a batch teaches is worked out beforehand, on the CPU and perhaps by another process (`lessons_of`); the loss then costs a few
large operations a layer.
"""

from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from .codebook import HIGHEST_RANK, LENGTH
from .decoder import rope_tables, rotate
from .pointing import (
    CHOOSING, COMPARING, COUNTING, COUNTING_ALL, HIGHEST, LAST, LISTING, MOST_WORDS, NAMED, NAMING, NUMBER_WEIGHT, NUMBERED, PREVIOUS,
    RANK_WEIGHT, RANKING, RANKS_WEIGHT, REPEATING, _apart, comparing_hints, counted_hints, counting_hints, listing_hint, named_hint,
    naming_hint, previous_hint, ranking_hints, ranks_of, reading_hints, repeating_hint,
)

SHARPNESS = 8.0  # of the logits of numbers, as of the codebook's


@dataclass
class Lessons:
    """looks: layer -> (row [n], at [n], group [n], wanted [n, N], shared [n], weight [n]), a place whose heads of a group should attend
    to what is wanted of the N places: in these shares, or anyhow. known: (layer, name of the directions, how many of them) ->
    (row, at, class, weight), what comes into the layer at a place should hold."""

    looks: dict = field(default_factory=dict)
    known: dict = field(default_factory=dict)

    def map(self, change):
        """The same with every tensor changed, to move them."""
        return Lessons(*({key: tuple(map(change, columns)) for key, columns in part.items()} for part in (self.looks, self.known)))


def lessons_of(tables, batch, labels, most=MOST_WORDS):
    """Of a packed batch and the labels [B, factors, C] of the cells that are there. Each kind of hint counts once, however many places
    it has; at most `most` of these."""
    ids, positions, mask, targets, _, spans = batch
    cells, total = labels.shape[2], positions.shape[1]
    here = positions[:, 1 + cells :]
    looks, known = {}, {}

    def look(place, hint, first_word, first_key, shared=False, weight=1.0):
        layer, group = place
        row, at, there = hint.row, first_word + hint.word, hint.cells
        keys = slice(first_key, first_key + there.shape[1])
        seen = there * (mask[row, 0, at, keys] > -1)
        some = seen.any(-1).nonzero()[:, 0]
        some = some[torch.randperm(len(some))[:most]]
        if not len(some):
            return
        wanted = torch.zeros(len(some), total)
        wanted[:, keys] = seen[some].float()
        if shared:
            wanted /= wanted.sum(-1, keepdim=True)
        n = len(some)
        columns = (row[some], at[some], torch.full((n,), group), wanted, torch.full((n,), shared), torch.full((n,), weight / n))
        looks.setdefault(layer, []).append(columns)

    def know(layer, name, count, row, at, number, weights, weight=1.0):
        if len(row):
            weights = weights[number]
            known.setdefault((layer, name, count), []).append((row, at, number, weight * weights / weights.sum()))

    for factor, place in NAMING.items():
        look(place, naming_hint(factor, tables, ids, labels), 1 + cells, 1)
    last, highest, numbers, answered = counted_hints(spans, tables, ids, labels)
    repeating = repeating_hint(spans, ids, targets)
    texts = [*zip((*COMPARING, CHOOSING), comparing_hints(spans, tables, ids, targets, tables['between']), strict=True)]
    texts += [(NAMED, named_hint(spans, tables, ids)), *((place, repeating) for place in REPEATING)]
    texts += [(PREVIOUS, previous_hint(here)), (NUMBERED, answered)]
    for place, hint in texts:
        look(place, hint, 1 + cells, 1 + cells)
    shares = [*counting_hints(spans, tables, ids, here, labels), *reading_hints(spans, tables, targets, labels)]
    shares += [(LISTING, listing_hint(spans, tables, targets, labels))]
    for place, hint in shares:
        look(place, hint, 1 + cells, 0, shared=True)
        if place in (COUNTING, COUNTING_ALL):
            sees = mask[hint.row, 0, 1 + cells + hint.word, 1] > -1
            number = hint.cells[:, 1:].sum(-1).long()
            know(place[0] + 1, 'numbers', len(NUMBER_WEIGHT), hint.row[sees], 1 + cells + hint.word[sees], number[sees], NUMBER_WEIGHT)
    for place, hint, many in ((LAST, last, 2), (HIGHEST, highest, 3)):
        for part in _apart(hint, numbers >= many):
            look(place, part, 1 + cells, 0, weight=RANKS_WEIGHT)
    for place, hint in ranking_hints(labels):
        look(place, hint, 1, 0, weight=RANKS_WEIGHT)
    # Behind the first layer every centre knows whether it is the first of its kind, behind the next one first, second or further …
    for factor in RANKING:
        rank = ranks_of(factor, labels)[1]
        row, cell = rank.nonzero(as_tuple=True)
        for count in range(2, HIGHEST_RANK + 1):
            know(count - 1, factor, count, row, 1 + cell, rank[row, cell].clamp(max=count) - 1, RANK_WEIGHT[:count], RANKS_WEIGHT)
    # Without this the decoder told none from some and hardly two from three: shares of attention are too uneven to read a number from.
    know(LAST[0] + 1, 'numbers', len(NUMBER_WEIGHT), last.row, 1 + cells + last.word, numbers, NUMBER_WEIGHT)
    joined = ({key: tuple(map(torch.cat, zip(*parts, strict=True))) for key, parts in table.items()} for table in (looks, known))
    return Lessons(*joined)


def pointing_loss(decoder, codebook, lessons, positions, mask):
    """Right after a forward pass of `decoder`: sum over the kinds of hint of the mean of -log(attention on what should be looked at), and
    the cross entropies of what should be known."""
    rope, loss = rope_tables(positions, decoder.head_dim, decoder.theta), 0.0
    for layer, columns in lessons.looks.items():
        loss = loss + _attention_loss(decoder.layers[layer], decoder.layer_inputs[layer], rope, mask, *columns)
    directions = {'numbers': codebook.numbers, **codebook.ranks}
    for (layer, name, count), (row, at, number, weight) in lessons.known.items():
        x = decoder.layer_inputs[layer][row, at]
        logits = x @ directions[name][:count].T * (SHARPNESS / LENGTH)
        loss = loss + (F.cross_entropy(logits, number, reduction='none') * weight).sum()
    return loss


def _attention_loss(layer, x, rope, mask, row, at, group, wanted, shared, weight):
    attention, x = layer.self_attn, layer.input_layernorm(x)
    size, groups = attention.head_dim, attention.kv_heads
    keys = attention.k_proj(x).view(*x.shape[:2], groups, size).transpose(1, 2)
    keys = rotate(keys, *rope)[row, group]  # [n, N, size]
    queries = attention.q_proj(x[row, at]).view(len(row), groups, -1, size)[torch.arange(len(row), device=row.device), group]
    cos, sin = (table[row, 0, at][:, None] for table in rope)
    scores = rotate(queries, cos, sin) @ keys.transpose(1, 2) * size**-0.5 + mask[row, 0, at][:, None]
    log_attention = scores.log_softmax(-1)  # [n, heads of a group, N]
    wanted = wanted[:, None]
    apart = (wanted * (wanted.clamp(min=1e-9).log() - log_attention)).sum(-1)
    beside = -log_attention.masked_fill(wanted == 0, -1e9).logsumexp(-1)
    return (torch.where(shared[:, None], apart, beside).mean(-1) * weight).sum()
