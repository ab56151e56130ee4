"""Draws the training curve from the logs of a run.

    python -m starter.plot <run folder> <output.png>
"""

import json
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot

SHOWN = ['background', 'count_all', 'color_of_kind', 'exists', 'relation', 'compare_size', 'read_digits', 'read_word', 'caption', 'json']


def readings(log, pattern):
    """[(step, value)] of the first group of `pattern` in a log whose lines hold 'step N'."""
    if not log.exists():
        return []
    found = (re.search(rf'step (\d+) .*?{pattern} ([\d.]+)', line) for line in log.read_text().splitlines())
    return continued([(int(m[1]), float(m[2])) for m in found if m])


def continued(points):
    """Points whose steps begin again, as after a model was grown, put behind those before."""
    offset, last, out = 0, 0, []
    for step, value in points:
        if step < 0.7 * last:  # a stopped run repeats fewer
            offset += last
        last = step
        out.append((offset + step, value))
    return out


def main(run, output):
    figure, (losses, matches) = pyplot.subplots(1, 2, figsize=(13, 5))
    curves = {
        'towers: codebook': readings(run / 'align.log', 'loss'),
        'decoder on symbols: answers': readings(run / 'symbols.log', 'loss'),
        'joint: answers': readings(run / 'joint.log', 'language'),
        'joint: codebook': readings(run / 'joint.log', 'dense'),
    }
    for name, points in curves.items():
        if points:
            losses.plot(*zip(*points, strict=True), label=name)
    losses.set(xlabel='step of the stage', ylabel='loss', yscale='log', title='Loss')
    losses.legend()
    file = run / 'evaluations.jsonl'
    records = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for task in SHOWN:
        points = [(r['step'], r['tasks'][task][0]) for r in records if r['set'] == 'pillow' and task in r['tasks']]
        if points:
            matches.plot(*zip(*continued(points), strict=True), marker='o', markersize=3, label=task)
    matches.set(xlabel='joint step', ylabel='exact match, %', ylim=(0, 101), title='Second renderer, held-out fonts and phrasings')
    matches.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(output, dpi=90)


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2])
