"""The table of the APIs that are spoken."""

from message_queues.protocols.kafka.api_keys import APIS, NOT_FLEXIBLE, ApiKey


def test_every_key_has_an_entry_and_is_named_as_its_request() -> None:
    assert set(APIS) == set(ApiKey)
    for key, api in APIS.items():
        assert api.key == key
        assert api.key.name.replace("_", "").lower() == api.name.lower()
        assert api.request.__name__ == f"{api.name}Request"
        assert api.response.__name__ == f"{api.name}Response"


def test_produce_is_advertised_from_0_and_served_from_3() -> None:
    produce = APIS[ApiKey.PRODUCE]
    assert (produce.advertised_min_version, produce.min_version, produce.max_version) == (0, 3, 13)
    assert not produce.supports(2)
    assert produce.supports(3)
    assert all(api.advertised_min_version == api.min_version for api in APIS.values() if api is not produce)


def test_the_unstable_version_of_init_producer_id_is_not_served() -> None:
    assert APIS[ApiKey.INIT_PRODUCER_ID].max_version == 5


def test_telemetry_is_not_spoken() -> None:
    assert not {71, 72} & set(APIS)


def test_flexible_versions_decide_the_headers() -> None:
    assert APIS[ApiKey.METADATA].flexible_from == APIS[ApiKey.METADATA].answered_flexibly_from == 9
    assert APIS[ApiKey.OFFSET_DELETE].flexible_from == NOT_FLEXIBLE
    assert APIS[ApiKey.API_VERSIONS].flexible_from == 3
    assert APIS[ApiKey.API_VERSIONS].answered_flexibly_from == NOT_FLEXIBLE
