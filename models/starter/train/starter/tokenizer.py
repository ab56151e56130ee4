"""The tokenizer: byte-level BPE in which digits, capitals and every word of the closed world are one token.

    python -m starter.tokenizer            writes tokenizer.json, tokenizer_config.json and chat_template.jinja
    python -m starter.tokenizer --extend   gives the tokenizer that is there the words of `hearing` that it lacks
"""

import json
import re
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from .config import FOLDER, SPECIAL_TOKENS
from .language import ANSWERS, BACKGROUNDS, LANGUAGE, NOUNS, NUMBERS, PHRASINGS, PLURALS

VOCABULARY = 2048
SPLIT = r' ?[a-z]+|[A-Z0-9]| |[^a-zA-Z0-9 ]+'

CHAT_TEMPLATE = """\
{{- '<s>' -}}
{%- set text = namespace(system='', first=true) -%}
{%- for message in messages -%}
{%- if message['role'] == 'system' -%}
{%- if not text.first -%}{{- raise_exception('system messages come before the first user message') -}}{%- endif -%}
{%- if text.system -%}{%- set text.system = text.system + ' ' -%}{%- endif -%}
{%- if message['content'] is string -%}{%- set text.system = text.system + message['content'] -%}
{%- else -%}{%- for part in message['content'] if part['type'] == 'text' -%}{%- set text.system = text.system + part['text'] -%}{%- endfor -%}
{%- endif -%}
{%- elif message['role'] == 'user' -%}
{%- if message['content'] is not string -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{- '<image>' -}}{%- elif part['type'] == 'audio' -%}{{- '<|audio|>' -}}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- if text.first and text.system -%}{{- '<|system|>' + text.system -}}{%- endif -%}
{%- set text.first = false -%}
{{- '<|user|>' -}}
{%- if message['content'] is string -%}{{- message['content'] -}}
{%- else -%}{%- for part in message['content'] if part['type'] == 'text' -%}{{- part['text'] -}}{%- endfor -%}
{%- endif -%}
{%- elif message['role'] == 'assistant' -%}
{{- '<|assistant|>' -}}
{%- if message['content'] is string -%}{{- message['content'] -}}
{%- else -%}{%- for part in message['content'] if part['type'] == 'text' -%}{{- part['text'] -}}{%- endfor -%}
{%- endif -%}
{{- '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if text.first and text.system -%}{{- raise_exception('a system message needs a user message behind it') -}}{%- endif -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""


def closed_words():
    """Every lower-case word that questions, answers and system messages are made of, and sixty nouns."""
    words = set(NUMBERS) | set(NOUNS[:60])
    words |= {'behind', 'small', 'medium', 'large', 'to', 'the', 'left', 'right', 'of', 'an', 'shape', 'color', 'size', 'objects'}
    for key in ('kinds', 'numbers', 'phrasings', 'heldOutPhrasings', 'systems', 'answers', 'surface'):
        words.update(re.findall(r'[a-z]+', re.sub(r'\{[a-z]+\}', ' ', json.dumps(LANGUAGE[key]))))
    names = [*BACKGROUNDS, *LANGUAGE['colors'], *PLURALS.values(), *(n for row in LANGUAGE['places']['names'] for n in row)]
    words.update(word for name in names for word in name.split())
    # what follows when the first letter is a capital, a token of its own: W-hat
    words.update(re.sub('[^a-z]', '', phrasing.split()[0])[1:] for phrasings in PHRASINGS.values() for phrasing in phrasings)
    return sorted(word for word in words if len(word) > 1)


def corpus():
    """Each closed word with and without a leading space, and the punctuation runs of JSON and sentences."""
    for word in closed_words():
        yield from [word, ' ' + word] * 4
    runs = ['{"', '":"', '","', '":[{"', '"},{"', '"}],"', '":[],"', '":', '"}', '},{', '}]}', '"}]', '?', '.', ',', '."', '!', "'"]
    yield from runs * 50


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(t, special=True, normalized=False) for t in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


def hearing_words():
    """Every lower-case word that questions and answers about sounds are made of, and what follows a first capital."""
    hearing = LANGUAGE['hearing']
    words = {*LANGUAGE['kinds'], *LANGUAGE['colors'], *hearing['commands'], *hearing['sounds']}
    for key in ('sounds', 'phrasings', 'heldOutPhrasings', 'answers'):
        words.update(re.findall(r'[a-z]+', re.sub(r'\{[a-z]+\}', ' ', json.dumps(list(hearing[key].values())))))
    for phrasings in hearing['phrasings'].values():
        words.update(re.sub('[^a-z]', '', phrasing.split()[0])[1:] for phrasing in phrasings)
    return sorted(word for word in words if len(word) > 1)


def extend(tokenizer, words):
    """A tokenizer in which each word, with and without a leading space, is one token. What was a token keeps its id; merges
    are only added behind those there are, so that old texts are cut as before unless they hold a new word."""
    form = json.loads(tokenizer.to_str())
    vocabulary, merges = form['model']['vocab'], form['model']['merges']
    for word in words:
        for text in (word, ' ' + word):
            pieces = Tokenizer.from_str(json.dumps(form)).encode(text, add_special_tokens=False).tokens
            while len(pieces) > 1:
                merged = pieces[0] + pieces[1]
                merges.append(pieces[:2])
                vocabulary.setdefault(merged, len(vocabulary))
                pieces = [merged, *pieces[2:]]
    if len(vocabulary) > VOCABULARY:
        raise ValueError(f'{len(vocabulary)} tokens, at most {VOCABULARY}')
    return Tokenizer.from_str(json.dumps(form))


def load_tokenizer(folder=FOLDER):
    return Tokenizer.from_file(str(folder / 'tokenizer.json'))


def write(folder=FOLDER, known=None):
    """known: the tokenizer to extend; without it a new one is trained."""
    tokenizer = extend(known or train(), hearing_words())
    tokenizer.save(str(folder / 'tokenizer.json'))
    (folder / 'chat_template.jinja').write_text(CHAT_TEMPLATE)
    config = {
        'tokenizer_class': 'PreTrainedTokenizerFast',
        'bos_token': '<s>', 'eos_token': '<|end|>', 'pad_token': '<pad>',
        'model_max_length': 2048, 'add_bos_token': False, 'clean_up_tokenization_spaces': False,
        'additional_special_tokens': SPECIAL_TOKENS[2:],
        'chat_template': CHAT_TEMPLATE,
    }
    (folder / 'tokenizer_config.json').write_text(json.dumps(config, indent=2) + '\n')
    return tokenizer


if __name__ == '__main__':
    made = write(known=load_tokenizer() if '--extend' in sys.argv else None)
    split = [w for w in closed_words() for form in (w, ' ' + w) if len(made.encode(form).ids) != 1]
    print(made.get_vocab_size(), 'tokens,', len(closed_words()), 'closed words, in pieces:', split)
    print(ANSWERS['absentObject'], made.encode(ANSWERS['absentObject'].format(noun='zebra')).tokens)
