"""Outlines of the sixteen kinds, drawn anew each time: proportions, parts and details are random.

A shape is a list of (rings, role): closed polylines in the box -1…1 (y down), filled by the even-odd rule in the
object's colour ('main'), a darker or lighter shade of it, or a fixed accent colour.
"""

import math

ACCENTS = {'trunk': (110, 72, 42), 'tyre': (42, 42, 44), 'glass': (228, 236, 242), 'pollen': (205, 165, 70),
           'stem': (70, 130, 60)}


QUARTERS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # cosine and sine of the quarter turns


def ellipse(cx, cy, rx, ry=None, start=0.0, end=2 * math.pi, points=36):
    ry = rx if ry is None else ry
    steps = [start + (end - start) * i / points for i in range(points)]
    return [(cx + rx * math.cos(t), cy + ry * math.sin(t)) for t in steps]


def box(left, top, right, bottom):
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def rounded(left, top, right, bottom, radius):
    corners = [(right - radius, bottom - radius, 0), (left + radius, bottom - radius, 1),
               (left + radius, top + radius, 2), (right - radius, top + radius, 3)]
    return [p for x, y, q in corners for p in ellipse(x, y, radius, radius, q * math.pi / 2, (q + 1) * math.pi / 2, 6)]


def regular(points, radius=1.0, inner=None, turn=0.0):
    """A regular polygon, or a star when an inner radius is given."""
    count = points * (2 if inner else 1)
    radii = [radius if i % 2 == 0 or not inner else inner for i in range(count)]
    return [(r * math.sin(i * 2 * math.pi / count + turn), -r * math.cos(i * 2 * math.pi / count + turn))
            for i, r in enumerate(radii)]


def circle(R):
    return [([ellipse(0, 0, 1, R.uniform(0.9, 1))], 'main')]


def square(R):
    a = R.uniform(0.8, 0.95)
    outline = rounded(-a, -a, a, a, R.uniform(0.05, 0.25)) if R.random() < 0.25 else box(-a, -a, a, a)
    return [([outline], 'main')]


def triangle(R):
    tip = R.uniform(-0.25, 0.25) if R.random() < 0.7 else R.choice([-0.9, 0.9])
    points = [(tip, -0.95), (R.uniform(0.75, 1), 0.85), (-R.uniform(0.75, 1), 0.85)]
    if R.random() < 0.12:
        points = [(x, -y) for x, y in points]
    return [([points], 'main')]


def star(R):
    points = R.choices([4, 5, 6, 7, 8], [1, 8, 3, 1, 1])[0]
    return [([regular(points, 1, R.uniform(0.3, 0.6), R.uniform(-0.3, 0.3))], 'main')]


def heart(R):
    if R.random() < 0.5:  # the parametric heart
        steps = [i * 2 * math.pi / 40 for i in range(40)]
        points = [(math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16)
                  for t in steps]
    else:  # two arcs and a tip
        lobe, dip = R.uniform(0.48, 0.54), R.uniform(-0.55, -0.35)
        left = ellipse(-0.48, dip + 0.02, lobe, lobe, 0.85 * math.pi, 1.98 * math.pi, 14)
        right = ellipse(0.48, dip + 0.02, lobe, lobe, 1.02 * math.pi, 2.15 * math.pi, 14)
        points = left + [(0, dip + 0.1)] + right + [(0, R.uniform(0.85, 1))]
    return [([points], 'main')]


def cross(R):
    if R.random() < 0.15:  # arms that widen
        neck, end = R.uniform(0.12, 0.25), R.uniform(0.35, 0.55)
        arm = [(-end, -1), (end, -1), (neck, -neck)]
        return [([[(x * c - y * s, x * s + y * c) for c, s in QUARTERS for x, y in arm]], 'main')]
    a, y = R.uniform(0.14, 0.4), R.choice([0, 0, 0, -0.25])
    points = [(-a, -1), (a, -1), (a, y - a), (1, y - a), (1, y + a), (a, y + a), (a, 1), (-a, 1), (-a, y + a),
              (-1, y + a), (-1, y - a), (-a, y - a)]
    return [([points], 'main')]


def ring(R):
    inner = R.uniform(0.45, 0.75)
    return [([ellipse(0, 0, 1), ellipse(0, 0, inner)], 'main')]


