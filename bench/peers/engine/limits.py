"""What the machine itself can do, by NumPy: prints {"source", "readBytesPerSecond", "floatOperationsPerSecond"}.

    python limits.py THREADS
"""
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

threads = int(sys.argv[1])
# NumPy's products read these when it is imported.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(threads)

import numpy as np  # noqa: E402

ROUNDS = 7
# Of each thread: beyond every cache.
BYTES = 256 << 20
SIDE = 2048


def best(run):
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


# Sums of whole numbers do nothing but read; NumPy lets other threads run meanwhile.
arrays = [np.ones(BYTES // 8, np.int64) for _ in range(threads)]
with ThreadPoolExecutor(threads) as pool:
    seconds = best(lambda: list(pool.map(np.bitwise_or.reduce, arrays)))
left, right = (np.ones((SIDE, SIDE), np.float32) for _ in range(2))
product = best(lambda: left @ right)
print(
    json.dumps(
        {
            "source": f"NumPy {np.__version__}",
            "readBytesPerSecond": threads * BYTES / seconds,
            "floatOperationsPerSecond": 2 * SIDE**3 / product,
        }
    )
)
