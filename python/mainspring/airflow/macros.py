"""Functions for templates: `{{ macros.ds_add(ds, 7) }}`."""

import json
import random
import time
import uuid
from datetime import datetime, timedelta

__all__ = ["datetime", "ds_add", "ds_format", "json", "random", "time", "timedelta", "uuid"]


def ds_add(ds: str, days: int) -> str:
    """The date `days` later, as YYYY-MM-DD."""
    return f"{datetime.strptime(str(ds), '%Y-%m-%d') + timedelta(days=days):%Y-%m-%d}"


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """The date in another format, as `strftime` writes it."""
    return datetime.strptime(str(ds), input_format).strftime(output_format)
