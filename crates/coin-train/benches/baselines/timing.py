"""Timing for all scripts in this folder."""

import time


def seconds(runs, work):
    """Seconds of each of `runs` calls after a warm-up, and the result of the last call."""
    result, taken = work(), []
    for _ in range(runs):
        started = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - started)
    return taken, result
