"""An ASGI extension: a whole response in one message, its head already written out.

The server below offers it by this name in `scope["extensions"]`. The message holds
`status`, `head` (header lines, each ended by CR LF, content-length among them) and `body`.
"""

PREPARED_RESPONSE = "signalbox.response"
