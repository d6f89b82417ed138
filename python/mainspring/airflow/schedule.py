"""Schedules: presets, cron expressions, intervals and the timetables that are one of them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from mainspring.airflow.exceptions import AirflowException, UnsupportedFeature

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}

_CRON_FIELD = re.compile(r"^[0-9A-Za-z*/,#?\-]+$")


class CronTimetable:
    """CronTriggerTimetable and CronDataIntervalTimetable: a cron expression in a time zone."""

    def __init__(self, cron: str, *, timezone: Any = None, interval: timedelta | None = None):
        if interval:
            raise UnsupportedFeature("CronTriggerTimetable(interval=...)", "leave the interval out")
        self.schedule = schedule(cron)
        self.timezone = timezone


class DeltaTimetable:
    """DeltaTriggerTimetable and DeltaDataIntervalTimetable: every so often."""

    def __init__(self, delta: timedelta):
        self.schedule = schedule(delta)
        self.timezone = None


def schedule(value: Any) -> dict[str, Any] | None:
    """A schedule as Mainspring's scheduler reads it."""
    if value is None or value == "None":
        return None
    if isinstance(value, timedelta):
        if value <= timedelta(0):
            raise AirflowException(f"a schedule interval must be positive, not {value}")
        return {"kind": "interval", "seconds": value.total_seconds()}
    if isinstance(value, CronTimetable | DeltaTimetable):
        return value.schedule
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, list | tuple | set):
        raise UnsupportedFeature(
            "a schedule of datasets or assets", "use a cron expression, or a trigger in mainspring.toml"
        )
    raise UnsupportedFeature(
        f"a schedule of type {type(value).__name__}", "use a preset, a cron expression or a timedelta"
    )


def _from_text(text: str) -> dict[str, Any]:
    if text == "@once":
        return {"kind": "once"}
    if text == "@continuous":
        raise UnsupportedFeature("schedule '@continuous'", "use a short timedelta with max_active_runs=1")
    expression = PRESETS.get(text, text)
    fields = expression.split()
    if len(fields) != 5 or not all(_CRON_FIELD.match(field) for field in fields):
        raise AirflowException(
            f"schedule {text!r} is neither a preset ({', '.join(PRESETS)}, @once) nor a cron expression "
            "of five fields: minute, hour, day of month, month, day of week"
        )
    return {"kind": "cron", "expression": expression}


def zone_name(zone: tzinfo | str | None) -> str | None:
    """The IANA name of a time zone, however it was given."""
    if zone is None:
        return None
    if isinstance(zone, str):
        return ZoneInfo(zone).key
    name = getattr(zone, "key", None) or getattr(zone, "name", None) or zone.tzname(None)
    if not isinstance(name, str):
        raise AirflowException(
            f"cannot tell the name of time zone {zone!r}; use zoneinfo.ZoneInfo or pendulum.timezone"
        )
    return "UTC" if name in ("Z", "UTC", "UTC+00:00", "+00:00") else name


def as_utc(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC; a moment without a zone is read as UTC."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
