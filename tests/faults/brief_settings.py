"""Access tokens of five seconds, so that a test can outlive many of them."""

import datetime as dt

from imsystem.settings import *  # noqa: F403
from imsystem.settings import SIMPLE_JWT

SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"] = dt.timedelta(seconds=5)
