"""Messages on a stream socket: a four-byte big-endian length, then UTF-8 JSON."""

import json
import select
import socket
import struct
from typing import Any

LIMIT = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_CHUNK = 256 * 1024


class FrameError(Exception):
    """The peer broke the protocol; the stream cannot be read any further."""


class FrameStream:
    def __init__(self, connection: socket.socket):
        self._socket = connection
        self._received = bytearray()
        self._ended = False

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
        if len(body) > LIMIT:
            raise FrameError(f"a message of {len(body):,} bytes is over the limit of {LIMIT:,}")
        self._socket.sendall(_LENGTH.pack(len(body)) + body)

    def receive(self) -> dict[str, Any] | None:
        """The next message, waiting for it; None once the peer has closed."""
        while (message := self._next()) is None:
            if not self._read():
                return None
        return message

    def receive_ready(self) -> dict[str, Any] | None:
        """The next message if all of it has arrived already."""
        while (message := self._next()) is None:
            if self._ended or not select.select([self._socket], [], [], 0)[0] or not self._read():
                return None
        return message

    def _next(self) -> dict[str, Any] | None:
        if len(self._received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        if length > LIMIT:
            raise FrameError(f"a message of {length:,} bytes is over the limit of {LIMIT:,}")
        end = _LENGTH.size + length
        if len(self._received) < end:
            return None
        body = bytes(self._received[_LENGTH.size : end])
        del self._received[:end]
        message = json.loads(body)
        if not isinstance(message, dict):
            raise FrameError(f"a message must be a JSON object, not {type(message).__name__}")
        return message

    def _read(self) -> bool:
        data = b"" if self._ended else self._socket.recv(_CHUNK)
        self._ended = not data
        self._received += data
        return bool(data)
