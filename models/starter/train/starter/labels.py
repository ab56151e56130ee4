"""Dense labels: what each of the 10×10 cells shows. Class 0 of a factor always means 'nothing of the kind here'."""

import numpy as np

from .config import GRID, PICTURE
from .language import BACKGROUNDS, CHARACTERS, COLORS, KINDS, MAX_CHARACTERS, MAX_OBJECTS, SIZES, reading_order
from .scene import texts_of

CELL = PICTURE / GRID

# factor -> number of classes, 'nothing' included
FACTORS = {
    'kind': 1 + len(KINDS),
    'color': 1 + len(COLORS),  # of the object, or of the characters where there is no object
    'size': 1 + len(SIZES),
    'ordinal': 1 + MAX_OBJECTS,  # of the object whose center lies in the cell, in reading order
    'offset_x': 3,  # the center lies in the left or right half of its cell
    'offset_y': 3,
    'background': 1 + len(BACKGROUNDS),  # every cell, the padding included
    'first': 1 + len(CHARACTERS),  # up to two characters have their centers in a cell
    'second': 1 + len(CHARACTERS),
    'index': 1 + MAX_CHARACTERS,  # position in the text of the cell's first character
}
NAMES = list(FACTORS)


def cell_of(v):
    return min(GRID - 1, max(0, int(v / CELL)))


def dense_labels(scene):
    """A scene -> uint8 [factors, 100]."""
    grid = np.zeros((len(FACTORS), GRID, GRID), np.uint8)
    layer = dict(zip(NAMES, grid, strict=True))
    layer['background'][:] = 1 + BACKGROUNDS.index(scene['background'])
    middles = (np.arange(GRID) + 0.5) * CELL
    for ordinal, thing in enumerate(reading_order(scene['objects']), 1):
        reach = 0.72 * thing['radius']
        covered = (abs(middles - thing['y']) < reach)[:, None] & (abs(middles - thing['x']) < reach)[None]
        row, column = cell_of(thing['y']), cell_of(thing['x'])
        covered[row, column] = True
        layer['kind'][covered] = 1 + KINDS.index(thing['kind'])
        layer['color'][covered] = 1 + COLORS.index(thing['color'])
        layer['size'][covered] = 1 + thing['size']
        layer['ordinal'][row, column] = ordinal
        layer['offset_x'][row, column] = 1 + (thing['x'] / CELL % 1 > 0.5)
        layer['offset_y'][row, column] = 1 + (thing['y'] / CELL % 1 > 0.5)
    for text in texts_of(scene):
        color = 1 + COLORS.index(text['color'])
        for index, (character, (x, y)) in enumerate(zip(text['string'], text['centers'], strict=True), 1):
            cell = cell_of(y), cell_of(x)
            label = 1 + CHARACTERS.index(character)
            if not layer['first'][cell]:
                layer['first'][cell], layer['index'][cell] = label, index
            elif not layer['second'][cell]:
                layer['second'][cell] = label
            layer['color'][cell] = color
    return grid.reshape(len(FACTORS), -1)
