"""AWS Signature Version 4: who sent a request, and whether he knows the secret.

IAM User Guide, "Create a signed AWS API request": the signature stands in the header
`Authorization: AWS4-HMAC-SHA256 Credential=key/date/region/service/aws4_request, SignedHeaders=…, Signature=…`, or, of a presigned URL, in
the parameters `X-Amz-Algorithm`, `X-Amz-Credential`, `X-Amz-Date`, `X-Amz-Expires`, `X-Amz-SignedHeaders` and `X-Amz-Signature`.

The body is always signed: `UNSIGNED-PAYLOAD` is for Amazon S3. A request may be replayed while its signature is valid, as with AWS.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from message_queues.protocols.aws.faults import AwsFault

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
CLOCK_SKEW: Final = timedelta(minutes=15)
LONGEST_PRESIGNED_S: Final = 604_800
ISO_BASIC: Final = "%Y%m%dT%H%M%SZ"
FORBIDDEN: Final = 403

_CREDENTIAL: Final = re.compile(rb"Credential=([^/,\s&]+)/(\d{8})/([^/,\s&]*)/([^/,\s&]*)/aws4_request")
_STAMP: Final = re.compile(r"\d{8}T\d{6}Z")
_SPACES: Final = re.compile(rb"\s+")


class Credential(NamedTuple):
    """Of the scope `access_key/date/region/service/aws4_request`."""

    access_key: str
    date: str
    """YYYYMMDD."""
    region: str
    service: str


class SignedRequest(NamedTuple):
    """As it came: the path and the query still escaped, names of headers in lower case."""

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


def credential_of(headers: Mapping[bytes, bytes], query: bytes) -> Credential | None:
    """What a request says of its sender, unchecked. None if it says nothing that can be read."""
    authorization = headers.get(b"authorization")
    if authorization is not None:
        return _credential(authorization)
    return _credential(query.replace(b"%2F", b"/").replace(b"%2f", b"/")) if b"X-Amz-Credential=" in query else None


@lru_cache(maxsize=1024)
def _scope(found: tuple[bytes, ...]) -> Credential:
    return Credential(*(part.decode("latin-1") for part in found))


def _credential(text: bytes) -> Credential | None:
    found = _CREDENTIAL.search(text)
    return _scope(found.groups()) if found else None


@dataclass(frozen=True, slots=True)
class _Authorization:
    credential: Credential
    signed_headers: tuple[str, ...]
    signature: str
    stamp: str
    """X-Amz-Date, as it was signed."""
    signed_at: datetime
    expires: timedelta | None
    """Of a presigned URL."""


def verify(request: SignedRequest, service: str, secrets: Mapping[str, str], now_ms: int) -> Credential:
    """The sender of a request to `service` (`sqs`, `sns`) at `now_ms` (milliseconds of Unix time). `secrets` are by access key.

    Raises:
        AwsFault: IncompleteSignature (400); MissingAuthenticationToken, InvalidClientTokenId, SignatureDoesNotMatch (403), the last one
            also for a clock that is more than 15 minutes wrong; RequestExpired (400) for a presigned URL whose time is over.
    """
    authorization = _authorization(request)
    _check_scope(authorization, service)
    secret = secrets.get(authorization.credential.access_key)
    if secret is None:
        raise AwsFault(
            "UnrecognizedClientException", "The security token included in the request is invalid.", FORBIDDEN, "InvalidClientTokenId"
        )
    _check_time(authorization, datetime.fromtimestamp(now_ms / 1000, UTC))
    canonical = canonical_request(request, authorization.signed_headers)
    to_sign = string_to_sign(authorization.stamp, authorization.credential, canonical)
    if not hmac.compare_digest(sign(secret, authorization.credential, to_sign), authorization.signature.encode("ascii", "replace")):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing "
            "method. Consult the service documentation for details.\n\n"
            f"The Canonical String for this request should have been\n'{canonical}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
        )
    return authorization.credential


def missing_authentication() -> AwsFault:
    """A request without any signature. Amazon SNS answers so; Amazon SQS takes it for one of anybody, whom a policy may let in."""
    return AwsFault(
        "MissingAuthenticationTokenException", "Request is missing Authentication Token", FORBIDDEN, "MissingAuthenticationToken"
    )


# What the request says


def _authorization(request: SignedRequest) -> _Authorization:
    headers = dict(request.headers)
    header = headers.get(b"authorization")
    parameters = {unquote(name): unquote(value) for name, value in _pairs(request.query)}
    if header is not None and "X-Amz-Algorithm" in parameters:
        raise _mismatch("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
    if header is not None:
        return _of_header(header.decode("latin-1"), headers)
    if "X-Amz-Algorithm" in parameters or "X-Amz-Signature" in parameters:
        return _of_parameters(parameters)
    raise missing_authentication()


def _of_header(header: str, headers: Mapping[bytes, bytes]) -> _Authorization:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:64]}', only {ALGORITHM} is supported.")
    given = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    stamp = _stamp(headers)
    missing = [
        f"Authorization header requires '{name}' parameter." for name in ("Credential", "Signature", "SignedHeaders") if not given.get(name)
    ]
    if stamp is None:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing or stamp is None:
        raise _incomplete(f"{' '.join(missing)} Authorization={algorithm}")
    return _parsed(given["Credential"], given["SignedHeaders"], given["Signature"], stamp, None)


def _stamp(headers: Mapping[bytes, bytes]) -> str | None:
    """X-Amz-Date, or the header Date as X-Amz-Date would be."""
    text = headers.get(b"x-amz-date", headers.get(b"date", b"")).decode("latin-1").strip()
    if _STAMP.fullmatch(text) or not text:
        return text or None
    try:
        moment = parsedate_to_datetime(text)
        # RFC 5322, 3.3: "-0000" is UTC too, and Python gives it no zone.
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime(ISO_BASIC)
    except (ValueError, OverflowError):
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{text[:64]}'.") from None


def _of_parameters(parameters: Mapping[str, str]) -> _Authorization:
    names = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
    missing = [f"AWS query-string parameters must include '{name}'." for name in names if not parameters.get(name)]
    if missing:
        raise _incomplete(f"{' '.join(missing)} Re-examine the query-string parameters.")
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{parameters['X-Amz-Algorithm'][:64]}', only {ALGORITHM} is supported.")
    expires = parameters.get("X-Amz-Expires", str(int(CLOCK_SKEW.total_seconds())))
    if not (expires.isascii() and expires.isdigit() and len(expires) < 10 and int(expires) <= LONGEST_PRESIGNED_S):
        raise _incomplete(f"X-Amz-Expires must be a number of seconds in 0..{LONGEST_PRESIGNED_S}, not '{expires[:64]}'.")
    return _parsed(
        parameters["X-Amz-Credential"],
        parameters["X-Amz-SignedHeaders"],
        parameters["X-Amz-Signature"],
        parameters["X-Amz-Date"],
        timedelta(seconds=int(expires)),
    )


def _parsed(scope: str, signed_headers: str, signature: str, stamp: str, expires: timedelta | None) -> _Authorization:
    parts = scope.split("/")
    if len(parts) != 5:
        raise _incomplete(
            f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{scope[:128]}'"
        )
    if parts[4] != TERMINATOR:
        raise _mismatch(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{parts[4][:64]}'.")
    try:
        if not _STAMP.fullmatch(stamp):
            raise ValueError
        signed_at = datetime.strptime(stamp, ISO_BASIC).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{stamp[:64]}'.") from None
    names = tuple(signed_headers.lower().split(";"))
    return _Authorization(Credential(*parts[:4]), names, signature, stamp, signed_at, expires)


# Checks


def _check_scope(authorization: _Authorization, service: str) -> None:
    credential, stamp = authorization.credential, authorization.stamp
    if credential.service != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'.")
    if credential.date != stamp[:8]:
        raise _mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{credential.date[:64]}' != '{stamp[:8]}', from '{stamp}'."
        )
    if "host" not in authorization.signed_headers:
        raise _mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")


def _check_time(authorization: _Authorization, now: datetime) -> None:
    stamp, age = authorization.stamp, now - authorization.signed_at
    if age < -CLOCK_SKEW:
        raise _mismatch(
            f"Signature not yet current: {stamp} is still later than {_iso(now + CLOCK_SKEW)} ({_iso(now)} + {_minutes(CLOCK_SKEW)} min.)"
        )
    if authorization.expires is not None:
        if age > authorization.expires:
            valid_s = int(authorization.expires.total_seconds())
            raise AwsFault("RequestExpired", f"Request has expired: it was valid for {valid_s} s from {stamp} on.")
    elif age > CLOCK_SKEW:
        raise _mismatch(
            f"Signature expired: {stamp} is now earlier than {_iso(now - CLOCK_SKEW)} ({_iso(now)} - {_minutes(CLOCK_SKEW)} min.)"
        )


def _iso(moment: datetime) -> str:
    return moment.strftime(ISO_BASIC)


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds()) // 60


def _mismatch(message: str) -> AwsFault:
    return AwsFault("InvalidSignatureException", message, FORBIDDEN, "SignatureDoesNotMatch")


def _incomplete(message: str) -> AwsFault:
    return AwsFault("IncompleteSignatureException", message, query_code="IncompleteSignature")


# Signing


def canonical_request(request: SignedRequest, signed_headers: Sequence[str]) -> str:
    headers = "".join(f"{name}:{_values(request.headers, name)}\n" for name in signed_headers)
    return "\n".join(
        (
            request.method.upper(),
            quote(normalized_path(request.path), safe="/~"),
            _canonical_query(request.query),
            headers,
            ";".join(signed_headers),
            sha256(request.body).hexdigest(),
        )
    )


def normalized_path(path: bytes) -> bytes:
    """RFC 3986, 6.2.2.3, and without empty segments. It is escaped once more than it came."""
    segments: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            segments = segments[:-1]
        elif segment not in (b"", b"."):
            segments.append(segment)
    end = b"/" if segments and path.endswith((b"/", b"/.", b"/..")) else b""
    return b"/" + b"/".join(segments) + end


def _pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    return [pair.partition(b"=")[::2] for pair in query.split(b"&") if pair]


def _canonical_query(query: bytes) -> str:
    """Sorted, and escaped as RFC 3986 has it, whatever the client escaped."""
    pairs = ((_escaped(name), _escaped(value)) for name, value in _pairs(query) if name != b"X-Amz-Signature")
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _escaped(text: bytes) -> str:
    return quote(unquote(text, errors="surrogateescape").encode("utf-8", "surrogateescape"), safe="-_.~")


def _values(headers: Sequence[tuple[bytes, bytes]], name: str) -> str:
    wanted = name.encode("latin-1", "replace")
    return ",".join(_SPACES.sub(b" ", value.strip()).decode("latin-1") for header, value in headers if header == wanted)


def string_to_sign(stamp: str, credential: Credential, canonical: str) -> str:
    scope = f"{credential.date}/{credential.region}/{credential.service}/{TERMINATOR}"
    return "\n".join((ALGORITHM, stamp, scope, sha256(canonical.encode("latin-1", "replace")).hexdigest()))


def sign(secret: str, credential: Credential, to_sign: str) -> bytes:
    """The signature as hexadecimal digits."""
    key = _signing_key(secret, credential.date, credential.region, credential.service)
    return hmac.new(key, to_sign.encode(), sha256).hexdigest().encode()


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.new(key, part.encode(), sha256).digest()
    return key
