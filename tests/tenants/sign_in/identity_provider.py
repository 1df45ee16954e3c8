"""A small OpenID Connect provider on loopback: it signs, and it checks what it is asked.

Who signs in is whoever `person` says; nobody is asked for a password.
"""

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "signalbox", "a-secret-of-the-client"
KID = "key-1"


@dataclass
class IdentityProvider:
    person: dict[str, Any] = field(default_factory=dict)
    # What to do wrong.
    wrong: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.other_key = rsa.generate_private_key(65537, 2048)
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self, {})

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                sent = parse_qs(self.rfile.read(length).decode())
                provider.answer(self, {k: v[0] for k, v in sent.items()})

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, sent: dict[str, str]) -> None:
        url = urlsplit(request.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        match url.path:
            case "/.well-known/openid-configuration":
                _send(request, self._discovery())
            case "/authorize":
                self._authorize(request, query)
            case "/token":
                self._token(request, sent)
            case "/userinfo":
                _send(request, self._userinfo(request.headers["Authorization"] or ""))
            case "/jwks":
                _send(request, {"keys": [self._jwk()]})
            case _:
                _send(request, {}, 404)

    def _discovery(self) -> dict[str, Any]:
        issuer = "http://elsewhere.example" if self.wrong == "issuer" else self.issuer
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def _authorize(
        self, request: BaseHTTPRequestHandler, query: dict[str, str]
    ) -> None:
        self.asked.append(query)
        code = f"code-{len(self.asked)}"
        self._codes[code] = query
        told = {"code": code, "state": query["state"]}
        if self.wrong == "denied":
            told = {"error": "access_denied", "state": query["state"]}
        request.send_response(302)
        request.send_header("Location", f"{query['redirect_uri']}?{urlencode(told)}")
        request.end_headers()

    def _token(self, request: BaseHTTPRequestHandler, sent: dict[str, str]) -> None:
        asked = self._codes.pop(sent.get("code", ""), None)
        if asked is None or not self._proves(asked, sent):
            _send(request, {"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": "somebody-else" if self.wrong == "audience" else CLIENT_ID,
            "iat": now,
            "exp": now - 60 if self.wrong == "expired" else now + 300,
            **self.person,
        }
        key = self.other_key if self.wrong == "signature" else self.key
        id_token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": KID})
        answer = {
            "access_token": f"access-{self.person['sub']}",
            "token_type": "Bearer",
            "id_token": id_token,
        }
        if self.wrong == "no_id_token":
            del answer["id_token"]
        _send(request, answer)

    def _proves(self, asked: dict[str, str], sent: dict[str, str]) -> bool:
        """Check the client's secret, its address, and the proof of PKCE."""
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return (
            sent.get("client_id") == CLIENT_ID
            and sent.get("client_secret") == CLIENT_SECRET
            and sent.get("redirect_uri") == asked["redirect_uri"]
            and asked.get("code_challenge_method") == "S256"
            and challenge == asked.get("code_challenge")
        )

    def _userinfo(self, authorization: str) -> dict[str, Any]:
        assert authorization == f"Bearer access-{self.person['sub']}"
        if self.wrong == "other_person":
            return {**self.person, "sub": "somebody-else"}
        return self.person

    def _jwk(self) -> dict[str, Any]:
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {**jwk, "kid": KID, "alg": "RS256", "use": "sig"}


def _send(request: BaseHTTPRequestHandler, body: Any, status: int = 200) -> None:
    content = json.dumps(body).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
