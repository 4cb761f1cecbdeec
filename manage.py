#!/usr/bin/env python
"""IMSystem's command line: `python manage.py up` starts the whole system."""

import os
import sys


def main() -> None:
    """Runs a command. A wrong setting or a missing database ends it with one line."""
    try:
        run(sys.argv)
    except Exception as exc:
        from imsystem.ops.failures import one_line

        line = None if "--traceback" in sys.argv else one_line(exc)
        if line is None:
            raise
        sys.exit(f"error: {line}")


def run(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imsystem.settings")
    from imsystem.ops import stdio

    stdio.install(arguments)
    if arguments[1:2] == ["up"]:
        # `up` starts processes and needs no apps; importing them all first would cost 2 s.
        from imsystem.management.commands.up import Command

        Command().run_from_argv(arguments)
        return
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)


if __name__ == "__main__":
    main()
