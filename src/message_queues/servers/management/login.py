"""A form that logs in, for browsers: RabbitMQ's user interface sends one. What is answered are the credentials for further calls."""

import base64
from urllib.parse import parse_qs

from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, bad_request
from message_queues.servers.management.call import Call
from message_queues.servers.management.resource import Resource

FORM = "application/x-www-form-urlencoded"


def log_in(call: Call) -> Answer:
    fields = parse_qs(call.body.decode("utf-8", "surrogateescape"), max_num_fields=10)
    if not ("username" in fields and "password" in fields):
        raise bad_request("username and password are needed")
    name, password = fields["username"][0], fields["password"][0]
    user = authorization.login(call, name, password)
    if not call.node.version.is_4:
        return call.shown("ok")
    credentials = base64.b64encode(f"{name}:{password}".encode("utf-8", "surrogateescape")).decode()
    told = {"name": user.name, "tags": sorted(user.tags), "is_internal_user": True}
    return call.shown({"token": {"type": "basic", "value": credentials}, "user": told})


def log_out(call: Call) -> None:
    """Nothing is kept of who has logged in."""


RESOURCES = [Resource("/login", authorization.anyone, post=log_in, delete=log_out, accepts=(FORM,), is_public=True)]
