"""A second renderer, for evaluation only: Pillow, other geometry, held-out fonts, its own backgrounds."""

import math
import random

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from .language import LANGUAGE
from .picture import to_model_size
from .render import jitter

OVERSAMPLING = 3


def arc(cx, cy, r, start, end, points=24):
    return [(cx + r * math.cos(start + (end - start) * i / points), cy + r * math.sin(start + (end - start) * i / points))
            for i in range(points + 1)]


def spikes(count, inner, phase=0.0):
    return [(r * math.sin(phase + i * math.pi / count), -r * math.cos(phase + i * math.pi / count))
            for i, r in ((i, 1 if i % 2 == 0 else inner) for i in range(2 * count))]


DARK, PALE, BROWN = (50, 50, 55), (235, 238, 240), (120, 80, 50)


def parts(kind, R):
    """[(polygon in -1…1, colour or None for the object's own)], fixed in style but not in every proportion."""
    tau = 2 * math.pi
    if kind == 'circle':
        return [(arc(0, 0, 1, 0, tau, 48), None)]
    if kind == 'square':
        return [([(-1, -1), (1, -1), (1, 1), (-1, 1)], None)]
    if kind == 'triangle':
        return [([(0, -0.9), (1, 0.9), (-1, 0.9)], None)]
    if kind == 'star':
        return [(spikes(R.choice([5, 5, 5, 6]), R.uniform(0.38, 0.5)), None)]
    if kind == 'heart':
        return [(arc(-0.5, -0.4, 0.5, math.pi, tau) + arc(0.5, -0.4, 0.5, math.pi, tau) + [(0.93, 0.0), (0, 0.95), (-0.93, 0.0)], None)]
    if kind == 'cross':
        a = R.uniform(0.25, 0.36)
        return [([(-a, -1), (a, -1), (a, 1), (-a, 1)], None), ([(-1, -a), (1, -a), (1, a), (-1, a)], None)]
    if kind == 'ring':
        r = R.uniform(0.5, 0.7)
        return [(arc(0, 0, 1, 0, tau, 48) + arc(0, 0, r, tau, 0, 48), None)]
    if kind == 'moon':
        side = R.choice([-1, 1])
        outer = arc(0, 0, 1, math.pi / 2, 1.5 * math.pi)
        inner = [(-0.55 * math.cos(t), math.sin(t)) for t in [(-0.5 + i / 20) * math.pi for i in range(21)]]
        return [([(side * (x + 0.5), y) for x, y in outer + inner], None)]
    if kind == 'house':
        return [([(-0.8, -0.1), (0.8, -0.1), (0.8, 1), (-0.8, 1)], None), ([(-1, -0.1), (0, -1), (1, -0.1)], R.choice([None, BROWN])),
                ([(-0.55, 0.4), (-0.15, 0.4), (-0.15, 1), (-0.55, 1)], DARK), ([(0.15, 0.2), (0.55, 0.2), (0.55, 0.55), (0.15, 0.55)], PALE)]
    if kind == 'tree':
        trunk = ([(-0.14, 0.3), (0.14, 0.3), (0.14, 1), (-0.14, 1)], BROWN)
        if R.random() < 0.5:
            return [trunk, ([(0, -1), (0.7, 0.45), (-0.7, 0.45)], None)]
        return [trunk, (arc(0, -0.3, 0.7, 0, tau, 40), None)]
    if kind == 'car':
        return [([(-1, 0.4), (-1, 0), (-0.5, -0.08), (-0.25, -0.5), (0.45, -0.5), (0.7, -0.05), (1, 0.05), (1, 0.4)], None),
                ([(-0.3, -0.08), (-0.15, -0.38), (0.08, -0.38), (0.08, -0.08)], PALE), ([(0.16, -0.08), (0.16, -0.38), (0.38, -0.38), (0.52, -0.08)], PALE),
                (arc(-0.5, 0.4, 0.23, 0, tau), DARK), (arc(0.5, 0.4, 0.23, 0, tau), DARK)]
    if kind == 'cup':
        return [([(-1, -0.8), (0.5, -0.8), (0.4, 0.8), (-0.9, 0.8)], None),
                (arc(0.5, -0.1, 0.5, -math.pi / 2, math.pi / 2) + arc(0.5, -0.1, 0.27, math.pi / 2, -math.pi / 2), None)]
    if kind == 'fish':
        body = [(-0.2 + 0.8 * math.cos(t), 0.5 * math.sin(t)) for t in [i * tau / 40 for i in range(40)]]
        return [(body, None), ([(0.45, 0), (1, -0.45), (1, 0.45)], None), (arc(-0.6, -0.12, 0.08, 0, tau, 12), PALE)]
    if kind == 'flower':
        n = R.choice([5, 6, 8])
        petals = [(arc(0.62 * math.cos(i * tau / n), 0.62 * math.sin(i * tau / n), 0.38 if n < 7 else 0.3, 0, tau), None) for i in range(n)]
        return [*petals, (arc(0, 0, 0.3, 0, tau), (225, 190, 60))]
    if kind == 'diamond':
        return [([(0, -1), (0.7, 0), (0, 1), (-0.7, 0)], None)]
    return [([(-1, -0.22), (0.15, -0.22), (0.15, -0.65), (1, 0), (0.15, 0.65), (0.15, 0.22), (-1, 0.22)], None)]  # arrow


