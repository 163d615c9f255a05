"""Erlang terms as RabbitMQ's error texts show them (io_lib:format, ~p and ~w).

~p breaks lines at 80 columns, counted from the beginning of the text, and indents what follows; found out by asking a RabbitMQ.
"""

_LAST_COLUMN = 79
"""Of a byte of a binary, with the comma behind it."""
_LAST_COLUMN_OF_TUPLES = 78
_MOST_SHOWN_BYTES = 300
"""Reply texts are cut at 255 characters anyway."""
_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\e", 34: '\\"', 92: "\\\\"}


def plain_binary(data: bytes) -> str:
    """~w."""
    return f"<<{','.join(map(str, data[:_MOST_SHOWN_BYTES]))}>>"


def pretty_binary(data: bytes, column: int) -> str:
    """~p, `column` characters after the beginning of the text: as a string if all of it can be printed in Latin-1."""
    if data and all(32 <= each < 127 or each >= 160 or each in _ESCAPES for each in data):
        return f'<<"{"".join(_ESCAPES.get(each) or chr(each) for each in data)}">>'
    text = "<<"
    indent = column = column + 2
    for index, each in enumerate(data):
        part = f"{each}" if index == len(data) - 1 else f"{each},"
        if column + len(part) > _LAST_COLUMN and index:
            text += "\n" + " " * indent
            column = indent
        text += part
        column += len(part)
    return text + ">>"


def pretty_tuple(parts: tuple[str, ...], column: int) -> str:
    """~p of a tuple of short terms, `column` characters after the beginning of the text."""
    text = f"{{{','.join(parts)}}}"
    if column + len(text) <= _LAST_COLUMN_OF_TUPLES:
        return text
    return "{" + (",\n" + " " * (column + 1)).join(parts) + "}"


def column_after(text: str) -> int:
    """Where the next term begins."""
    return len(text) - text.rfind("\n") - 1
