"""How a request that carries a key is answered: by whoever comes first, and for all."""

from collections.abc import Awaitable, Callable, Mapping

from gateway.idempotency.keys import key_of
from gateway.idempotency.recording import RecordedStream, kept_of
from gateway.idempotency.replay import replayed
from gateway.replies import EdgeReply
from gateway.views.edge_request import EdgeRequest


async def answer_once(
    request: EdgeRequest, answer: Callable[[], Awaitable[EdgeReply]]
) -> EdgeReply:
    """Answer the request, or give again what it was answered before.

    Kept is what a provider, or the cache, answered. A refusal, and a provider that failed,
    leave the key free for another try. Raises a `Refusal`.
    """
    key, gateway, scope = request.key, request.gateway, request.scope
    register = gateway.idempotency
    claim = register.namer.claim(
        key_of(scope["headers"]),
        key.project.id,
        request.path,
        query=scope["query_string"],
        content_type=request.edge_headers.get(b"content-type", b""),
        content=request.content,
        end_user=_whom(request.edge_headers),
        request_id=request.request_id,
    )
    kept = await register.claim(claim)
    if kept is not None:
        return await replayed(kept, key, request.request_id, gateway, request.began)
    try:
        reply = await answer()
    except Exception:
        await register.free(claim)
        raise
    except BaseException:
        register.leave(claim)
        raise
    attempt = reply.attempt
    if attempt is not None and reply.stream is not None:
        reply.stream = RecordedStream(reply, reply.stream, attempt, claim, register)
    elif attempt is not None and attempt.status == "ok":
        kept = kept_of(reply, attempt, reply.body, is_stream=False)
        await register.keep(claim, kept)
    else:
        await register.free(claim)
    return reply


def _whom(headers: Mapping[bytes, bytes]) -> bytes:
    """Return for whom the answer is, and what the model was to be told of them."""
    user = headers.get(b"x-signalbox-user", b"")
    context = headers.get(b"x-signalbox-context")
    return user if context is None else b"%b\0%b" % (user, context)
