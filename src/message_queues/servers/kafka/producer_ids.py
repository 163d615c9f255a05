"""InitProducerId (key 22), versions 0-5, for idempotent producers. Transactions are not built: a transactional id is refused."""

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.producer_ids import InitProducerIdRequest, InitProducerIdResponse
from message_queues.servers.kafka.context import RequestContext


async def init_producer_id(context: RequestContext, request: InitProducerIdRequest) -> InitProducerIdResponse:
    if request.transactional_id is not None:
        # No coordinator of transactions will ever be found; clients say so at once.
        return InitProducerIdResponse(error_code=ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, producer_epoch=-1)
    if (request.producer_id < 0) != (request.producer_epoch < 0):
        return InitProducerIdResponse(error_code=ErrorCode.INVALID_REQUEST, producer_epoch=-1)
    producer_id = context.broker.producer_ids.allocate()
    await context.broker.synced()
    return InitProducerIdResponse(producer_id=producer_id)
