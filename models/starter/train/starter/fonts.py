"""Font files: turns the @fontsource packages of a folder into TTF and says which are for training.

    python -m starter.fonts <folder with node_modules> <output folder>
"""

import sys
from pathlib import Path

from fontTools.ttLib import TTFont

# Drawn only by evaluations, never seen in training.
HELD_OUT = ('fira-sans', 'bitter', 'rubik', 'courier-prime', 'merriweather', 'oswald')


def convert(source, target):
    """Writes <family>-<weight>.ttf for the regular and bold Latin files of each package under `source`."""
    target.mkdir(parents=True, exist_ok=True)
    for package in sorted((source / 'node_modules/@fontsource').iterdir()):
        for weight in (400, 700):
            file = package / f'files/{package.name}-latin-{weight}-normal.woff2'
            out = target / f'{package.name}-{weight}.ttf'
            if file.exists() and not out.exists():
                font = TTFont(file)
                font.flavor = None
                font.save(out)


def training_fonts(folder):
    return sorted(str(p) for p in Path(folder).glob('*.ttf') if not p.name.startswith(HELD_OUT))


def held_out_fonts(folder):
    return sorted(str(p) for p in Path(folder).glob('*.ttf') if p.name.startswith(HELD_OUT))


if __name__ == '__main__':
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
    print(len(training_fonts(sys.argv[2])), 'training fonts,', len(held_out_fonts(sys.argv[2])), 'held out')
