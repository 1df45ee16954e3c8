"""The ASGI interface, as far as the gateway uses it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# An extension: a whole response in one message, its head already written out. A server
# that offers it names it in `scope["extensions"]`. The message holds `status`, `head`
# (header lines, each ended by CR LF, content-length among them) and `body`.
PREPARED_RESPONSE = "signalbox.response"
# The same for a response whose body comes in pieces, as `http.response.body` messages: its
# head holds no content-length, and leaves together with a first piece that comes at once.
PREPARED_START = "signalbox.response.start"
# A message that ends a response in the middle: the connection is closed, without what would
# say that the body is whole.
CUT_RESPONSE = "signalbox.response.cut"
# The open gateway of this process, for Django's views that ask it something.
OPEN_GATEWAY = "signalbox.gateway"
