"""A web worker whose clock is wrong: `CLOCK_SHIFT=-90 python -m tests.faults.shifted_clock FD`."""

import datetime as dt
import os
import runpy

import time_machine

if __name__ == "__main__":
    shift = dt.timedelta(seconds=float(os.environ["CLOCK_SHIFT"]))
    with time_machine.travel(dt.datetime.now(dt.UTC) + shift, tick=True):
        runpy.run_module("imsystem.embedded.web", run_name="__main__", alter_sys=True)
