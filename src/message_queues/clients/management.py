"""RabbitMQ's management API over HTTP (`/api/…`), with the standard library's client: one request a connection, from any thread.

What it answers with is JSON as the broker has it; errors are those of the other clients: 401 and 403 NotAuthorized, 404 NotFound, 400
InvalidRequest or PreconditionFailed, as `reason` says.
"""

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from message_queues import errors

REQUEST_S = 30.0
MOST_ANSWER_BYTES = 256 * 1024 * 1024


class ManagementApi:
    """The API at one address."""

    def __init__(
        self,
        host: str,
        port: int,
        username: str,
        password: str,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = REQUEST_S,
    ) -> None:
        self.address = f"{host}:{port}"
        self._host = host
        self._port = port
        self._tls = tls
        self._timeout_s = timeout_s
        credentials = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {credentials}", "Accept": "application/json"}

    def get(self, *path: str, query: Mapping[str, str] | None = None) -> object:
        return self._request("GET", path, query, None)

    def put(self, *path: str, content: object = None) -> None:
        self._request("PUT", path, None, {} if content is None else content)

    def post(self, *path: str, content: object = None) -> object:
        return self._request("POST", path, None, {} if content is None else content)

    def delete(self, *path: str) -> None:
        self._request("DELETE", path, None, None)

    def _request(self, method: str, path: tuple[str, ...], query: Mapping[str, str] | None, content: object) -> object:
        target = "/api/" + "/".join(quote(segment, safe="") for segment in path)
        if query:
            target += "?" + urlencode(query)
        body = None if content is None else json.dumps(content).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        connection = self._connection()
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            said = response.read(MOST_ANSWER_BYTES)
        except TimeoutError as error:
            raise errors.TimedOut(f"the management API at {self.address} did not answer within {self._timeout_s:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise errors.Unreachable(f"the management API at {self.address} cannot be reached ({_words(error)})") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise _error(response.status, said, f"{method} {target}")
        if not said.strip():
            return None
        try:
            answer: object = json.loads(said)
        except ValueError as error:
            raise errors.Unreachable(f"{self.address} answers {method} {target} with something that is not JSON") from error
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._tls)


def _words(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name cannot be resolved: {error.strerror}"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _error(status: int, said: bytes, request: str) -> errors.MessageQueuesError:
    reason = _reason(said)
    match status:
        case 401 | 403:
            return errors.NotAuthorized(f"{request}: {reason or 'not authorised'}")
        case 404:
            return errors.NotFound(f"{request}: {reason or 'not found'}")
        case 400 if "inequivalent" in reason:
            return errors.PreconditionFailed(reason)
        case 400:
            return errors.InvalidRequest(f"{request}: {reason}")
    return errors.RabbitMQError(f"{request}: {status} {reason}", status)


def _reason(said: bytes) -> str:
    try:
        answer = json.loads(said)
    except ValueError:
        return said[:300].decode(errors="replace").strip()
    if isinstance(answer, dict):
        reason = answer.get("reason") or answer.get("error") or ""
        return reason if isinstance(reason, str) else json.dumps(reason)
    return str(answer)
