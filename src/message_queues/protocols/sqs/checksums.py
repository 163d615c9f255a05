"""The MD5 sums by which SDKs check what Amazon SQS received.

Amazon SQS Developer Guide, "Calculating the MD5 message digest for message attributes": the attributes sorted by name; of each the length
(4 bytes, big-endian) and the UTF-8 of its name, the same of its data type, one byte for how it is transported (1 text, 2 bytes), and the
length and bytes of its value.
"""

from collections.abc import Iterable
from hashlib import md5
from struct import Struct
from typing import Final

_LENGTH: Final = Struct(">I")
_TEXT: Final = b"\x01"
_BINARY: Final = b"\x02"


def md5_hex(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Iterable[tuple[str, str, bytes]]) -> str:
    """Of name, data type and value each; a String's or Number's value is the UTF-8 of its text."""
    digest = md5(usedforsecurity=False)
    for name, data_type, value in sorted(attributes):
        for text in (name.encode(), data_type.encode()):
            digest.update(_LENGTH.pack(len(text)) + text)
        digest.update((_BINARY if data_type.startswith("Binary") else _TEXT) + _LENGTH.pack(len(value)) + value)
    return digest.hexdigest()
