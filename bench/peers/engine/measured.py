"""What the measurements of all engines have in common."""
import numpy as np

# Steps of a decode that do not count: caches of the processor and of the engine are warm after them.
WARM_STEPS = 2

_random = np.random.default_rng(1)


def random_ids(count, vocabulary):
    """Other ones each time, so that no cache of prompts helps. The first ids may have a meaning, such as the end."""
    return _random.integers(16, min(vocabulary, 32_000), count, dtype=np.int64)


def file_bytes(folder, *patterns):
    return sum(path.stat().st_size for pattern in patterns for path in folder.glob(pattern))
