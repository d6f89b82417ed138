"""What tea-tasting and gbstats take for the analysis of `bench/ab/README.md`: CPU seconds and peak memory.

Needs tea-tasting, pyarrow, pandas and gbstats. The data are in memory before the clock starts.
"""

import resource
import sys
import time

import numpy as np

USERS, METRICS = int(float(sys.argv[2])) if len(sys.argv) > 2 else 10_000_000, 10


def data():
    rng = np.random.default_rng(1)
    columns = {"variant": rng.integers(0, 2, USERS)}
    for metric in range(METRICS):
        columns[f"m{metric}"] = rng.standard_normal(USERS) + 10
    return columns


def timed(name, work):
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| {name} | {time.process_time() - cpu:.2f} | {time.perf_counter() - wall:.2f} | {peak:.1f} GB |")


def tea():
    import pyarrow as pa
    import tea_tasting as tt

    table = pa.table(data())
    metrics = {f"m{metric}": tt.Mean(f"m{metric}") for metric in range(METRICS)}
    timed(f"tea-tasting {tt.__version__}, means", lambda: tt.Experiment(metrics).analyze(table))


def gbstats():
    import pandas as pd
    from gbstats.frequentist.tests import TwoSidedTTest
    from gbstats.models.statistics import SampleMeanStatistic

    frame = pd.DataFrame(data())

    def work():
        names = [f"m{metric}" for metric in range(METRICS)]
        sums = frame.groupby("variant")[names].agg(["count", "sum", lambda x: (x * x).sum()])
        for name in names:
            arms = [SampleMeanStatistic(n=int(n), sum=s, sum_squares=q) for n, s, q in sums[name].to_numpy()]
            TwoSidedTTest(*arms).compute_result()

    timed("pandas for the sums, then gbstats", work)


if __name__ == "__main__":
    {"tea": tea, "gbstats": gbstats}[sys.argv[1]]()