def moon(R):
    opening, bulge = R.uniform(0.15, 0.5), R.uniform(0.25, 0.7)
    outer = ellipse(0, 0, 1, 1, math.pi * opening, math.pi * (2 - opening), 26)
    tip = outer[0]
    # the inner edge is an arc through both tips, bent towards the outer edge
    inner = [(tip[0] - bulge * math.cos(u * math.pi / 2) * (1 + tip[0]) * 0.9, tip[1] * u) for u in
             [-1 + i / 10 for i in range(21)]]
    middle = (min(x for x, _ in outer) + max(x for x, _ in outer)) / 2
    return [([[(x - middle, y) for x, y in outer + inner]], 'main')]


def house(R):
    wall, eaves = R.uniform(0.6, 0.85), R.uniform(-0.2, 0.1)
    overhang = R.uniform(0, 0.18)
    parts = []
    if R.random() < 0.45:
        x = R.choice([-0.5, 0.42]) * wall
        parts.append(([box(x - 0.1, -0.9, x + 0.12, -0.2)], R.choice(['shade', 'main'])))
    parts.append(([box(-wall, eaves, wall, 0.95)], 'main'))
    flat = R.uniform(0, 0.35) if R.random() < 0.3 else 0
    roof = [(-flat, -0.95), (flat + 0.01, -0.95), (wall + overhang, eaves), (-wall - overhang, eaves)]
    parts.append(([roof], R.choices(['shade', 'main', 'tint'], [5, 3, 1])[0]))
    door, x = R.uniform(0.12, 0.2), R.choice([0, -0.3, 0.3])
    if R.random() < 0.85:
        parts.append(([box(x - door, R.uniform(0.35, 0.5), x + door, 0.95)], R.choice(['glass', 'shade', 'trunk'])))
    if R.random() < 0.6:
        for wx in [0.45 * wall, -0.45 * wall] if x == 0 else [-x * 1.2]:
            parts.append(([box(wx - 0.13, eaves + 0.15, wx + 0.13, eaves + 0.42)], 'glass'))
    return parts


def tree(R):
    trunk, top = R.uniform(0.06, 0.2), R.uniform(0.1, 0.55)
    parts = [([[(-trunk, 0), (trunk, 0), (trunk * R.uniform(1, 1.4), 1), (-trunk * R.uniform(1, 1.4), 1)]], 'trunk')]
    style = R.random()
    if style < 0.4:  # conifer
        tiers = R.choice([1, 2, 3])
        for i in reversed(range(tiers)):
            low = -1 + (1 + top) * (i + 1) / tiers
            high = max(-1, low - (1 + top) / tiers * R.uniform(1.1, 1.5))
            half = R.uniform(0.55, 0.8) * (0.6 + 0.4 * (i + 1) / tiers)
            parts.append(([[(0, high), (half, low), (-half, low)]], 'main'))
    elif style < 0.75:  # round crown
        radius = R.uniform(0.58, 0.72)
        parts.append(([ellipse(0, -0.32, radius, radius * R.uniform(0.9, 1.05))], 'main'))
    elif style < 0.85:  # a tall oval crown
        parts.append(([ellipse(0, -0.3, R.uniform(0.36, 0.6), 0.7)], 'main'))
    else:  # a cloud of leaves
        for x, y in [(-0.34, -0.1), (0.34, -0.1), (0, -0.5), (0, -0.15)]:
            parts.append(([ellipse(x, y, R.uniform(0.38, 0.48))], 'main'))
    return parts


def car(R):
    waist, roof = R.uniform(-0.08, 0.08), R.uniform(-0.55, -0.38)
    front, back = R.uniform(0.35, 0.75), R.uniform(-0.8, -0.45)
    body = [(-1, waist + R.uniform(0, 0.1)), (back - 0.12, waist), (back + 0.2, roof), (front - 0.25, roof), (front, waist),
            (1, waist + R.uniform(0, 0.15)), (1, 0.42), (-1, 0.42)]
    wheel = R.uniform(0.18, 0.27)
    parts = [([body], 'main')]
    parts.append(([[(back + 0.06, waist), (back + 0.27, roof + 0.1), (front - 0.3, roof + 0.1), (front - 0.13, waist)]], 'glass'))
    if R.random() < 0.2:  # a van
        roof = R.uniform(-0.7, -0.5)
        parts[0] = ([[(-0.95, roof), (0.55, roof), (0.8, waist), (1, waist + 0.12), (1, 0.42), (-0.95, 0.42)]], 'main')
        parts[1] = ([[(0.1, waist), (0.1, roof + 0.12), (0.48, roof + 0.12), (0.66, waist)]], 'glass')
    elif R.random() < 0.5:
        parts.append(([box(-0.06, roof, 0.02, waist + 0.02)], 'main'))
    for x in (-0.55, 0.55):
        parts.append(([ellipse(x, 0.42, wheel)], 'tyre'))
        if R.random() < 0.5:
            parts.append(([ellipse(x, 0.42, wheel * 0.45)], 'glass'))
    return parts


