"""Each API in each of its versions, with a request that asks for something: answered in that version, by a live server."""

import asyncio

import pytest

from message_queues.protocols.kafka.api_keys import APIS
from message_queues.protocols.kafka.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from tests.servers.kafka.valid_requests import REQUESTS, Known, every_version, valid_request
from tests.servers.running_server import Client, running_server


def test_there_is_a_request_for_each_api() -> None:
    assert REQUESTS.keys() == APIS.keys()


@pytest.mark.parametrize("nodes", [1, 3])
def test_each_api_is_answered_in_each_of_its_versions(nodes: int, caplog: pytest.LogCaptureFixture) -> None:
    async def ask_all() -> None:
        async with running_server(brokers=nodes) as server, await Client.connected(server) as client:
            for key, version in every_version():
                response = await client.ask(valid_request(key, version, Known.prepared(server.broker)), version, APIS[key].response)
                assert type(response) is APIS[key].response
            assert (await client.ask(ApiVersionsRequest(), 0, ApiVersionsResponse)).error_code == 0

    asyncio.run(ask_all())
    assert caplog.records == []
