"""Authentication that depends on the call, or on the time."""

import hashlib
from typing import Protocol

from yarl import URL

from gateway.configuration.records import CredentialRecord, ProviderRecord
from gateway.upstream.aws_signing import AwsSigner
from gateway.upstream.service_accounts import ServiceAccount

_MAX_ACCOUNTS = 1_000

# Tokens outlive the targets that they are presented to: by account, not by target.
_accounts: dict[tuple[bytes, bool], ServiceAccount] = {}


class Authorizer(Protocol):
    async def headers(
        self, method: str, url: URL, body: bytes, content_type: bytes
    ) -> bytes:
        """Return header lines, each with its end. Raises `UpstreamError`."""
        ...


def authorizer_for(
    provider: ProviderRecord, credential: CredentialRecord | None
) -> Authorizer | None:
    """Return who signs calls to the provider; None where a header says it all."""
    if credential is None or credential.secret is None:
        return None
    secret = credential.secret.reveal()
    match provider.auth_kind:
        case "aws_sigv4":
            return AwsSigner(secret, provider.region)
        case "oauth_service_account":
            # It names itself where its tokens are to be had.
            allow_private = provider.allow_private_addresses and not credential.is_own
            return _account(secret, allow_private=allow_private)
        case _:
            return None


def _account(secret: str, *, allow_private: bool) -> ServiceAccount:
    key = (hashlib.sha256(secret.encode("utf-8", "replace")).digest(), allow_private)
    account = _accounts.get(key)
    if account is None:
        if len(_accounts) >= _MAX_ACCOUNTS:
            _accounts.clear()
        account = ServiceAccount(secret, allow_private=allow_private)
        _accounts[key] = account
    return account
