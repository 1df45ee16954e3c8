"""What a target gave."""

import msgspec

from gateway.attempts import Attempt
from gateway.candidates import Candidate
from gateway.event_streams import AnswerStream
from gateway.exchange import Exchange
from gateway.types import UpstreamReply


class Answer(msgspec.Struct):
    """A whole reply, or a stream of which the first content is here."""

    candidate: Candidate
    attempt: Attempt
    attempts: int
    is_fallback: bool
    upstream_s: float
    reply: UpstreamReply | None = None
    stream: AnswerStream | None = None
    dropped: tuple[str, ...] = ()
    # What can still make a canonical result of the reply.
    exchange: Exchange | None = None