def cup(R):
    top, bottom, side = R.uniform(0.5, 0.72), R.uniform(0.3, 0.68), R.choice([-1, 1])
    outer, inner = R.uniform(0.32, 0.42), R.uniform(0.16, 0.24)
    y = R.uniform(-0.15, 0.15)
    shift = -0.15 * side
    handle = [ellipse(side * (top - 0.05) + shift, y, outer, outer * 1.1), ellipse(side * (top - 0.05) + shift, y, inner, inner * 1.1)]
    lift = R.uniform(0.6, 0.85)
    body = [(-top + shift, -lift), (top + shift, -lift), (bottom + shift, lift), (-bottom + shift, lift)]
    parts = [(handle, 'main'), ([body], 'main')]
    if R.random() < 0.4:
        parts.append(([ellipse(shift, -lift, top, 0.12)], R.choice(['shade', 'tint'])))
    return parts


def fish(R):
    """Nose at -1, tail at 1: a slim or a round or a lens-shaped body, a forked or a fanned tail, fins or none."""
    height, tail = R.uniform(0.3, 0.68), R.uniform(0.3, 0.62)
    joint = R.uniform(0.4, 0.6)
    fork = R.uniform(0.72, 0.98)
    ends = [(1, -tail), (fork, 0), (1, tail)] if R.random() < 0.75 else [(0.92, -tail), (1, 0), (0.92, tail)]
    parts = [([[(joint - 0.2, 0), *ends]], R.choice(['main', 'main', 'shade']))]
    if R.random() < 0.5:
        parts.append(([[(-0.4, -height * 0.7), (R.uniform(-0.1, 0.2), -height - R.uniform(0.15, 0.35)), (0.25, -height * 0.5)]],
                      R.choice(['main', 'shade'])))
    if R.random() < 0.3:
        parts.append(([[(-0.3, height * 0.7), (R.uniform(0, 0.2), height + R.uniform(0.1, 0.3)), (0.2, height * 0.5)]],
                      R.choice(['main', 'shade'])))
    middle, half = (joint - 1) / 2, (joint + 1) / 2
    if R.random() < 0.6:
        body = ellipse(middle, 0, half, height)
    else:  # two arcs that meet in a point at nose and tail
        sharp = R.uniform(0.7, 1.6)
        steps = [-1 + i / 12 for i in range(25)]
        arc = lambda side, order: [(middle + half * u, side * height * (1 - u * u) ** sharp) for u in order]
        body = arc(-1, steps) + arc(1, steps[-2:0:-1])
    parts.append(([body], 'main'))
    if R.random() < 0.35:
        parts.append(([[(-0.15, 0.05), (0.2, 0.3), (0.2, 0)]], 'shade'))
    if R.random() < 0.25:  # the edge of the gills
        parts.append(([[(-0.38, -height * 0.6), (-0.28, 0), (-0.38, height * 0.6), (-0.33, 0)]], 'shade'))
    if R.random() < 0.88:
        parts.append(([ellipse(R.uniform(-0.68, -0.5), -height * R.uniform(0.1, 0.35), R.uniform(0.05, 0.12))], R.choice(['glass', 'tyre'])))
    return parts


def flower(R):
    petals, distance = R.randint(4, 8), R.uniform(0.5, 0.62)
    size = min(0.45, distance * math.sin(math.pi / petals) * R.uniform(1.0, 1.3))
    parts, turn = [], R.uniform(0, 6.28)
    stem = R.random() < 0.3
    if stem:
        parts.append(([box(-0.05, 0, 0.05, 1)], 'stem'))
        parts.append(([[(0, 0.75), (0.4, 0.5), (0.3, 0.8)]], 'stem'))
    scale, lift = (0.72, -0.3) if stem else (1, 0)
    for i in range(petals):
        t = turn + i * 2 * math.pi / petals
        long = 1 - distance
        x, y = distance * math.cos(t), distance * math.sin(t)
        petal = [(x + long * u * math.cos(t) - size * v * math.sin(t), y + long * u * math.sin(t) + size * v * math.cos(t))
                 for u, v in ellipse(0, 0, 1, 1, points=20)]
        parts.append(([[(px * scale, py * scale + lift) for px, py in petal]], 'main'))
    parts.append(([ellipse(0, lift, R.uniform(0.2, 0.34) * scale)], R.choice(['pollen', 'pollen', 'shade', 'glass', 'trunk'])))
    return parts


