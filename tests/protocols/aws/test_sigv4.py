"""Signatures: botocore's signers sign, we verify."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.aws.sigv4 import Credential, SignedRequest, credential_of, missing_authentication, normalized_path, verify

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SECRETS = {KEY: SECRET}
URL = "http://127.0.0.1:9324/"
BODY = b'{"QueueName":"orders"}'


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def as_it_comes(request: AWSRequest) -> SignedRequest:
    """What a server sees of it."""
    prepared = request.prepare()
    url = urlsplit(prepared.url)
    headers = [
        (name.lower().encode(), value if isinstance(value, bytes) else str(value).encode()) for name, value in prepared.headers.items()
    ]
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", url.netloc.encode()))
    return SignedRequest(request.method, url.path.encode() or b"/", url.query.encode(), headers, prepared.body or b"")


def signed(
    url: str = URL,
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    key: str = KEY,
    secret: str = SECRET,
    token: str | None = None,
) -> SignedRequest:
    request = AWSRequest("POST", url, data=body, headers={"X-Amz-Target": "AmazonSQS.CreateQueue", **(headers or {})})
    SigV4Auth(Credentials(key, secret, token), "sqs", "eu-west-1").add_auth(request)
    return as_it_comes(request)


def presigned(url: str, expires: int = 60) -> SignedRequest:
    request = AWSRequest("GET", url)
    SigV4QueryAuth(Credentials(KEY, SECRET), "sqs", "eu-west-1", expires=expires).add_auth(request)
    return as_it_comes(request)


def with_header(request: SignedRequest, name: bytes, value: bytes | None) -> SignedRequest:
    kept = [header for header in request.headers if header[0] != name]
    return request._replace(headers=kept if value is None else [*kept, (name, value)])


def header(request: SignedRequest, name: bytes) -> bytes:
    return dict(request.headers)[name]


def refused(request: SignedRequest, at_ms: int | None = None, service: str = "sqs") -> AwsFault:
    with pytest.raises(AwsFault) as refusal:
        verify(request, service, SECRETS, at_ms or now_ms())
    return refusal.value


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://127.0.0.1:9324",
        "http://127.0.0.1:9324/000000000000/orders",
        "http://127.0.0.1:9324/000000000000/orders.fifo/",
        "http://127.0.0.1:9324//000000000000/./x/../orders",
        "http://127.0.0.1:9324/a%20b/%C3%BC",
        "http://127.0.0.1:9324/?Action=ListQueues&QueueNamePrefix=a%20b%2Fc&Empty=",
        "http://sqs.eu-west-1.localhost:9324/?b=2&a=1&b=1",
    ],
)
def test_what_botocore_signs_is_accepted(url: str) -> None:
    assert verify(signed(url), "sqs", SECRETS, now_ms()) == Credential(KEY, f"{datetime.now(UTC):%Y%m%d}", "eu-west-1", "sqs")


@pytest.mark.parametrize("body", [b"", b"a=%20", bytes(range(256))])
def test_any_body_is_signed(body: bytes) -> None:
    assert verify(signed(body=body), "sqs", SECRETS, now_ms()).access_key == KEY


def test_headers_are_signed_without_superfluous_spaces() -> None:
    request = signed(headers={"X-Note": "  a   b  ", "Content-Type": "application/x-amz-json-1.0"}, token="session")
    assert b"x-note" in header(request, b"authorization")
    assert verify(request, "sqs", SECRETS, now_ms()).access_key == KEY


@pytest.mark.parametrize(
    "change",
    [
        lambda request: request._replace(body=request.body + b" "),
        lambda request: request._replace(method="PUT"),
        lambda request: request._replace(path=b"/other"),
        lambda request: request._replace(query=b"a=b"),
        lambda request: with_header(request, b"host", b"127.0.0.1:9325"),
        lambda request: with_header(request, b"x-amz-target", b"AmazonSQS.DeleteQueue"),
        lambda request: with_header(request, b"x-amz-target", None),
        lambda request: with_header(request, b"authorization", header(request, b"authorization")[:-1] + b"x"),
        lambda request: with_header(request, b"authorization", header(request, b"authorization").replace(b"eu-west-1", b"eu-west-2")),
    ],
)
def test_what_was_changed_is_refused(change: Callable[[SignedRequest], SignedRequest]) -> None:
    fault = refused(change(signed()))
    assert (fault.code, fault.query_code, fault.status) == ("InvalidSignatureException", "SignatureDoesNotMatch", 403)
    assert fault.message.startswith("The request signature we calculated does not match the signature you provided.")
    assert "The Canonical String for this request should have been\n'POST\n" in fault.message or "'PUT\n" in fault.message


def test_another_secret_is_refused() -> None:
    assert refused(signed(secret="other")).query_code == "SignatureDoesNotMatch"


def test_an_unknown_key_is_refused() -> None:
    fault = refused(signed(key="AKIDOTHER"))
    assert (fault.query_code, fault.status) == ("InvalidClientTokenId", 403)
    assert fault.message == "The security token included in the request is invalid."


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_may_be_a_quarter_of_an_hour_wrong(minutes: int) -> None:
    assert verify(signed(), "sqs", SECRETS, now_ms() + minutes * 60_000).access_key == KEY


def test_a_signature_expires() -> None:
    fault = refused(signed(), now_ms() + 16 * 60_000)
    assert fault.query_code == "SignatureDoesNotMatch"
    assert re.fullmatch(r"Signature expired: (\w+) is now earlier than (\w+) \(\w+ - 15 min\.\)", fault.message)


def test_a_signature_of_the_future_is_refused() -> None:
    fault = refused(signed(), now_ms() - 16 * 60_000)
    assert re.fullmatch(r"Signature not yet current: (\w+) is still later than (\w+) \(\w+ \+ 15 min\.\)", fault.message)


@pytest.mark.parametrize("stamp", [b"00010101T000000Z", b"99991231T235959Z"])
def test_the_ends_of_time_are_refused(stamp: bytes) -> None:
    request = with_header(signed(), b"x-amz-date", stamp)
    authorization = re.sub(rb"/\d{8}/", b"/" + stamp[:8] + b"/", header(request, b"authorization"))
    assert refused(with_header(request, b"authorization", authorization)).query_code == "SignatureDoesNotMatch"


def test_the_header_date_does_for_x_amz_date() -> None:
    request = AWSRequest("POST", URL, data=BODY, headers={"Date": "is replaced"})
    SigV4Auth(Credentials(KEY, SECRET), "sqs", "eu-west-1").add_auth(request)
    came = as_it_comes(request)
    assert header(came, b"date").endswith(b" -0000")
    assert verify(came, "sqs", SECRETS, now_ms()).access_key == KEY
    assert refused(with_header(came, b"date", b"yesterday")).query_code == "IncompleteSignature"


def test_the_date_of_the_scope_is_that_of_the_request() -> None:
    request = signed()
    tomorrow = f"{datetime.now(UTC) + timedelta(days=2):%Y%m%d}".encode()
    fault = refused(with_header(request, b"authorization", re.sub(rb"/\d{8}/", b"/" + tomorrow + b"/", header(request, b"authorization"))))
    assert fault.message.startswith("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:")


def test_a_signature_for_another_service_is_refused() -> None:
    assert refused(signed(), service="sns").message == "Credential should be scoped to correct service: 'sns'."


def test_the_host_is_signed() -> None:
    request = signed()
    authorization = header(request, b"authorization").replace(b"host;", b"")
    assert "'Host' or ':authority' must be a 'SignedHeader'" in refused(with_header(request, b"authorization", authorization)).message


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        (b"Basic Zm9v", "Unsupported AWS 'algorithm': 'Basic'"),
        (b"AWS4-HMAC-SHA256", "Authorization header requires 'Credential' parameter."),
        (b"AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request", "Authorization header requires 'Signature' parameter."),
        (b"AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", "Credential must have exactly 5 slash-delimited elements"),
        (b"AWS4-HMAC-SHA256 Credential=\xff, SignedHeaders=\xff, Signature=\xff", "got 'ÿ'"),
        (b"", "Unsupported AWS 'algorithm': ''"),
    ],
)
def test_an_incomplete_signature_is_told_what_lacks(authorization: bytes, said: str) -> None:
    fault = refused(with_header(signed(), b"authorization", authorization))
    assert (fault.code, fault.query_code, fault.status) == ("IncompleteSignatureException", "IncompleteSignature", 400)
    assert said in fault.message


def test_a_signature_without_a_date_is_incomplete() -> None:
    assert "existence of either a 'X-Amz-Date' or a 'Date' header" in refused(with_header(signed(), b"x-amz-date", None)).message


def test_the_scope_ends_with_its_terminator() -> None:
    request = signed()
    authorization = header(request, b"authorization").replace(b"aws4_request", b"aws5_request")
    assert (
        "should be scoped with a valid terminator: 'aws4_request'" in refused(with_header(request, b"authorization", authorization)).message
    )


def test_no_signature_at_all_is_told_so() -> None:
    fault = refused(SignedRequest("POST", b"/", b"", [(b"host", b"a")], b""))
    assert (fault.query_code, fault.status, fault.message) == ("MissingAuthenticationToken", 403, missing_authentication().message)


PRESIGNED_URL = f"{URL}000000000000/orders?Action=SendMessage&MessageBody=a%20b%26%2Bc&Version=2012-11-05"


def test_a_presigned_url_is_accepted_while_it_lasts() -> None:
    request = presigned(PRESIGNED_URL)
    assert verify(request, "sqs", SECRETS, now_ms() + 50_000).access_key == KEY
    fault = refused(request, now_ms() + 70_000)
    assert (fault.code, fault.status) == ("RequestExpired", 400)
    assert fault.message.startswith("Request has expired: it was valid for 60 s from ")


@pytest.mark.parametrize(
    ("old", "new"), [(b"Action=SendMessage", b"Action=PurgeQueue"), (b"X-Amz-Expires=60", b"X-Amz-Expires=600"), (b"a%20b", b"a%20c")]
)
def test_a_changed_presigned_url_is_refused(old: bytes, new: bytes) -> None:
    request = presigned(PRESIGNED_URL)
    assert old in request.query
    assert refused(request._replace(query=request.query.replace(old, new))).query_code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", [b"X-Amz-Algorithm", b"X-Amz-Credential", b"X-Amz-Signature", b"X-Amz-SignedHeaders", b"X-Amz-Date"])
def test_a_presigned_url_has_all_its_parameters(name: bytes) -> None:
    request = presigned(PRESIGNED_URL)
    fault = refused(request._replace(query=b"&".join(pair for pair in request.query.split(b"&") if not pair.startswith(name + b"="))))
    assert f"AWS query-string parameters must include '{name.decode()}'." in fault.message


@pytest.mark.parametrize("expires", [b"-1", b"x", b"604801", b"1" * 400])
def test_a_presigned_url_lasts_a_week_at_most(expires: bytes) -> None:
    request = presigned(PRESIGNED_URL)
    fault = refused(request._replace(query=request.query.replace(b"X-Amz-Expires=60", b"X-Amz-Expires=" + expires)))
    assert "X-Amz-Expires must be a number of seconds in 0..604800" in fault.message


def test_header_and_parameters_do_not_go_together() -> None:
    request = presigned(PRESIGNED_URL)
    both = with_header(request, b"authorization", header(signed(), b"authorization"))
    assert refused(both).message == "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."


def test_who_asks_is_known_without_a_check() -> None:
    scope = Credential(KEY, f"{datetime.now(UTC):%Y%m%d}", "eu-west-1", "sqs")
    assert credential_of(dict(signed(secret="any").headers), b"") == scope
    assert credential_of({}, presigned(PRESIGNED_URL).query) == scope
    for nobody in ({}, {b"authorization": b"Basic Zm9v"}, {b"authorization": b"AWS4-HMAC-SHA256 Credential=a/b/c"}):
        assert credential_of(nobody, b"") is None


@pytest.mark.parametrize(("path", "normalized"), [(b"", b"/"), (b"/", b"/"), (b"/../..", b"/"), (b"/a/b/../", b"/a/"), (b"//a", b"/a")])
def test_paths_are_normalized(path: bytes, normalized: bytes) -> None:
    assert normalized_path(path) == normalized
