"""What a queue holds and why it gives nothing, without receiving anything."""

from collections.abc import Sequence

from message_queues.broker.sqs.groups import Groups
from message_queues.broker.sqs.message import Seen
from message_queues.broker.sqs.stock import Stock


def seen(stock: Stock, count: int, now_ms: int) -> Sequence[Seen]:
    """The oldest messages, whatever their state."""
    shelf, settings = stock.shelf, stock.settings
    found: list[Seen] = []
    for stored in shelf.all_shown() if count > 0 else ():
        entry = shelf.known.get(stored[0])
        message = shelf.peeked(stored)
        receives = entry.receive_count if entry is not None else 0
        delayed_until_ms = message.sent_ms + settings.delay_s * 1000 if settings.is_fifo else shelf.times_of(stored).delayed_until_ms
        is_delayed = not receives and delayed_until_ms > now_ms
        is_out = stored[0] in stock.leases or (entry is not None and entry.is_moving)
        first_ms = message.earlier_received_ms or (entry.first_received_ms if entry is not None and receives else None)
        found.append(Seen(message, message.earlier_receives + receives, first_ms, not is_out and not is_delayed, is_delayed))
        if len(found) >= count:
            break
    return found


def reasons(stock: Stock, most_in_flight: int) -> list[str]:
    """Why a receive would return nothing now, or less than there is."""
    order, leases = stock.order, stock.leases
    told: list[str] = []
    if not order.visible_count + order.delayed_count + len(leases) + stock.moving_count:
        told.append("the queue is empty")
    if order.delayed_count:
        told.append(f"{order.delayed_count} messages are delayed, the first until {order.next_due_ms()} ms")
    if leases:
        told.append(f"{len(leases)} messages are in flight, the first until {leases.next_end_ms()} ms")
    if stock.moving_count:
        told.append(f"{stock.moving_count} messages are on their way to another queue")
    if len(leases) >= most_in_flight:
        told.append(f"no more than {most_in_flight} messages may be in flight")
    if isinstance(order, Groups):
        for entry in order.blocking(leases.entries()):
            message = stock.shelf.message_of(entry)
            told.append(
                f"group {message.group_id} is blocked until message {message.message_id} is deleted or visible, at {entry.until_ms} ms"
            )
    else:
        told += order.reasons()
    if stock.unshown_count:
        told.append(f"{stock.unshown_count} messages are not durable yet")
    return told
