"""When a task may run, given the states of the tasks before it."""

from enum import StrEnum
from typing import Any

from mainspring.airflow.exceptions import AirflowException, UnsupportedFeature

_RENAMED = {"dummy": "always", "none_failed_or_skipped": "none_failed_min_one_success"}


class TriggerRule(StrEnum):
    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALL_SKIPPED = "all_skipped"
    ALWAYS = "always"

    @classmethod
    def parse(cls, value: Any) -> "TriggerRule":
        if value == "all_done_setup_success":
            raise UnsupportedFeature(
                "trigger rule 'all_done_setup_success'", "setup and teardown tasks are not supported"
            )
        try:
            return cls(_RENAMED.get(value, value))
        except ValueError:
            raise AirflowException(f"trigger_rule {value!r} must be one of {', '.join(cls)}") from None


class WeightRule(StrEnum):
    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"
