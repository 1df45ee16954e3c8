"""What every call in this protocol shares."""

NAME = "openai_responses"
HEADERS: dict[str, str] = {}


def stream_path(path: str) -> str:
    """Return the path of the streamed call, which is that of the plain one."""
    return path
