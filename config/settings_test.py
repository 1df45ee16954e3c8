"""Settings of the test suite: the product's own, with what only tests may weaken."""

import os
import tempfile

os.environ.setdefault("DEBUG", "false")
os.environ.setdefault("SECRET_KEY", "tests-only-" + "x" * 50)
os.environ.setdefault("SIGNALBOX_KEK", "t1:" + "A" * 43 + "=")
if "SIGNALBOX_HOME" not in os.environ:
    os.environ["SIGNALBOX_HOME"] = tempfile.mkdtemp(prefix="signalbox-test-")

from config.settings import *  # noqa: F403
from config.settings import DATABASES

ALLOWED_HOSTS = ["*"]
# Tests present wrong keys by the thousand, all from one address.
FAILED_KEYS_PER_MINUTE = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Every test client loads the middleware, which would look for all static files each time.
WHITENOISE_AUTOREFRESH = True
# Tests tell of days that stay where they are while time goes on.
EVENT_RETENTION_DAYS = END_USER_RETENTION_DAYS = REPORT_RETENTION_DAYS = 0
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# A gateway that ends with its test leaves no thread behind that still has a connection.
DATABASES["default"]["CONN_MAX_AGE"] = 0
# A session on its own server copies a database that is migrated already.
if template := os.environ.get("SIGNALBOX_TEST_TEMPLATE"):
    DATABASES["default"]["TEST"] = {"TEMPLATE": template, "MIGRATE": False}
