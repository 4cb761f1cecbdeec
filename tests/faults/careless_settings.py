"""Acks for messages that are only in memory: with these settings the cases that kill MongoDB have
to fail (`make chaos ARGS="--case F5 --careless"`), or they could not find a loss."""

from imsystem.settings import *  # noqa: F403
from imsystem.settings import DATABASES, MONGODB_OPTIONS

MONGODB_OPTIONS |= {"w": 1, "journal": False}
DATABASES["default"]["OPTIONS"] = MONGODB_OPTIONS
