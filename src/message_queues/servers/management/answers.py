"""What a call to the management API ends with: an answer, or a refusal in RabbitMQ's words.

A refusal is `{"error": …, "reason": …}`. RabbitMQ prints Erlang terms into some reasons: a tuple becomes a JSON list, missing keys are
printed as Erlang prints them. Programs compare these texts, so they are made here word for word.
"""

import json
from collections.abc import Sequence

import msgspec

Headers = list[tuple[str, str]]

CONTENT_SECURITY_POLICY = ("content-security-policy", "script-src 'self' 'unsafe-eval' 'unsafe-inline'; object-src 'self'")
JSON_TYPE = ("content-type", "application/json")
NOT_CACHED = ("cache-control", "no-cache")
REALM = ("www-authenticate", 'Basic realm="RabbitMQ Management"')


def _plain(value: object) -> object:
    """Numbers of field tables that know their type."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


_encoder = msgspec.json.Encoder(order=None, enc_hook=_plain)


class Answer:
    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: Headers | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else []


class Refused(Exception):
    """The call ends here with this status."""

    def __init__(self, status: int, error: str = "", reason: object = "", headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(f"{status} {error}: {reason}")
        self.status = status
        self.error = error
        self.reason = reason
        self.headers = list(headers)
        self.extra: dict[str, object] = {}

    def answer(self) -> Answer:
        if not self.error:
            return Answer(self.status, b"", [CONTENT_SECURITY_POLICY, ("vary", "origin"), *self.headers])
        body = encode({"error": self.error, "reason": self.reason, **self.extra})
        return Answer(self.status, body, [CONTENT_SECURITY_POLICY, JSON_TYPE, ("vary", "origin"), *self.headers])


def encode(document: object) -> bytes:
    try:
        return _encoder.encode(document)
    except UnicodeEncodeError:
        # A name from the wire that is no UTF-8 keeps its bytes as lone surrogates: written as \udcXX, which JSON allows.
        return json.dumps(document, separators=(",", ":")).encode()


def document(value: object, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, encode(value), [CONTENT_SECURITY_POLICY, NOT_CACHED, JSON_TYPE, ("vary", "accept, accept-encoding, origin")])


def empty(status: int, headers: Sequence[tuple[str, str]] = ()) -> Answer:
    return Answer(status, b"", [CONTENT_SECURITY_POLICY, ("vary", "accept, accept-encoding, origin"), *headers])


def object_not_found() -> Refused:
    """Nothing is at this path, or what it names does not exist."""
    return Refused(404, "Object Not Found", "Not Found")


def not_found(reason: str) -> Refused:
    return Refused(404, "not_found", reason)


def bad_request(reason: object) -> Refused:
    return Refused(400, "bad_request", reason)


def not_authorised(reason: str) -> Refused:
    return Refused(401, "not_authorised", reason)


def missing_keys(keys: Sequence[str]) -> Refused:
    """As Erlang prints a list of tuples: on one line while it fits into 80 columns, else one a line."""
    terms = [f"{{key_missing,{erlang_atom(key)}}}" for key in keys]
    line = f"[{','.join(terms)}]"
    return bad_request(line if len(line) < 80 else "[" + ",\n ".join(terms) + "]")


def erlang_atom(name: str) -> str:
    is_plain = name[:1].islower() and name.replace("_", "").replace("@", "").isalnum()
    return name if is_plain else f"'{name}'"
