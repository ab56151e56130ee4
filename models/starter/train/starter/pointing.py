"""Training-only hints: in two early layers, some heads are taught to look at the cell that the text is about.

Finding that cell is the first half of every question about a named object, of reading and of captions. Left to itself the
decoder finds these circuits late and suddenly; a small loss on a few groups of attention heads makes them the first thing
that it learns. Nothing of this remains in the checkpoint but the weights.
"""

from typing import NamedTuple

import torch

from .codebook import HIGHEST_RANK
from .config import USER
from .labels import NAMES
from .language import CHARACTERS, COLORS, KINDS, PLURALS, SIZES

# What is pointed at -> (layer, group of heads).
PREVIOUS = (0, 0)  # every word of the text: the one before it
NAMING = {'kind': (1, 0), 'color': (1, 1)}  # a word of the text: the cells that show what it names
# An object's centre: those like it before it; of these, the second ones; of these, the third ones.
RANKING = {'kind': ((0, 1), (1, 0), (2, 1)), 'color': ((0, 2), (1, 1), (2, 2))}
LAST = (2, 1)  # such a word: of the centres that show what it names, the one of the highest rank
NUMBERED = (3, 1)  # the answer about a number: the question's word for what is counted
HIGHEST = (4, 1)  # the same, when the fourth ones are known as well: the centre of the highest rank itself
COUNTING = (1, 2)  # such a word: the centres of those objects and <s>, in fixed shares, so that the share of <s> tells how many
PAIRING = (1, 3)  # the kind in "red circle": the centres of the red circles and <s>, likewise
COMPARING = ((2, 0), (2, 1))  # the answer about two objects: the question's word for the one, and for the other
NAMED = (2, 0)  # the answer about one object or about how many: the question's word for it
READING = (2, 2)  # the next character of a text that is read aloud: its cell, if it is the first there
READING_SECOND = (3, 0)  # likewise if it is the second; an output that has to choose between the two learns neither
LISTING = (2, 3)  # the next word about an object in a caption or in JSON: the object's centre
COUNTING_ALL = (2, 3)  # the answer about the number of objects: the centres of all of them and <s>, likewise
CHOOSING = (3, 1)  # the name of the one that is bigger: that name in the question
REPEATING = ((3, 2), (3, 3))  # the next piece of the name of what is missing: that piece in the question

START_SHARE = 2.0  # of <s>, beside 1 for each object: its share of n objects is 2/(n + 2), further apart for large n than 1/(n + 1)
MOST_WORDS = 256  # of a hint that count in a batch, chosen at random; more cost time and say the same
NUMBER_WEIGHT = torch.tensor([0.5, 0.5, 1.5, 3.0, 4.0, 4.0, 4.0])  # of 0 … 6: the large ones are rare
RANKS_WEIGHT = 3.0  # of all that is about ranks, beside 1 for every other hint: it is learned last, and counting rests on it
RANK_WEIGHT = torch.tensor([1.0, 4.0, 8.0, 12.0])  # of the first, second, third and further: likewise
WITH_TEXT = ('read_digits', 'read_word', 'read_letters', 'caption', 'json')
ONE_NAME = ('count_kind', 'count_color', 'exists', 'place', 'size_of', 'color_of_kind', 'kind_of_color')
TWO_NAMES = ('relation', 'relation_yes_no', 'compare_size')
ABSENT_PREFIX, ABSENT_SUFFIX = 3, 5  # tokens around the name: there is no … in the picture . <|end|>


class Hint(NamedTuple):
    """Text positions (row, word) and the cells [n, C], the shares of <s> and cells [n, 1 + C], or the other text positions
    [n, T] that they should look at.
    """

    row: torch.Tensor
    word: torch.Tensor
    cells: torch.Tensor


def concept_tokens(tokenizer, vocab_size):
    """For each factor a table [vocab] from token id to class, 0 where the token names none."""
    tables = {factor: torch.zeros(vocab_size, dtype=torch.long) for factor in ('kind', 'color', 'size', 'character')}
    words = [('kind', i, form) for i, kind in enumerate(KINDS, 1) for form in (kind, PLURALS[kind])]
    words += [('color', i, color) for i, color in enumerate(COLORS, 1)]
    words += [('size', i, size) for i, size in enumerate(SIZES, 1)]
    words += [('character', i, character) for i, character in enumerate(CHARACTERS, 1)]
    for factor, number, word in words:
        for form in (word, ' ' + word):
            ids = tokenizer.encode(form, add_special_tokens=False).ids
            if len(ids) == 1:
                tables[factor][ids[0]] = number
    tables['between'] = tuple(tokenizer.encode(' is the', add_special_tokens=False).ids)
    return tables


