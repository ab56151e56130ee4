"""The closed world and its words, read from `models/starter/language.json`."""

import json

from .config import FOLDER

LANGUAGE = json.loads((FOLDER / 'language.json').read_text())

KINDS = LANGUAGE['kinds']
PLURALS = LANGUAGE['plurals']
COLORS = list(LANGUAGE['colors'])
BACKGROUNDS = list(LANGUAGE['backgrounds'])
SIZES = ['small', 'medium', 'large']
NUMBERS = LANGUAGE['numbers']
WORDS = LANGUAGE['words']
NOUNS = LANGUAGE['nouns']
PHRASINGS = LANGUAGE['phrasings']
ANSWERS = LANGUAGE['answers']
HEARING = LANGUAGE['hearing']
CHARACTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
MAX_OBJECTS = 6
MAX_CHARACTERS = 8


def colour_distance(a, b):
    return sum(abs(x - y) for x, y in zip(a, b, strict=True))


def contrasting(background, what):
    """Names of the colours in which objects (or text) may be drawn on a background."""
    ground, least = LANGUAGE['backgrounds'][background], LANGUAGE['contrast'][what]
    return [name for name, rgb in LANGUAGE['colors'].items() if colour_distance(rgb, ground) > least]


def place_of(x, y):
    """The name of a place by its position in pixels of the padded square, or None near an edge."""
    low, high = (160 * edge for edge in LANGUAGE['places']['edges'])
    if any(abs(v - edge) < 3.2 for v in (x, y) for edge in (low, high)):
        return None
    column, row = (0 if v < low else 2 if v > high else 1 for v in (x, y))
    return LANGUAGE['places']['names'][row][column]


def relation_of(a, b):
    """Where object a lies seen from b ('left', 'right', 'above', 'below'), or None when it is too diagonal to say."""
    dx, dy = a['x'] - b['x'], a['y'] - b['y']
    ratio = LANGUAGE['relations']['ratio']
    if abs(dx) >= ratio * abs(dy):
        return 'left' if dx < 0 else 'right'
    if abs(dy) >= ratio * abs(dx):
        return 'above' if dy < 0 else 'below'
    return None


def row_of(y):
    """The band of the padded square, 0…2, by which captions are ordered."""
    return sum(y > 160 * edge for edge in LANGUAGE['readingOrder']['edges'])


def reading_order(objects):
    return sorted(objects, key=lambda o: (row_of(o['y']), o['x']))
