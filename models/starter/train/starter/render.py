"""Draws a scene with skia: the renderer of the training pictures."""

import io
import math
import random

import cv2
import numpy as np
import skia
from PIL import Image

from .backgrounds import paint_background
from .config import PICTURE
from .language import LANGUAGE, colour_distance
from .picture import to_model_size
from .scene import texts_of
from .shapes import ACCENTS, outline

_typefaces = {}


def typeface(path):
    if path not in _typefaces:
        _typefaces[path] = skia.Typeface.MakeFromFile(path)
    return _typefaces[path]


def jitter(colour, R, amount):
    return tuple(max(0, min(255, v + R.randint(-amount, amount))) for v in colour)


def mix(colour, other, share):
    return tuple(int(a + (b - a) * share) for a, b in zip(colour, other, strict=True))


def role_colour(role, main):
    if role in ACCENTS:
        return ACCENTS[role]
    dark = sum(main) < 160
    if role == 'shade':
        return mix(main, (255, 255, 255), 0.25) if dark else mix(main, (0, 0, 0), 0.35)
    if role == 'tint':
        return mix(main, (255, 255, 255), 0.3)
    return main


def paint_of(colour, alpha=255):
    return skia.Paint(AntiAlias=True, Color=skia.Color(*colour, alpha))


def draw_object(canvas, thing, R):
    main = jitter(LANGUAGE['colors'][thing['color']], R, 18)
    fill = R.choices(['flat', 'gradient', 'outline', 'shadow', 'striped'], [0.42, 0.22, 0.17, 0.14, 0.05])[0]
    x, y, r = thing['x'], thing['y'], thing['radius']
    paths = []
    for rings, role in outline(thing['kind'], R):
        path = skia.Path()
        path.setFillType(skia.PathFillType.kEvenOdd)
        for ring in rings:
            path.addPoly([skia.Point(x + px * r, y + py * r) for px, py in ring], True)
        paths.append((path, role))
    if fill == 'shadow':
        dx, dy = R.uniform(-2.5, 2.5), R.uniform(1, 3)
        canvas.save()
        canvas.translate(dx, dy)
        for path, _ in paths:
            canvas.drawPath(path, paint_of((0, 0, 0), 55))
        canvas.restore()
    edge = R.choice([mix(main, (0, 0, 0), 0.5), (25, 25, 25), mix(main, (255, 255, 255), 0.5)])
    for path, role in paths:
        colour = role_colour(role, main)
        paint = paint_of(colour)
        if role == 'main' and fill in ('gradient', 'striped'):
            other = mix(colour, R.choice([(0, 0, 0), (255, 255, 255)]) if sum(colour) > 160 else (255, 255, 255), R.uniform(0.1, 0.28))
            turn = R.uniform(0, 6.28)
            reach = r if fill == 'gradient' else max(1.5, r / 5)
            ends = [skia.Point(x - reach * math.cos(turn), y - reach * math.sin(turn)),
                    skia.Point(x + reach * math.cos(turn), y + reach * math.sin(turn))]
            mode = skia.TileMode.kClamp if fill == 'gradient' else skia.TileMode.kMirror
            paint.setShader(skia.GradientShader.MakeLinear(ends, [skia.Color(*colour), skia.Color(*other)], mode=mode))
        canvas.drawPath(path, paint)
        if fill == 'outline':
            stroke = paint_of(edge)
            stroke.setStyle(skia.Paint.kStroke_Style)
            stroke.setStrokeWidth(max(0.8, min(2.2, r * R.uniform(0.05, 0.12))))
            canvas.drawPath(path, stroke)


def draw_text(canvas, text, R, fonts):
    """Draws the text fitted to its width and records each character's centre in text['centers']."""
    font = skia.Font(typeface(R.choice(fonts)), text['height'] * R.uniform(1.0, 1.3))
    font.setSubpixel(True)
    width = font.measureText(text['string'])
    limit = text['half_width'] * 2
    if width > limit:
        font.setSize(font.getSize() * limit / width)
    # spread out thin letters, so that two and never three of them share a cell
    advances = font.getWidths(font.textToGlyphs(text['string']))
    gap = max(0.0, max(8.2 - a for a in advances)) if len(advances) > 1 else 0.0
    gap = min(gap, max(0.0, (limit - sum(advances)) / max(1, len(advances) - 1)))
    if R.random() < 0.2 and len(advances) > 1:
        gap = max(gap, R.uniform(0, 1) * (limit - sum(advances)) / (len(advances) - 1))
    width = sum(advances) + gap * (len(advances) - 1)
    bounds = skia.Rect()
    font.measureText(text['string'], bounds=bounds)
    colour = jitter(LANGUAGE['colors'][text['color']], R, 15)
    canvas.save()
    canvas.translate(text['x'], text['y'])
    canvas.rotate(text['angle'])
    if R.random() < 0.5:
        canvas.skew(R.uniform(-0.15, 0.15), 0)
    if text['plate']:
        ground = (250, 250, 250) if colour_distance(colour, (250, 250, 250)) > 250 else (30, 30, 30)
        plate = skia.Rect.MakeLTRB(-width / 2 - 3, -bounds.height() / 2 - 3, width / 2 + 3, bounds.height() / 2 + 3)
        canvas.drawRoundRect(plate, 3, 3, paint_of(jitter(ground, R, 5)))
    c, s = math.cos(math.radians(text['angle'])), math.sin(math.radians(text['angle']))
    x, centers = -width / 2, []
    for character, advance in zip(text['string'], advances, strict=True):
        canvas.drawString(character, x, -bounds.centerY(), font, paint_of(colour))
        middle = x + advance / 2
        centers.append((text['x'] + middle * c, text['y'] + middle * s))
        x += advance + gap
    canvas.restore()
    text['centers'] = centers


def spoil(image, R, rng):
    """Light, blur, noise and JPEG artefacts, each by chance. image uint8 [H, W, 3] -> PIL image."""
    out = image.astype(np.float32)
    if R.random() < 0.5:
        out = out * rng.uniform(0.8, 1.12) * rng.uniform(0.96, 1.04, 3) + rng.uniform(-12, 12)
    if R.random() < 0.2:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.9) * image.shape[1] / PICTURE)
    if R.random() < 0.25:
        out += rng.normal(0, rng.uniform(2, 12), out.shape)
    picture = Image.fromarray(np.clip(out, 0, 255).astype(np.uint8))
    if R.random() < 0.25:
        buffer = io.BytesIO()
        picture.save(buffer, 'JPEG', quality=R.randint(35, 92))
        picture = Image.open(buffer).convert('RGB')
    return picture


def render(scene, fonts):
    """The scene as the model's uint8 [160, 160, 3]; also fills in the texts' 'centers'."""
    R, rng = random.Random(scene['seed']), np.random.default_rng(scene['seed'])
    left, top, right, bottom = scene['frame']
    scale = R.choices([R.uniform(0.75, 1), 1, R.uniform(1, 2), 2, R.uniform(2, 3.5)], [0.08, 0.22, 0.34, 0.24, 0.12])[0]
    width, height = max(8, round((right - left) * scale)), max(8, round((bottom - top) * scale))
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = paint_background(LANGUAGE['backgrounds'][scene['background']], height, width, R, rng)
    canvas = skia.Canvas(pixels, colorType=skia.kRGBA_8888_ColorType)
    canvas.scale(scale, scale)
    canvas.translate(-left, -top)
    for thing in scene['objects']:
        draw_object(canvas, thing, R)
    for text in texts_of(scene):
        draw_text(canvas, text, R, fonts)
    return to_model_size(spoil(pixels[..., :3], R, rng))
