"""Requests that carry an `Idempotency-Key` are answered once, however often they come.

keys.py       what the client names, and what makes two requests the same
kept.py       an answer as it is kept: the bytes that were sent, and its usage event
register.py   who answers: claims, leases and answers, in PostgreSQL
recording.py  a stream that is kept while it is sent
replay.py     an answer that is given once more
once.py       how one request goes through all of this
"""