def naming_hint(factor, tables, ids, labels):
    named = tables[factor][ids]  # [B, T]
    shown = (labels[:, NAMES.index(factor)][:, None] == named[..., None]) & (named > 0)[..., None]  # [B, T, C]
    row, word = shown.any(-1).nonzero(as_tuple=True)
    return Hint(row, word, shown[row, word])


def counting_hints(spans, tables, ids, positions, labels):
    """Fixed shares for <s> and every centre that fits: for a kind or a colour, for a colour with a kind, for any object."""
    kind, color, ordinal = (labels[:, NAMES.index(name)][:, None] for name in ('kind', 'color', 'ordinal'))
    center = ordinal > 0  # [B, 1, C]
    kinds, colors = tables['kind'][ids], tables['color'][ids]  # [B, T]
    of_kind, of_color = kind == kinds[..., None], color == colors[..., None]
    one = torch.where((kinds > 0)[..., None], of_kind, of_color) & center
    row, word = ((kinds > 0) | (colors > 0)).nonzero(as_tuple=True)
    yield COUNTING, _with_start(row, word, one[row, word])
    follows = (colors[:, :-1] > 0) & (kinds[:, 1:] > 0) & (positions[:, 1:] == positions[:, :-1] + 1)
    row, word = follows.nonzero(as_tuple=True)
    yield PAIRING, _with_start(row, word + 1, of_kind[row, word + 1] & of_color[row, word] & center[row, 0])
    asked = [(row, first) for row, task, first, _ in spans if task == 'count_all']
    row, word = torch.tensor(asked, dtype=torch.long).view(-1, 2).T
    yield COUNTING_ALL, _with_start(row, word, center[row, 0])


def ranks_of(factor, labels):
    """labels [B, factors, C] -> which centres show the same as an earlier one [B, C, C], and each one's rank among them [B, C]:
    1 for the first, 0 where there is no centre.
    """
    center, shown = labels[:, NAMES.index('ordinal')] > 0, labels[:, NAMES.index(factor)]
    alike = (shown[:, :, None] == shown[:, None]) & center[:, :, None] & center[:, None]
    before = alike & torch.ones(alike.shape[1:], dtype=torch.bool).tril(-1)
    return before, (1 + before.sum(-1)) * center


def ranking_hints(labels):
    """Every centre looks at those before it that show the same, or at <s>: being the second is a matter of whether there is
    one, not of how much attention it gets. One layer later, being the third is whether there is a second before it; and so on.
    """
    for factor, places in RANKING.items():
        before, rank = ranks_of(factor, labels)
        row, cell = rank.nonzero(as_tuple=True)
        for least, place in enumerate(places, 1):
            hint = _or_start(row, cell, before[row, cell] & (rank[row] >= least))
            yield from ((place, part) for part in _apart(hint, hint.cells[:, 0]))


def counted_hints(spans, tables, ids, labels):
    """Of the centres that show what is counted the one of the highest rank, or <s>: for the question's word for it, and for the
    answer. The number itself. And once more the answer: it looks at that word as well.
    """
    places, looked_at, numbers, answers = [], [], [], []
    ranks = {factor: ranks_of(factor, labels)[1] for factor in RANKING}
    for row, task, first, _ in spans:
        if task not in ('count_kind', 'count_color'):
            continue
        factor = task.removeprefix('count_')
        for word in range(_turn_start(ids[row], first), first):
            named = tables[factor][ids[row, word]]
            if named:
                rank = ranks[factor][row] * (labels[row, NAMES.index(factor)] == named)
                places.append((row, word))
                looked_at.append((rank == rank.max()) & (rank > 0))
                numbers.append(rank.max())
                answers.append((row, first, word))
    row, word = torch.tensor(places, dtype=torch.long).view(-1, 2).T
    cells = torch.stack(looked_at) if looked_at else torch.zeros(0, labels.shape[2], dtype=torch.bool)
    numbers = torch.stack(numbers) if numbers else torch.zeros(0, dtype=torch.long)
    answer = torch.tensor([first for _, first, _ in answers], dtype=torch.long)
    return _or_start(row, word, cells), _or_start(row, answer, cells), numbers, _text_hint(answers, ids.shape[1])


def _apart(hint, which):
    """The places of a hint for which `which` [n] holds, and the others: each part counts as much as the other, however rare."""
    return [Hint(*(column[chosen] for column in hint)) for chosen in (which, ~which)]


def _with_start(row, word, cells):
    return Hint(row, word, torch.nn.functional.pad(cells.float(), (1, 0), value=START_SHARE))


def _or_start(row, word, cells):
    return Hint(row, word, torch.cat([~cells.any(-1, keepdim=True), cells], -1))


def previous_hint(positions):
    """positions [B, T] of the text; a segment's first word has none before it."""
    row, word = (positions[:, 1:] == positions[:, :-1] + 1).nonzero(as_tuple=True)
    return Hint(row, word + 1, torch.nn.functional.one_hot(word, positions.shape[1]).bool())


