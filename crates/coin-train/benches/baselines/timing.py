"""How all scripts of this folder take time."""

import time


def seconds(runs, work):
    """Seconds of each of `runs` calls after a warm-up, and what the last call returned."""
    result, taken = work(), []
    for _ in range(runs):
        started = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - started)
    return taken, result
