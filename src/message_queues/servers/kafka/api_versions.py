"""ApiVersions (key 18), versions 0-4: what is spoken here. A request that is too new is answered in version 0 (KIP-511)."""

import re

from message_queues.protocols.kafka.api_keys import APIS, ApiKey
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse
from message_queues.servers.kafka.context import RequestContext

LEGAL_SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")
"""What a client may call its software and its version (KIP-511)."""


def _all_versions() -> list[ApiVersion]:
    return [ApiVersion(api_key=api.key, min_version=api.advertised_min_version, max_version=api.max_version) for api in APIS.values()]


def unsupported_version() -> ApiVersionsResponse:
    # KIP-511: only the versions of this very API, which the client needs to ask again.
    api = APIS[ApiKey.API_VERSIONS]
    own = ApiVersion(api_key=api.key, min_version=api.advertised_min_version, max_version=api.max_version)
    return ApiVersionsResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, api_keys=[own])


def api_versions(context: RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse:
    if context.api_version >= 3 and not (
        LEGAL_SOFTWARE.fullmatch(request.client_software_name) and LEGAL_SOFTWARE.fullmatch(request.client_software_version)
    ):
        return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
    return ApiVersionsResponse(api_keys=_all_versions())
