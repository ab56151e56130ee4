"""One fixed orthonormal direction per concept, the common language of towers and decoder before they meet.

A cell that shows a small red star is, ideally, the sum of the directions of 'small', 'red' and 'star'. Where the concept
is a word of the vocabulary its direction is also the initial embedding of that word, so that "which cell matches the
word of the question?" is a plain dot product from the first step on.
"""

import torch
from torch.nn import functional as F

from .labels import FACTORS, NAMES
from .language import BACKGROUNDS, CHARACTERS, COLORS, KINDS, NUMBERS, PLURALS, SIZES

SEED = 7

# Length of a concept's direction in the decoder's residual stream. The layers' outputs grow to hundreds under Muon; codes
# of length 1 were lost among them after the first layer, and with them every binding by name. Towers write length 1
# while they are alone; `join` stretches their projector.
LENGTH = 32.0

# First, second, third and further of its kind (or colour) in the picture, cell by cell.
HIGHEST_RANK = 4

# Most cells are empty: the weight of class 0, low where there are many other classes, so that a tower in doubt between
# sixteen kinds does not choose 'nothing'.
EMPTY_WEIGHT = {'kind': 0.05, 'color': 0.1, 'size': 0.1, 'ordinal': 0.05, 'offset_x': 0.05, 'offset_y': 0.05,
                'background': 1.0, 'first': 0.015, 'second': 0.01, 'index': 0.02}
# What is hardest to see counts most.
FACTOR_WEIGHT = {'kind': 3.0, 'first': 2.0, 'second': 1.5, 'ordinal': 4.0}


class Codebook:
    """codes[factor]: [classes - 1, D], the directions of classes 1…; class 0 is the absence of them all.

    Beside them the two axes of the picture [D], the numbers 0 … 6 [7, D] and ranks [HIGHEST_RANK, D], which the decoder writes and
    no tower does.
    """

    def __init__(self, width):
        count = sum(classes - 1 for classes in FACTORS.values())
        generator = torch.Generator().manual_seed(SEED)
        directions = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
        needed = count + 2 + len(NUMBERS) + 2 * HIGHEST_RANK
        assert needed <= width, f'concepts, axes, numbers and ranks need at least {needed} dimensions, got {width}'
        self.codes, start = {}, 0
        for name, classes in FACTORS.items():
            self.codes[name] = directions[start : start + classes - 1].contiguous()
            start += classes - 1
        self.matrix = directions[:start].contiguous()  # [concepts, D]
        self.down, self.right = directions[start], directions[start + 1]
        start += 2
        self.numbers = directions[start : start + len(NUMBERS)].contiguous()
        start += len(NUMBERS)
        ranks = directions[start : start + 2 * HIGHEST_RANK].split(HIGHEST_RANK)
        self.ranks = {factor: part.contiguous() for factor, part in zip(('kind', 'color'), ranks, strict=True)}
        self.free = directions[start + 2 * HIGHEST_RANK :].contiguous()  # [n, D], for what else there will be

    def to(self, device):
        """Moves what the losses need; returns itself."""
        self.codes = {name: codes.to(device) for name, codes in self.codes.items()}
        self.matrix, self.numbers = self.matrix.to(device), self.numbers.to(device)
        self.ranks = {factor: codes.to(device) for factor, codes in self.ranks.items()}
        return self

    def ideal(self, labels, scale=None):
        """Dense labels [B, factors, 100] -> the ideal cells [B, 100, D]; scale [B, factors, 100] weighs each factor."""
        cells = 0.0
        for i, name in enumerate(NAMES):
            padded = F.pad(self.codes[name], (0, 0, 1, 0))
            code = padded[labels[:, i].long()]
            cells = cells + (code if scale is None else code * scale[:, i, :, None])
        return cells

    def loss(self, cells, labels, sharpness=8.0):
        """How badly cells [B, 100, D] are decoded by the codebook: (cross entropy plus distance, accuracy by factor
        where there is something).

        The logit of a class is its dot product, that of 'nothing' is half the code's length: the ideal cell has 1 and 0.
        """
        scores = (cells.reshape(-1, cells.shape[-1]) @ self.matrix.T) * sharpness
        total, accuracy, start = 0.0, {}, 0
        for i, (name, classes) in enumerate(FACTORS.items()):
            logits = F.pad(scores[:, start : start + classes - 1], (1, 0), value=sharpness / 2)
            start += classes - 1
            target = labels[:, i].reshape(-1).long()
            weight = torch.ones(classes, device=cells.device)
            weight[0] = EMPTY_WEIGHT[name]
            total = total + F.cross_entropy(logits, target, weight=weight) * FACTOR_WEIGHT.get(name, 1.0)
            with torch.no_grad():
                present = target > 0
                hits = logits[present, 1:].argmax(-1) + 1 == target[present]
                accuracy[name] = hits.float().mean().item() if len(hits) else float('nan')
        distance = (cells - self.ideal(labels)).pow(2).sum(-1).mean()
        return total + distance, accuracy

    def words(self):
        """(word, direction) for the concepts that are words; plurals and parts of two-word names lie near them."""
        for names, factor in ((KINDS, 'kind'), (COLORS, 'color'), (SIZES, 'size')):
            yield from zip(names, self.codes[factor], strict=True)
        yield from ((PLURALS[kind], code) for kind, code in zip(KINDS, self.codes['kind'], strict=True))
        yield from zip(CHARACTERS, self.codes['first'], strict=True)
        for name, code in zip(BACKGROUNDS, self.codes['background'], strict=True):
            if name not in COLORS and ' ' not in name:
                yield name, code


