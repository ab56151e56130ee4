"""A training-only hint: in one early layer, a word that names what some cells show looks at those cells.

Finding the cell that a word names is the first half of every question about a named object. Left to itself the decoder
finds this circuit late and suddenly; a small loss on two groups of attention heads makes it the first thing it learns.
"""

import torch

from .decoder import POINTING_LAYER, rope_tables, rotate
from .labels import NAMES
from .language import COLORS, KINDS, PLURALS

# Which group of heads points for which factor.
GROUPS = {'kind': 0, 'color': 1}


def concept_tokens(tokenizer, vocab_size):
    """For each factor a table [vocab] from token id to class, 0 where the token names none."""
    tables = {factor: torch.zeros(vocab_size, dtype=torch.long) for factor in GROUPS}
    words = [('kind', i, form) for i, kind in enumerate(KINDS, 1) for form in (kind, PLURALS[kind])]
    words += [('color', i, color) for i, color in enumerate(COLORS, 1)]
    for factor, number, word in words:
        for form in (word, ' ' + word):
            ids = tokenizer.encode(form, add_special_tokens=False).ids
            if len(ids) == 1:
                tables[factor][ids[0]] = number
    return tables


def pointing_loss(decoder, tables, ids, positions, mask, labels):
    """Right after a forward pass of `decoder`: ids [B, T]; positions and mask over <s>, C cells and T tokens; labels
    [B, factors, C] of the cells that are there.

    Mean over the naming words of -log(attention on the cells that show what they name), both factors.
    """
    layer, cells = decoder.layers[POINTING_LAYER], labels.shape[2]
    attention, first = layer.self_attn, 1 + cells
    x = layer.input_layernorm(decoder.pointing_input)
    rope, size = rope_tables(positions, attention.head_dim, decoder.theta), attention.head_dim
    repeat, total = attention.heads // attention.kv_heads, 0.0
    for factor, group in GROUPS.items():
        named = tables[factor][ids]  # [B, T]
        shown = (labels[:, NAMES.index(factor)][:, None] == named[..., None]) & (named > 0)[..., None]  # [B, T, C]
        shown &= mask[:, 0, first:, 1:first] > -1
        row, word = shown.any(-1).nonzero(as_tuple=True)
        if not len(row):
            continue
        keys = x @ attention.k_proj.weight[group * size : (group + 1) * size].T
        keys = rotate(keys[:, None], *rope)[:, 0]  # [B, N, size]
        weight = attention.q_proj.weight[group * repeat * size : (group + 1) * repeat * size]
        queries = (x[row, first + word] @ weight.T).view(-1, 1, repeat, size).transpose(1, 2)  # [n, repeat, 1, size]
        cos, sin = (table[row, 0, first + word][:, None, None] for table in rope)
        queries = rotate(queries, cos, sin)[:, :, 0]
        scores = torch.einsum('nhd,nkd->nhk', queries, keys[row]) * size**-0.5 + mask[row, 0, first + word][:, None]
        there = torch.zeros_like(scores[:, 0], dtype=torch.bool)
        there[:, 1:first] = shown[row, word]
        scores = scores.log_softmax(-1).masked_fill(~there[:, None], -1e9)
        total = total - scores.logsumexp(-1).mean()
    return total
