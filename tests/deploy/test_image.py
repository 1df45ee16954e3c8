"""The image, as far as it can be judged without building it."""

from tests.deploy.programs import run


def test_hadolint_has_nothing_to_say() -> None:
    judged = run("hadolint", ["--failure-threshold", "info", "Dockerfile"])

    assert judged.stdout == ""
    assert judged.returncode == 0