def initialise_embeddings(model, tokenizer, codebook):
    """Sets the token embeddings of concept words, with and without a leading space, to their directions plus noise.

    All tables get length LENGTH, and the final norm takes it back, so that logits start in their usual range.
    """
    embedding = model.model.embed_tokens.weight.data
    generator = torch.Generator().manual_seed(SEED + 1)
    for word, code in codebook.words():
        for form in (word, ' ' + word):
            ids = tokenizer.encode(form).ids
            if len(ids) == 1:
                noise = torch.randn(len(code), generator=generator) * 0.25 / len(code) ** 0.5
                embedding[ids[0]] = code + noise
    add_axes(model.image_row_embedding.data, model.image_column_embedding.data, codebook)
    for table in (embedding, model.image_row_embedding.data, model.image_column_embedding.data):
        table.mul_(LENGTH)
    model.model.norm.weight.data.div_(LENGTH)


def add_axes(rows, columns, codebook):
    """Adds the coordinate itself to the position of each row and column [GRID, D]: -1 … 1 along two directions of their own.

    Which of two things lies further left, and by how much more than it lies higher, is then a difference; from ten unrelated
    vectors for each axis the decoder learned the signs and hardly ever the sizes.
    """
    places = torch.linspace(-1, 1, len(rows))[:, None]
    rows += places * codebook.down
    columns += places * codebook.right


@torch.no_grad()
def start_second_reader(model, codebook, place, gain):
    """Gives a group of heads, place = (layer, group), the values to say the character that comes second in a cell.

    The code of a first character is nearly its word's embedding, so that any copying head reads it out. That of a second one has
    its own direction, and the map between the two, of nearly as many classes as a head has dimensions, was not learned from the
    few texts that need it. gain: of values and of outputs.
    """
    number, group = place
    layer = model.model.layers[number]
    attention, size = layer.self_attn, layer.self_attn.head_dim
    repeat = attention.heads // attention.kv_heads
    second, first = codebook.codes['second'], codebook.codes['first']
    generator = torch.Generator().manual_seed(SEED + 2)
    squeeze = torch.linalg.qr(torch.randn(len(second), size, generator=generator))[0].T  # [size, characters]
    attention.v_proj.weight[group * size : (group + 1) * size] = gain * (squeeze @ second) / layer.input_layernorm.weight
    output = gain * (squeeze @ first).T
    for head in range(group * repeat, (group + 1) * repeat):
        attention.o_proj.weight[:, head * size : (head + 1) * size] = output


def join(towers):
    """Weights of stage 1 -> the same towers writing codes of length LENGTH."""
    return {n: t * LENGTH if n.startswith('projector.2.') else t for n, t in towers.items()}


def part(weights):
    """The inverse of `join`: the towers of a whole model, writing codes of length 1 again."""
    towers = {n: t for n, t in weights.items() if n.startswith(('vision_towers.', 'projector.'))}
    return {n: t / LENGTH if n.startswith('projector.2.') else t for n, t in towers.items()}
