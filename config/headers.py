"""What a browser may do with the pages: run this site's scripts, and be framed by nobody."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# Alpine, which unfold is made with, evaluates what stands in attributes ('unsafe-eval'),
# and unfold writes the colours of its theme into the page (styles 'unsafe-inline').
# Scripts written into a page are run in no case.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_LOGIN = frozenset({"login", "account_login"})


class ContentSecurityMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = _POLICY
        match = request.resolver_match
        # Its button leads on to the identity provider, wherever that is.
        if not settings.OIDC["issuer"] or match is None or match.url_name not in _LOGIN:
            policy = f"{policy}; form-action 'self'"
        response.headers.setdefault("Content-Security-Policy", policy)
        return response
