"""Learning rate by the wall clock: a run ends at a time of day, and its decay ends with it."""

import time
from datetime import datetime, timedelta


def seconds_until(clock):
    """Seconds from now to HH:MM or HH:MM:SS, today or tomorrow."""
    now = datetime.now()
    hour, minute, second = map(int, (clock + ':0').split(':')[:3])
    end = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    return (end + timedelta(days=end < now) - now).total_seconds()


class Schedule:
    """Warm-up by steps, then constant, then linear to `floor` over the last `decay` share of the time."""

    def __init__(self, until, warmup=30, decay=0.6, floor=0.02):
        self.start, self.total = time.time(), seconds_until(until)
        self.warmup, self.decay, self.floor = warmup, decay, floor

    def elapsed(self):
        return (time.time() - self.start) / self.total

    def scale(self, step, elapsed=None):
        left = 1 - (self.elapsed() if elapsed is None else elapsed)
        return min(1.0, (step + 1) / self.warmup) * max(self.floor, min(1.0, left / self.decay))
