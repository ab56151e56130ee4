"""Questions about a scene and their true answers, in the words of language.json."""

import json

from . import surface
from .language import (
    ANSWERS, COLORS, KINDS, LANGUAGE, NOUNS, NUMBERS, PHRASINGS, PLURALS, SIZES, WORDS, place_of, reading_order,
    relation_of,
)

RELATIONS = ['left', 'right', 'above', 'below']


def article(words):
    return ('an ' if words[0] in 'aeiou' else 'a ') + words


def pair(thing):
    return f'{thing["color"]} {thing["kind"]}'


def caption(scene):
    things, text = reading_order(scene['objects']), scene['text']
    parts = [article(pair(thing)) for thing in things]
    if parts:
        words = parts[0] if len(parts) == 1 else ', '.join(parts[:-1]) + ' and ' + parts[-1]
        if text:
            words += ANSWERS['captionWithText'].format(text=text['string'])
    else:
        words = ANSWERS['captionText'].format(text=text['string']) + f' in {text["color"]}' if text else 'nothing'
    return words + f' on {article(scene["background"])} background'


def as_json(scene):
    things = [
        {'shape': t['kind'], 'color': t['color'], 'size': SIZES[t['size']]} for t in reading_order(scene['objects'])
    ]
    text = scene['text']['string'] if scene['text'] else None
    return json.dumps({'background': scene['background'], 'objects': things, 'text': text}, separators=(',', ':'))


