"""Turn a month of flights into live requests, one JSON object a line.

    python make_requests.py MONTH.csv OUT.jsonl --rows 2000 --seed 4

Each line holds the features as a booking system would send them before
departure, when the flight leaves, and the label that only time will tell:

    {"event_time": "2013-04-03T09:15:00Z", "features": {...}, "late": 0}
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from flights import features as fx


def requests(month: Path, rows: int, seed: int) -> list[dict]:
    """A sample of the month in order of departure."""
    flights = fx.arrived(pd.read_csv(month))
    sample = flights.sample(min(rows, len(flights)), random_state=seed)
    order = sample.assign(departs=fx.dates(sample) + pd.to_timedelta(sample["hour"] * 60 + sample["minute"], unit="m"))
    order = order.sort_values("departs", kind="stable")
    table = fx.features(order)
    labels = fx.late(order)
    found = []
    for departs, values, late in zip(order["departs"], table.itertuples(index=False), labels, strict=True):
        row = {name: None if pd.isna(value) else value for name, value in zip(fx.FEATURES, values, strict=True)}
        found.append({"event_time": departs.strftime("%Y-%m-%dT%H:%M:%SZ"), "features": row, "late": int(late)})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("month", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = [json.dumps(request) for request in requests(options.month, options.rows, options.seed)]
    options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
