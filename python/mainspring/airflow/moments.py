"""Dates as DAG files expect them: pendulum's where it is installed, else a small equivalent.

Airflow brings pendulum, so DAG files import it as a matter of course. Where it
is missing, `import pendulum` answers with the few names below.
"""

from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo


class DateTime(datetime):
    """datetime with the pendulum methods that DAG files use."""

    def add(self, **units: int) -> "DateTime":
        return self + timedelta(**units)

    def subtract(self, **units: int) -> "DateTime":
        return self - timedelta(**units)

    def in_timezone(self, zone: Any) -> "DateTime":
        return self.astimezone(timezone(zone))

    in_tz = in_timezone

    def to_date_string(self) -> str:
        return f"{self:%Y-%m-%d}"

    def to_datetime_string(self) -> str:
        return f"{self:%Y-%m-%d %H:%M:%S}"

    def to_iso8601_string(self) -> str:
        return self.isoformat().replace("+00:00", "Z")

    @property
    def int_timestamp(self) -> int:
        return int(self.timestamp())


def timezone(name: Any = "UTC") -> Any:
    return ZoneInfo(name) if isinstance(name, str) else name


def instance(value: datetime, tz: Any = UTC) -> DateTime:
    zone = value.tzinfo or timezone(tz)
    return DateTime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        zone,
        fold=value.fold,
    )


def moment(text: str) -> datetime:
    """An RFC 3339 timestamp, as pendulum's DateTime if that is installed."""
    parsed = datetime.fromisoformat(text)
    try:
        import pendulum
    except ImportError:
        return instance(parsed)
    return pendulum.instance(parsed)


def _datetime(
    year: int,
    month: int,
    day: int,
    hour: int = 0,
    minute: int = 0,
    second: int = 0,
    microsecond: int = 0,
    tz: Any = "UTC",
) -> DateTime:
    return DateTime(year, month, day, hour, minute, second, microsecond, tzinfo=timezone(tz))


def now(tz: Any = "UTC") -> DateTime:
    return DateTime.now(timezone(tz))


def today(tz: Any = "UTC") -> DateTime:
    return now(tz).replace(hour=0, minute=0, second=0, microsecond=0)


def yesterday(tz: Any = "UTC") -> DateTime:
    return today(tz) - timedelta(days=1)


def tomorrow(tz: Any = "UTC") -> DateTime:
    return today(tz) + timedelta(days=1)


def parse(text: str, tz: Any = "UTC") -> DateTime:
    return instance(datetime.fromisoformat(text), tz)


def duration(**units: float) -> timedelta:
    return timedelta(**units)


def days_ago(n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    """Midnight UTC, n days ago, with the time of day replaced."""
    return today().replace(hour=hour, minute=minute, second=second, microsecond=microsecond) - timedelta(days=n)


def utcnow() -> DateTime:
    return now()


PENDULUM = {
    "DateTime": DateTime, "Date": date, "Duration": timedelta, "UTC": UTC, "datetime": _datetime, "duration": duration,
    "instance": instance, "local": _datetime, "now": now, "parse": parse, "timezone": timezone, "today": today,
    "tomorrow": tomorrow, "yesterday": yesterday,
}  # fmt: skip
"""What `import pendulum` offers where pendulum is missing."""


def airflow_timezone() -> ModuleType:
    """`airflow.utils.timezone`."""
    module = ModuleType("airflow.utils.timezone")
    module.__dict__.update(
        utc=UTC, datetime=_datetime, utcnow=utcnow, parse=parse, is_localized=lambda value: value.utcoffset() is not None,
        is_naive=lambda value: value.utcoffset() is None, make_aware=instance, coerce_datetime=instance,
        convert_to_utc=lambda value: instance(value).astimezone(UTC),
    )  # fmt: skip
    return module
