"""Definitions: everything but messages, in RabbitMQ's own file format, out and in; of all virtual hosts or of one.

A browser may send the file as a form (multipart/form-data, field `file`), too.
"""

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP

import msgspec

from message_queues.broker.queues.definitions import export, import_definitions
from message_queues.broker.queues.events import Json
from message_queues.errors import MessageQueuesError, StorageError
from message_queues.servers.management.answers import Answer, bad_request, empty, not_found
from message_queues.servers.management.authorization import administrators
from message_queues.servers.management.call import Call
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.virtual_hosts import grant_to_creator

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FORM = "multipart/form-data"
NOT_JSON = "failed_to_parse_json"


def download(call: Call) -> Answer:
    virtual_host = call.virtual_host_name
    if virtual_host is not None and virtual_host not in call.broker.virtual_hosts:
        raise bad_request("vhost_not_found")
    answer = call.shown(export(call.broker, virtual_host))
    file_name = call.query.get("download", "")
    if file_name and file_name.replace(".", "").replace("-", "").replace("_", "").isalnum() and file_name.isascii():
        answer.headers.append(("content-disposition", f"attachment; filename={file_name}"))
    return answer


def upload(call: Call) -> Answer | None:
    virtual_host = call.virtual_host_name
    redirect = ""
    body = call.body
    content_type = call.headers.get("content-type", "")
    if content_type.lower().startswith(FORM):
        fields = form_fields(content_type, body)
        body, redirect = fields.get("file", b""), fields.get("redirect", b"").decode("utf-8", "replace")
    document = decoded(body)
    if virtual_host is not None and virtual_host not in call.broker.virtual_hosts:
        raise not_found("vhost_not_found")
    known = set(call.broker.virtual_hosts)
    try:
        import_definitions(call.broker, document, virtual_host)
    except StorageError:
        raise
    except MessageQueuesError as error:
        raise bad_request(str(error)) from error
    for name in set(call.broker.virtual_hosts) - known:
        grant_to_creator(call, name)
    return empty(303, [("location", redirect)]) if redirect else None


def decoded(body: bytes) -> dict[str, Json]:
    """Raises Refused."""
    body = body.removeprefix(BYTE_ORDER_MARK)
    if not body:
        return {}
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_request(NOT_JSON) from error
    if not isinstance(document, dict):
        raise bad_request(NOT_JSON)
    return document


def form_fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """RFC 7578: the parts of a form by name."""
    parsed = BytesParser(policy=HTTP).parsebytes(f"content-type: {content_type}\r\n\r\n".encode("latin-1", "replace") + body)
    parts = parsed.get_payload()
    fields: dict[str, bytes] = {}
    for part in parts if isinstance(parts, list) else []:
        name = part.get_param("name", header="content-disposition") if isinstance(part, Message) else None
        content = part.get_payload(decode=True) if isinstance(part, Message) else None
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content
    return fields


def is_uploaded(path: str) -> Resource:
    return Resource(path, administrators, get=download, post=upload, accepts=("application/json", FORM))


RESOURCES = [is_uploaded("/all-configuration"), is_uploaded("/definitions"), is_uploaded("/definitions/:vhost")]
