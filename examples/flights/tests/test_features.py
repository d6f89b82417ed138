"""Tests of the feature code; the pipeline runs them before it trains."""

import pandas as pd
import pytest
from flights.features import CATEGORIES, FEATURES, LABEL, arrived, features, held_out, iso_week, late, newest_month


@pytest.fixture
def flights() -> pd.DataFrame:
    """Four flights: on time, late, exactly at the limit, cancelled without weather."""
    return pd.DataFrame(
        {
            "year": 2013,
            "month": [1, 1, 3, 4],
            "day": [1, 25, 31, 30],
            "sched_dep_time": [515, 529, 1400, 2359],
            "sched_arr_time": [819, 830, 1622, 341],
            "carrier": ["UA", "B6", "DL", "EV"],
            "flight": [1545, 1714, 27, 4133],
            "tailnum": ["N14228", "N804JB", "N3", None],
            "origin": ["EWR", "JFK", "LGA", "EWR"],
            "dest": ["IAH", "BQN", "ATL", "SDF"],
            "distance": [1400, 1576, 762, 642],
            "hour": [5, 5, 14, 23],
            "minute": [15, 29, 0, 59],
            "arr_delay": [-11.0, 33.0, 15.0, None],
            "temp": [39.02, 28.0, 51.1, None],
            "dewp": [26.06, 10.0, 40.0, None],
            "humid": [59.37, 50.0, 65.2, None],
            "wind_dir": [270.0, 0.0, 10.0, None],
            "wind_speed": [10.36, 0.0, 5.75, None],
            "wind_gust": [None, None, 20.7, None],
            "precip": [0.0, 0.0, 0.01, None],
            "pressure": [1012.0, None, 1009.1, None],
            "visib": [10.0, 10.0, 2.5, None],
        }
    )


def test_features_are_the_thirteen_columns_in_order(flights):
    assert list(features(flights).columns) == FEATURES
    assert len(FEATURES) == 13


def test_the_outcome_is_not_a_feature(flights):
    assert not {"arr_delay", LABEL} & set(FEATURES)


def test_day_of_week_starts_on_monday(flights):
    # 1 January 2013 was a Tuesday, 25 January a Friday.
    assert features(flights)["day_of_week"].tolist() == [1, 4, 6, 1]


def test_missing_weather_stays_missing(flights):
    rows = features(flights)
    assert rows.loc[3, ["temp", "humid", "precip"]].isna().all()
    assert rows["temp"].dtype == "float64"


def test_categories_are_strings_and_schedule_is_whole(flights):
    rows = features(flights)
    assert all(isinstance(value, str) for column in CATEGORIES for value in rows[column])
    assert {str(rows[column].dtype) for column in ["distance", "hour", "day_of_week", "sched_arr_time"]} == {"int64"}


def test_late_is_more_than_fifteen_minutes(flights):
    assert late(flights).tolist() == [0, 1, 0, 0]


def test_flights_without_an_outcome_are_dropped(flights):
    assert arrived(flights).index.tolist() == [0, 1, 2]


def test_every_fourth_week_is_held_out(flights):
    assert iso_week(flights).tolist() == [1, 4, 13, 18]
    assert held_out(flights).tolist() == [False, True, False, False]


def test_whole_weeks_are_held_out():
    days = pd.date_range("2013-01-01", "2013-12-29")
    table = pd.DataFrame({"year": days.year, "month": days.month, "day": days.day})
    share = held_out(table).groupby(iso_week(table)).mean()
    assert set(share) == {0.0, 1.0}
    assert share.sum() == 13


def test_every_month_has_held_out_rows():
    days = pd.date_range("2013-01-01", "2013-12-31")
    table = pd.DataFrame({"year": days.year, "month": days.month, "day": days.day})
    assert held_out(table).groupby(table["month"]).any().all()


def test_newest_month_looks_at_the_year_first():
    table = pd.DataFrame({"year": [2012, 2013, 2013], "month": [12, 1, 1], "day": 1})
    assert newest_month(table).tolist() == [False, True, True]


def test_features_do_not_change_their_input(flights):
    before = flights.copy()
    features(flights)
    pd.testing.assert_frame_equal(flights, before)


def test_a_missing_column_is_named(flights):
    with pytest.raises(KeyError, match="wind_speed"):
        features(flights.drop(columns="wind_speed"))