def reading_hints(spans, tables, targets, labels):
    """The next character of a text that is copied out, and the end behind its last one: for characters that come first in
    their cell, and for those that come second. Where there is no such cell, <s>.
    """
    index, second = labels[:, NAMES.index('index')], labels[:, NAMES.index('second')]
    places = []
    for row, task, first, last in spans:
        if task not in WITH_TEXT:
            continue
        characters = tables['character'][targets[row, first:last]] > 0
        words = (first + characters.nonzero()[:, 0]).tolist()
        places += [(row, word, number) for number, word in enumerate(words, 1)]
        if words:
            places.append((row, words[-1] + 1, len(words) + 1))
    row, word, number = torch.tensor(places, dtype=torch.long).view(-1, 3).T
    firsts = index[row] == number[:, None]
    seconds = (index[row] == number[:, None] - 1) & (second[row] > 0) & (number > 1)[:, None]
    yield READING, _or_start(row, word, firsts)
    yield READING_SECOND, _or_start(row, word, seconds)


def listing_hint(spans, tables, targets, labels):
    """Every word about an object looks at it: in a caption from behind the object before to its kind, in JSON from its kind
    to its size and on to the next kind. Behind the last object it looks at <s>.
    """
    ordinal, places = labels[:, NAMES.index('ordinal')], []
    for row, task, first, last in spans:
        if task not in ('caption', 'json'):
            continue
        kinds = tables['kind'][targets[row, first:last]] > 0
        if task == 'caption':
            begin, ends = 0, kinds
        else:
            begin = int(kinds.int().argmax()) if kinds.any() else last - first
            ends = tables['size'][targets[row, first:last]] > 0
        numbers = 1 + ends.cumsum(0) - ends.int()
        places += [(row, first + i, int(numbers[i])) for i in range(begin, last - first)]
    row, word, number = torch.tensor(places, dtype=torch.long).view(-1, 3).T
    return _or_start(row, word, ordinal[row] == number[:, None])


def comparing_hints(spans, tables, ids, targets, between):
    """The two named objects of a question, in their roles, at every word of the answer that depends on them; and the words of
    the name that is the answer. `between` is the pair of ids ("is", "the") that stands between the names where the second
    role comes first.
    """
    length, roles, chosen = ids.shape[1], ([], []), []
    for row, task, first, last in spans:
        if task not in TWO_NAMES:
            continue
        start = _turn_start(ids[row], first)
        names = [i for i in range(start, first) if tables['kind'][ids[row, i]]]
        if len(names) != 2:
            continue
        words = ids[row, names[0] : names[1]].tolist()
        swapped = any(pair == between for pair in zip(words, words[1:], strict=False))
        for role, name in enumerate(reversed(names) if swapped else names):
            roles[role].extend((row, word, name) for word in range(first, last - 1))
        if task == 'compare_size':
            answer = targets[row, first + 1 : last - 1].tolist()  # without "the" and the end
            for name in names:
                if ids[row, name + 1 - len(answer) : name + 1].tolist() == answer:
                    chosen += [(row, first + 1 + i, name + 1 - len(answer) + i) for i in range(len(answer))]
    return [_text_hint(places, length) for places in (*roles, chosen)]


def named_hint(spans, tables, ids):
    """A kind's word where there is one: behind a colour it knows the colour as well."""
    places = []
    for row, task, first, last in spans:
        if task not in ONE_NAME:
            continue
        start = _turn_start(ids[row], first)
        named = [i for factor in ('color', 'kind') for i in range(start, first) if tables[factor][ids[row, i]]]
        places.extend((row, word, named[-1]) for word in range(first, last - 1) if named)
    return _text_hint(places, ids.shape[1])


def repeating_hint(spans, ids, targets):
    places = []
    for row, task, first, last in spans:
        if task != 'absent_object':
            continue
        start, name = first + ABSENT_PREFIX, targets[row, first + ABSENT_PREFIX : last - ABSENT_SUFFIX].tolist()
        question = ids[row, _turn_start(ids[row], first) : first].tolist()
        at = next((i for i in range(len(question)) if question[i : i + len(name)] == name), None)
        if at is not None:
            at += first - len(question)
            # The word behind the name says that it ends here.
            places += [(row, start + i, at + i) for i in range(len(name) + 1)]
    return _text_hint(places, ids.shape[1])


def _turn_start(ids, first):
    """Position of the <|user|> that opens the turn whose answer begins behind `first`."""
    start = first
    while ids[start] != USER:
        start -= 1
    return start


def _text_hint(places, length):
    row, word, wanted = (torch.tensor(column, dtype=torch.long) for column in (zip(*places, strict=True) if places else ([],) * 3))
    return Hint(row, word, torch.nn.functional.one_hot(wanted, length).bool())
