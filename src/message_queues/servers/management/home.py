"""What is at the other paths of the management port: a page that says where everything is."""

from html import escape

from message_queues.servers.management.answers import CONTENT_SECURITY_POLICY, Answer, Refused, object_not_found
from message_queues.servers.management.call import Call
from message_queues.servers.management.resources import RESOURCES

METHODS = "HEAD, GET, OPTIONS"
MOVED = {("api",): "/api/index.html", ("api", ""): "/api/index.html", ("mgmt",): "/", ("doc", "stats.html"): "/api/index.html"}
HTML = ("content-type", "text/html; charset=utf-8")

PAGE = """<!DOCTYPE html>
<html><head><title>{title}</title></head><body style="font-family: sans-serif; max-width: 60em; margin: 2em auto">
<h1>{title}</h1>
{body}
</body></html>
"""
FRONT = """<p>This server speaks RabbitMQ's management HTTP API. There is no user interface here: use <code>rabbitmqadmin</code>, or
<code>curl -u guest:guest http://&lt;this&gt;/api/overview</code>.</p><p><a href="api/index.html">All paths of the API</a></p>"""


def answer(call: Call) -> Answer:
    if call.method == "OPTIONS":
        return Answer(200, b"", [CONTENT_SECURITY_POLICY, ("vary", "origin"), ("allow", METHODS)])
    if call.method not in ("GET", "HEAD"):
        raise Refused(405, headers=[("allow", METHODS)])
    moved = MOVED.get(call.parts)
    if moved is not None:
        return Answer(301, b"", [("location", moved)])
    if call.parts in (("",), ("index.html",)):
        return page("RabbitMQ management API", FRONT)
    if call.parts == ("api", "index.html"):
        return page("Paths of the management API", reference())
    raise object_not_found()


def page(title: str, body: str) -> Answer:
    return Answer(200, PAGE.format(title=title, body=body).encode(), [CONTENT_SECURITY_POLICY, HTML, ("vary", "origin")])


def reference() -> str:
    rows = (
        f"<tr><td>{' '.join(method for method in resource.methods if method not in ('HEAD', 'OPTIONS'))}</td>"
        f"<td><code>/api{escape(resource.path)}</code></td></tr>"
        for resource in RESOURCES
    )
    return f"<table>{''.join(rows)}</table>"
