"""Amazon Bedrock's Converse as we speak it to a provider.

Source of the format:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from gateway.adapters.bedrock_converse.errors import error_code
from gateway.adapters.bedrock_converse.frames import Cutter
from gateway.adapters.bedrock_converse.inspector import StreamInspector
from gateway.adapters.bedrock_converse.parser import StreamParser
from gateway.adapters.bedrock_converse.request import build_relayed, build_request
from gateway.adapters.bedrock_converse.response import parse_response, parse_result
from gateway.adapters.bedrock_converse.wire import NAME
from gateway.adapters.reading import Unreadable

HEADERS: dict[str, str] = {}

__all__ = [
    "HEADERS",
    "NAME",
    "Cutter",
    "StreamInspector",
    "StreamParser",
    "Unreadable",
    "build_relayed",
    "build_request",
    "error_code",
    "parse_response",
    "parse_result",
    "stream_path",
]


def stream_path(path: str) -> str:
    """Return the path for streams: a method of its own."""
    whole, mark, query = path.partition("?")
    if whole.endswith("/converse"):
        whole += "-stream"
    return whole + mark + query
