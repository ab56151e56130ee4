"""Questions about a sound and their true answers, in the words of language.json."""

from . import surface
from .language import ANSWERS, HEARING, NUMBERS
from .sounds import WORDS

REPLIES = HEARING['answers']


def words_of(sound):
    return ' '.join(sound.words)


def name_of(sound):
    """"a bell", "three beeps", "a voice"."""
    if sound.beeps > 1:
        return REPLIES['beeps'].format(number=NUMBERS[sound.beeps])
    return HEARING['sounds'][sound.kind]


def caption(sound):
    return REPLIES['caption'].format(words=words_of(sound)) if sound.words else name_of(sound)


class SoundAsker:
    """Writes questions about one sound. `phrasings` decides between training and held-out forms."""

    def __init__(self, R, phrasings=HEARING['phrasings'], plain=False):
        self.R, self.phrasings, self.plain = R, phrasings, plain

    def ask(self, task, answer, **slots):
        words = self.R.choice(self.phrasings[task]).format(**slots)
        return task, words if self.plain else surface.vary(words, self.R), answer

    def about(self, sound):
        """Every question that the sound allows, each once; (task, question, answer)."""
        R, yes, no = self.R, ANSWERS['yes'], ANSWERS['no']
        speaks = sound.kind == 'voice'
        out = [
            self.ask('heard_kind', name_of(sound)),
            self.ask('heard_caption', caption(sound)),
            self.ask('heard_voice', yes if speaks else no),
            self.ask('heard_word', words_of(sound) if speaks else REPLIES['noVoice']),
        ]
        others = [word for word in WORDS if word not in sound.words]
        true = speaks and R.random() < 0.5
        out.append(self.ask('heard_exists', yes if true else no, word=R.choice(sound.words if true else others)))
        if sound.beeps or R.random() < 0.15:
            out.append(self.ask('heard_count', NUMBERS[sound.beeps]))
        if sound.kind in ('rising', 'falling'):
            out.append(self.ask('heard_direction', REPLIES[sound.kind]))
        elif R.random() < 0.1:
            out.append(self.ask('heard_direction', REPLIES['noTone']))
        return out

    def without_sound(self):
        """A question that needs a sound, asked where there is none."""
        _, question, answer = self.ask(self.R.choice(list(self.phrasings)), REPLIES['noSound'], word=self.R.choice(WORDS))
        return 'no_sound', question, answer
