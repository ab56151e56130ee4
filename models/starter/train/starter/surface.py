"""Small variations of a question's surface, as language.json lists them, and invented nouns."""

import json
import re

from .config import FOLDER
from .language import LANGUAGE

RULES = LANGUAGE['surface']
VOCABULARY = json.loads((FOLDER / 'tokenizer.json').read_text())['model']['vocab']
PIECES = [piece for piece in VOCABULARY if re.fullmatch('[a-z]+', piece)]


def vary(words, R):
    """Other spellings, a polite word, no question mark, a capital: each by chance."""
    for word, others in RULES['synonyms'].items():
        if R.random() < 0.3:
            words = re.sub(rf'\b{word}\b', R.choice(others), words)
    chance = R.random()
    if chance < 0.08:
        words = R.choice(RULES['prefixes']) + words
    elif chance < 0.14:
        words = words[:-1] + R.choice(RULES['suffixes']) + words[-1] if words[-1] in '.?' else words
    if words[-1] in '.?' and R.random() < 0.2:
        words = words[:-1]
    if R.random() < 0.35:
        words = words[0].upper() + words[1:]
    return words


def invented_noun(R):
    """A pronounceable word that means nothing, so that naming what is missing becomes copying, not recalling."""
    syllable = lambda: R.choice('b c d f g h j k l m n p r s t v w z br ch cl dr fl gr pl sh st th tr'.split()) + R.choice(
        'a e i o u ai ee oo ou'.split()
    )
    return ''.join(syllable() for _ in range(R.randint(1, 3))) + R.choice(['', 'n', 'r', 't', 'k', 'l', 'm', 'p', 's', 'x'])


def crossed_noun(R, nouns):
    """The beginning of one noun and the end of another, so cut into tokens as nouns are."""
    first, second = R.choice(nouns), R.choice(nouns)
    return first[: R.randint(1, len(first))] + second[R.randint(0, len(second) - 1) :]


def pieced_noun(R):
    """Pieces of the tokenizer in a row: the end of a real noun may be one that no noun of training has."""
    return ''.join(R.choice(PIECES) for _ in range(R.choice([1, 2, 2, 3])))
