"""From a month of flights to what the model sees.

Training, tests and live requests share this module, so a feature means the
same everywhere. A live request carries exactly the columns of FEATURES.
"""

import pandas as pd

CATEGORIES = ["carrier", "origin", "dest"]
SCHEDULE = ["distance", "hour", "day_of_week", "sched_arr_time"]
WEATHER = ["temp", "humid", "wind_speed", "precip", "visib", "pressure"]
FEATURES = CATEGORIES + SCHEDULE + WEATHER
LABEL = "late"

LATE_AFTER_MINUTES = 15
HELD_OUT_EVERY = 4


def dates(flights: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(flights[["year", "month", "day"]])


def iso_week(flights: pd.DataFrame) -> pd.Series:
    return dates(flights).dt.isocalendar().week.astype("int64")


def features(flights: pd.DataFrame) -> pd.DataFrame:
    """The model's columns, in order. Weather may be missing, nothing else.

    The day of the year is left out on purpose: a model that splits on it has
    never seen the dates it will be asked about.
    """
    rows = flights.assign(day_of_week=dates(flights).dt.day_of_week)[FEATURES]
    types = dict.fromkeys(CATEGORIES, "object") | dict.fromkeys(SCHEDULE, "int64") | dict.fromkeys(WEATHER, "float64")
    return rows.astype(types)


def arrived(flights: pd.DataFrame) -> pd.DataFrame:
    """Flights with a known outcome; cancelled and diverted ones have none."""
    return flights.dropna(subset=["arr_delay"])


def late(flights: pd.DataFrame) -> pd.Series:
    """1 where the flight arrived more than a quarter of an hour late."""
    return (flights["arr_delay"] > LATE_AFTER_MINUTES).astype("int64").rename(LABEL)


def held_out(flights: pd.DataFrame) -> pd.Series:
    """True for rows that no model may train on: every fourth ISO week.

    The rule depends on the date alone, so champion and candidate, trained
    months apart, are compared on weeks that neither has seen. Whole weeks,
    because flights of one day share their weather.
    """
    return iso_week(flights) % HELD_OUT_EVERY == 0


def newest_month(flights: pd.DataFrame) -> pd.Series:
    """True for the rows of the last month present."""
    month = flights["year"] * 12 + flights["month"]
    return month == month.max()
