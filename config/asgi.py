"""Where requests come in: inference goes to the gateway's edge, the rest to Django."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Django has to be set up before anything that imports models.
_django = get_asgi_application()

from config.application import Application  # noqa: E402

__all__ = ["Application", "application"]

application = Application(_django)