def render_pillow(scene, fonts):
    """The scene as uint8 [160, 160, 3]; fills in approximate scene['text']['centers']."""
    R = random.Random(scene['seed'] + 7)
    left, top, right, bottom = scene['frame']
    ground = jitter(LANGUAGE['backgrounds'][scene['background']], R, 6)
    scale = R.choice([1.0, 1.6, 2.4])
    k = scale * OVERSAMPLING
    image = Image.new('RGB', (round((right - left) * k), round((bottom - top) * k)), ground)
    pen = ImageDraw.Draw(image)
    if R.random() < 0.5:
        for _ in range(R.randint(4, 12)):
            y = R.randint(0, image.height)
            pen.line((0, y, image.width, R.randint(0, image.height)), jitter(ground, R, 12), round(k * R.uniform(0.5, 6)))
    for thing in scene['objects']:
        colour = jitter(LANGUAGE['colors'][thing['color']], R, 12)
        turn = R.uniform(-0.2, 0.2) if thing['kind'] != 'arrow' else R.randrange(4) * math.pi / 2
        c, s, r = math.cos(turn), math.sin(turn), thing['radius'] * 0.97
        for polygon, own in parts(thing['kind'], R):
            points = [((thing['x'] - left + r * (x * c - y * s)) * k, (thing['y'] - top + r * (x * s + y * c)) * k) for x, y in polygon]
            pen.polygon(points, fill=own or colour)
    if scene['text']:
        write(image, scene['text'], (left, top), k, R, fonts)
    image = image.resize((round((right - left) * scale), round((bottom - top) * scale)), Image.Resampling.BOX)
    if R.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(0.5 * scale))
    return to_model_size(image)


def write(image, text, origin, k, R, fonts):
    path, size = R.choice(fonts), text['height'] * 1.2 * k
    font = ImageFont.truetype(path, round(size))
    width, limit = font.getlength(text['string']), text['half_width'] * 2 * k
    if width > limit:
        font = ImageFont.truetype(path, int(size * limit / width))
        width = font.getlength(text['string'])
    at = ((text['x'] - origin[0]) * k, (text['y'] - origin[1]) * k)
    colour = jitter(LANGUAGE['colors'][text['color']], R, 12)
    ImageDraw.Draw(image).text(at, text['string'], colour, font, anchor='mm')
    count = len(text['string'])
    text['centers'] = [(text['x'] + ((i + 0.5) / count - 0.5) * width / k, text['y']) for i in range(count)]
