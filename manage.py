#!/usr/bin/env python
"""Django's command line, with the embedded servers of a development checkout."""

import os
import sys

from django.core.management import execute_from_command_line

from config import development
from config.embedded import ServerFailed

WITHOUT_SERVERS = {
    "compilemessages",
    "diffsettings",
    "help",
    "makemessages",
    "makemigrations",
    "startapp",
    "version",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    development.prepare()
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command.startswith("-") or command in WITHOUT_SERVERS or "--help" in sys.argv:
        execute_from_command_line(sys.argv)
        return
    try:
        servers = development.servers()
    except ServerFailed as failure:
        sys.exit(str(failure))
    with servers:
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
