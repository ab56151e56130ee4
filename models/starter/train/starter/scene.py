"""What is in a picture, decided before anything is drawn: plain dictionaries in pixels of the 160×160 padded square."""

from .config import PICTURE
from .language import BACKGROUNDS, CHARACTERS, KINDS, LANGUAGE, SIZES, WORDS, contrasting, row_of

RADII = [LANGUAGE['sizes'][size] for size in SIZES]
HUGE = 56  # half the side of an object that fills most of the picture; the sizes of language.json end before
ROW_EDGES = [PICTURE * edge for edge in LANGUAGE['readingOrder']['edges']]


def frame(R):
    """The picture inside the padded square: (left, top, right, bottom), aspect ratio 1:3 … 3:1."""
    chance = R.random()
    if chance < 0.4:
        ratio = 1.0
    elif chance < 0.7:
        ratio = R.choice([4 / 3, 3 / 2, 16 / 9, 3 / 4, 2 / 3, 9 / 16])
    else:
        ratio = 3 ** R.uniform(-1, 1)
    width, height = (PICTURE, PICTURE / ratio) if ratio >= 1 else (PICTURE * ratio, PICTURE)
    left, top = (PICTURE - width) / 2, (PICTURE - height) / 2
    return left, top, left + width, top + height


def random_text(R):
    chance = R.random()
    if chance < 0.44:
        return ''.join(R.choice(CHARACTERS[:10]) for _ in range(R.choice([1, 2, 3, 3, 4, 4])))
    if chance < 0.8:
        return R.choice(WORDS)
    if chance < 0.97:
        return ''.join(R.choice(CHARACTERS[10:]) for _ in range(R.randint(2, 8)))
    return ''.join(R.choice(CHARACTERS) for _ in range(R.randint(2, 6)))


def clear(box, taken, gap=1.5):
    """Whether box (x, y, half width, half height) keeps its distance from all others."""
    return all(
        abs(box[0] - t[0]) > box[2] + t[2] + gap or abs(box[1] - t[1]) > box[3] + t[3] + gap for t in taken
    )


def place_text(R, frame, background, pitch, taken):
    """A text in the frame, wide enough that at most two characters share a cell; None when it does not fit."""
    left, top, right, bottom = frame
    text = random_text(R)
    width, height = right - left, bottom - top
    pitch = max(8.6, min(pitch, (width - 8) / len(text), height * 0.9))
    tall = pitch / 0.72
    half_width, half_height = pitch * len(text) / 2 + 1, tall * 0.55
    if half_width * 2 > width - 4 or half_height * 2 > height - 4:
        return None
    angle = R.uniform(-10, 10) if R.random() < 0.4 and half_height * 2 + half_width * 0.35 < height - 4 else 0
    reach = half_height + abs(angle) / 57.3 * half_width
    for _ in range(10):
        x = R.uniform(left + half_width + 2, right - half_width - 2)
        y = R.uniform(top + reach + 1, bottom - reach - 1)
        box = (x, y, half_width + 3, reach + 3)
        if clear(box, taken):
            taken.append(box)
            return {
                'string': text, 'x': x, 'y': y, 'pitch': pitch, 'half_width': half_width, 'height': tall, 'angle': angle,
                'color': R.choice(contrasting(background, 'text')), 'plate': R.random() < 0.25,
            }
    return None


def texts_of(scene):
    """Every text of a scene: at most one, but for a page."""
    return scene['page'] if 'page' in scene else [scene['text']] if scene['text'] else []


def add_object(scene, R, kind, color, sizes, taken, huge=False):
    """Tries to find a free spot; gives up (and the scene has one object less) when there is none."""
    left, top, right, bottom = scene['frame']
    for attempt in range(40):
        size = 0 if attempt > 20 else R.choices([0, 1, 2], sizes)[0]
        radius = R.uniform(*RADII[size])
        if huge and attempt <= 20:
            size, radius = 2, R.uniform(RADII[2][1], HUGE)
        if 2 * radius + 2 > min(right - left, bottom - top):
            continue
        x, y = R.uniform(left + radius + 1, right - radius - 1), R.uniform(top + radius + 1, bottom - radius - 1)
        if any(abs(y - edge) < 2.4 for edge in ROW_EDGES):
            continue
        if clear((x, y, radius, radius), taken):
            taken.append((x, y, radius, radius))
            scene['objects'].append(
                {'kind': kind, 'color': color, 'size': size, 'x': x, 'y': y, 'radius': radius, 'row': row_of(y)}
            )
            return


def sample_scene(R, mode=None):
    """A random scene: {'mode', 'background', 'frame', 'objects', 'text', 'seed'}."""
    mode = mode or R.choices(['shapes', 'text', 'mixed'], [0.64, 0.18, 0.18])[0]
    scene = {'mode': mode, 'background': R.choice(BACKGROUNDS), 'frame': frame(R), 'objects': [], 'text': None}
    taken = []
    if mode != 'shapes':
        pitch = R.uniform(9, 13) if mode == 'mixed' else R.uniform(9, 30)
        scene['text'] = place_text(R, scene['frame'], scene['background'], pitch, taken)
    if mode != 'text':
        count = R.choices([1, 2, 3, 4, 5, 6], [0.13, 0.2, 0.22, 0.21, 0.18, 0.06])[0] if mode == 'shapes' else R.choice([1, 1, 2])
        colors = contrasting(scene['background'], 'objects')
        kinds = KINDS
        distinct = count <= len(colors) and R.random() < 0.3  # no colour can be guessed from the others
        if distinct:
            kinds, colors = R.sample(KINDS, count), R.sample(colors, count)
        elif count >= 3:  # repeated kinds and colours, so that counting one of them means something
            kinds = R.sample(KINDS, R.choice([1, 2, 2, 3, 8, 16]))
            colors = R.sample(colors, min(len(colors), R.choice([1, 2, 2, 3, 8])))
        sizes = (0.3, 0.4, 0.3) if count <= 3 else (0.5, 0.45, 0.05)
        huge = mode == 'shapes' and count <= 2 and R.random() < 0.3
        for i in range(count):
            kind, color = (kinds[i], colors[i]) if distinct else (R.choice(kinds), R.choice(colors))
            add_object(scene, R, kind, color, sizes, taken, huge and i == 0)
    scene['seed'] = R.randrange(1 << 30)
    return scene




def sample_page(R):
    """Many texts in one picture, for the towers alone: five times the characters for the price of one picture."""
    scene = {'mode': 'page', 'background': R.choice(BACKGROUNDS), 'frame': frame(R), 'objects': [], 'text': None}
    pitch, taken = R.uniform(9, 15), []
    texts = [place_text(R, scene['frame'], scene['background'], R.uniform(9, 20) if i == 0 else pitch, taken) for i in range(14)]
    scene['page'] = [text for text in texts if text]
    scene['seed'] = R.randrange(1 << 30)
    return scene