def diamond(R):
    half = R.uniform(0.5, 1)
    if R.random() < 0.12:  # four facets
        whole = [(0, -1), (half, 0), (0, 1), (-half, 0)]
        return [([whole], 'main'), ([[(0, -1), (half, 0), (0, 0)]], 'tint'), ([[(0, 1), (-half, 0), (0, 0)]], 'shade')]
    if R.random() < 0.25:  # a cut stone seen from the side
        crown = R.uniform(-0.55, -0.35)
        points = [(-0.5, -0.8), (0.5, -0.8), (0.95, crown), (0, 0.95), (-0.95, crown)]
        return [([points], 'main'), ([[(-0.95, crown), (-0.3, crown), (0, 0.95)]], 'shade'), ([[(0.3, crown), (0.95, crown), (0, 0.95)]], 'tint')]
    return [([[(0, -1), (half, 0), (0, 1), (-half, 0)]], 'main')]


def arrow(R):
    shaft, head, neck = R.uniform(0.08, 0.38), R.uniform(0.5, 0.95), R.uniform(-0.1, 0.45)
    if R.random() < 0.2:  # an open tip
        t = R.uniform(0.14, 0.22)
        tip = [(1, 0), (neck, -head), (neck - t, -head + t), (1 - 2.4 * t, -t / 2), (-1, -t / 2), (-1, t / 2),
               (1 - 2.4 * t, t / 2), (neck - t, head - t), (neck, head)]
        return [([tip], 'main')]
    barb = neck - R.uniform(0.05, 0.25) if R.random() < 0.25 else neck
    end = [(-1, -shaft), (-1, shaft)]
    if R.random() < 0.15:
        end.insert(1, (-1 + R.uniform(0.15, 0.3), 0))
    points = [(1, 0), (barb, -head), (neck, -shaft), *end, (neck, shaft), (barb, head)]
    return [([points], 'main')]


DRAW = {f.__name__: f for f in (circle, square, triangle, star, heart, cross, ring, moon, house, tree, car, cup, fish,
                                flower, diamond, arrow)}

ANY_TURN = ('circle', 'ring', 'moon', 'flower', 'star')


def turn_of(kind, R):
    """A natural rotation for the kind, in radians."""
    if kind in ANY_TURN:
        return R.uniform(-math.pi, math.pi)
    if kind == 'arrow':
        return R.randrange(8) * math.pi / 4 + R.uniform(-0.2, 0.2)
    if kind == 'cross' and R.random() < 0.15:
        return math.pi / 4
    return R.uniform(-0.26, 0.26)


def outline(kind, R):
    """A random shape of the kind, turned, stretched and slightly in perspective; its bounding box fits -1…1."""
    parts = DRAW[kind](R)
    wide, high = (R.uniform(0.8, 1), 1) if R.random() < 0.5 else (1, R.uniform(0.8, 1))
    flip = -1 if kind in ('fish', 'car', 'house') and R.random() < 0.5 else 1
    turn, tilt = turn_of(kind, R), R.uniform(-0.15, 0.15) if R.random() < 0.4 else 0
    c, s = math.cos(turn), math.sin(turn)

    def move(p):
        x, y = p[0] * wide * flip, p[1] * high
        x, y = x / (1 + tilt * y), y / (1 + tilt * y)
        return x * c - y * s, x * s + y * c

    parts = [([[move(p) for p in ring] for ring in rings], role) for rings, role in parts]
    return fit(parts)


def fit(parts):
    """Centres the bounding box on 0, 0 and scales its longer side to 2, which is what position and size mean everywhere."""
    xs, ys = zip(*(p for rings, _ in parts for ring in rings for p in ring), strict=True)
    cx, cy = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    half = max(max(xs) - min(xs), max(ys) - min(ys)) / 2
    return [([[((x - cx) / half, (y - cy) / half) for x, y in ring] for ring in rings], role) for rings, role in parts]