class Asker:
    """Writes questions about one scene. `phrasings` decides between training and held-out forms."""

    def __init__(self, R, phrasings=PHRASINGS, nouns=NOUNS, plain=False, pairs=1):
        """pairs: how many pairs of objects to compare in a scene."""
        self.R, self.phrasings, self.nouns, self.plain, self.pairs = R, phrasings, nouns, plain, pairs

    def ask(self, task, answer, phrasing=None, **slots):
        """(task, question, answer); `phrasing` borrows another task's words, as unanswerable questions do."""
        words = self.R.choice(self.phrasings[phrasing or task])
        for slot, value in slots.items():
            if words.find('a {' + slot + '}') == 0 or ' a {' + slot + '}' in words:
                words = words.replace('a {' + slot + '}', article(value))
            words = words.replace('{' + slot + '}', value)
        return task, words if self.plain else surface.vary(words, self.R), answer

    def about(self, scene):
        """Every question that the scene allows, each once, in random words and with random partners."""
        things, R = scene['objects'], self.R
        out = [self.ask('background', scene['background']), self.ask('caption', caption(scene)), self.ask('json', as_json(scene))]
        if things:
            out.append(self.ask('count_all', NUMBERS[len(things)]))
        elif R.random() < 0.3:
            out.append(self.ask('count_all', 'zero'))
        if len(things) == 1 and not scene['text']:
            out.append(self.ask('color_single', things[0]['color']))
            out.append(self.ask('shape_single', things[0]['kind']))
        if things:
            out += self.attributes(things) + self.existence(things) + self.counts(things) + self.positions(things)
        out += self.text_questions(scene['text']) + self.unanswerable(scene)
        return out

    def attributes(self, things):
        R, out = self.R, []
        kinds, colors = [t['kind'] for t in things], [t['color'] for t in things]
        single_kind = [t for t in things if kinds.count(t['kind']) == 1]
        single_color = [t for t in things if colors.count(t['color']) == 1]
        for thing in R.sample(single_kind, min(2, len(single_kind))):
            out.append(self.ask('color_of_kind', thing['color'], kind=thing['kind']))
        for thing in R.sample(single_color, min(1, len(single_color))):
            out.append(self.ask('kind_of_color', thing['kind'], color=thing['color']))
        return out

    def existence(self, things):
        """Half yes, half no; most of the absent things share a word with a present one."""
        R, out = self.R, []
        pairs, kinds, colors = {pair(t) for t in things}, {t['kind'] for t in things}, {t['color'] for t in things}
        for wanted in R.sample([True, False], 2) if len(things) > 1 else [R.random() < 0.5]:
            thing, form = R.choice(things), R.choice(['pair', 'pair', 'kind', 'color'])
            if wanted:
                name = {'pair': pair(thing), 'kind': thing['kind'], 'color': f'{thing["color"]} object'}[form]
            elif form == 'pair':
                # a new colour, a new kind, or the colour of one object on the kind of another
                options = [f'{R.choice(COLORS)} {thing["kind"]}', f'{thing["color"]} {R.choice(KINDS)}',
                           f'{R.choice(things)["color"]} {R.choice(things)["kind"]}']
                options = [o for o in options if o not in pairs]
                if not options:
                    continue
                name = R.choice(options)
            else:
                absent = [k for k in KINDS if k not in kinds] if form == 'kind' else [c for c in COLORS if c not in colors]
                if not absent:
                    continue
                name = R.choice(absent) + ('' if form == 'kind' else ' object')
            out.append(self.ask('exists', ANSWERS['yes' if wanted else 'no'], thing=name))
        return out

    def counts(self, things):
        """The number asked for is drawn first, so that small ones do not dominate: zero, one, two and more alike."""
        R, out = self.R, []
        for task, slot, names, of in (('count_kind', 'kinds', KINDS, 'kind'), ('count_color', 'color', COLORS, 'color')):
            present = [t[of] for t in things]
            by_number = {}
            for name in names:
                by_number.setdefault(present.count(name), []).append(name)
            numbers = list(by_number)
            weights = [{0: 0.5, 1: 0.45, 2: 1.6}.get(n, 4) for n in numbers]
            number = R.choices(numbers, weights)[0]
            name = R.choice(by_number[number])
            if len(things) < 3 and R.random() < 0.5:
                continue  # small scenes only know zero and one
            out.append(self.ask(task, NUMBERS[number], **{slot: PLURALS[name] if slot == 'kinds' else name}))
        return out

    def positions(self, things):
        R, out = self.R, []
        kinds, pairs = [t['kind'] for t in things], [pair(t) for t in things]
        single = [t for t in things if pairs.count(pair(t)) == 1]
        # the shortest name that is true of it alone, sometimes a longer one
        name = {id(t): t['kind'] if kinds.count(t['kind']) == 1 and R.random() < 0.6 else pair(t) for t in single}
        for thing in R.sample(single, min(1, len(single))):
            place = place_of(thing['x'], thing['y'])
            if place:
                out.append(self.ask('place', place, name=name[id(thing)]))
            if R.random() < 0.5:
                out.append(self.ask('size_of', SIZES[thing['size']], name=name[id(thing)]))
        if len(single) < 2:
            return out
        for _ in range(self.pairs):
            out += self.comparisons(single, name)
        return out

    def comparisons(self, single, name):
        """How two objects lie to each other and which is bigger; `name` is what each is called, by its id."""
        R, out = self.R, []
        a, b = R.sample(single, 2)
        seen = relation_of(a, b)
        if seen:
            names = {'a': name[id(a)], 'b': name[id(b)]}
            words = LANGUAGE['relations']
            out.append(self.ask('relation', words[seen], **names))
            true = R.random() < 0.5
            claimed = seen if true else R.choice([r for r in RELATIONS if r != seen])
            out.append(self.ask('relation_yes_no', ANSWERS['yes' if true else 'no'], relation=words[claimed], **names))
        unequal = [(x, y) for x in single for y in single if x['size'] != y['size']]
        if unequal:
            a, b = R.choice(unequal)
            comparison = R.choice(ANSWERS['comparison'])
            wanted = a if (a['size'] > b['size']) == (comparison != 'smaller') else b
            out.append(self.ask('compare_size', 'the ' + name[id(wanted)], a=name[id(a)], b=name[id(b)], comparison=comparison))
        return out

    def text_questions(self, text):
        if not text:
            return []
        string = text['string']
        task = 'read_digits' if string.isdigit() else 'read_word' if string in WORDS else 'read_letters'
        return [self.ask(task, string, phrasing='read_text'), self.ask('text_color', text['color'])]

    def unanswerable(self, scene):
        """Questions about what is not there, in the words of the tasks that ask about what is."""
        R, out = self.R, []
        kinds, colors = {t['kind'] for t in scene['objects']}, {t['color'] for t in scene['objects']}
        if R.random() < 0.5:
            absent = [k for k in KINDS if k not in kinds]
            noun = R.choice(absent) if R.random() < 0.4 else self.noun()
            task, slot = R.choice([('color_of_kind', 'kind'), ('color_of_kind', 'kind'), ('place', 'name'), ('size_of', 'name')])
            out.append(self.ask('absent_object', ANSWERS['absentObject'].format(noun=noun), task, **{slot: noun}))
        if R.random() < 0.12:
            out.append(self.ask('exists', ANSWERS['no'], thing=self.noun()))
        if R.random() < 0.15:
            color = R.choice([c for c in COLORS if c not in colors])
            out.append(self.ask('absent_color', ANSWERS['absentColor'].format(color=color), 'kind_of_color', color=color))
        if not scene['text'] and R.random() < 0.25:
            task = R.choice(['read_text', 'read_text', 'text_color'])
            out.append(self.ask('absent_text', ANSWERS['absentText'], task))
        if R.random() < 0.03:
            out.append(self.ask('identity', ANSWERS['identity']))
        return out

    def noun(self):
        """Seldom one of the list: those are soon known by heart, and nothing is learned about copying."""
        return self.R.choice([self.R.choice(self.nouns), surface.invented_noun(self.R), surface.crossed_noun(self.R, self.nouns),
                              surface.pieced_noun(self.R)])

    def without_picture(self):
        """A question that needs a picture, asked without one."""
        R = self.R
        task = R.choice([t for t in self.phrasings if t != 'identity'])
        if R.random() < 0.15:
            return self.ask('identity', ANSWERS['identity'])
        kind, color = R.choice(KINDS + [self.noun()]), R.choice(COLORS)
        slots = {'kind': kind, 'color': color, 'thing': kind, 'kinds': PLURALS.get(kind, kind + 's'), 'name': kind,
                 'a': R.choice(KINDS), 'b': kind, 'relation': LANGUAGE['relations'][R.choice(RELATIONS)],
                 'comparison': R.choice(ANSWERS['comparison'])}
        return self.ask('no_picture', ANSWERS['noPicture'], task, **slots)
