#!/usr/bin/env python
"""IMSystem's command line: `python manage.py up` starts the whole system."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imsystem.settings")
    if sys.argv[1:2] == ["up"]:
        # It starts processes and needs no apps; importing them all first would cost 2 s.
        from imsystem.management.commands.up import Command

        Command().run_from_argv(sys.argv)
        return
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
