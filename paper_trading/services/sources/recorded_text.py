"""The text of a price file: plain or gzip, UTF-8, refused with one clear line."""

import gzip
import zlib
from pathlib import Path


class RecordedFileError(ValueError):
    """A price file that cannot be used; the message is one line."""

    def __init__(self, path: Path, message: str, line: int | None = None) -> None:
        place = f"{path}: line {line}" if line is not None else f"{path}"
        super().__init__(" ".join(f"{place}: {message}".splitlines()))


def read_text(path: Path) -> tuple[bytes, str]:
    """Return the bytes on disk and the text they hold; RecordedFileError when unreadable."""
    try:
        if path.exists() and not path.is_file():
            raise RecordedFileError(path, "is not a file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise RecordedFileError(path, "no such file") from None
    except RecordedFileError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordedFileError(path, f"cannot be read: {reason}") from None
    return content, _decode(path, _unpack(path, content))


def _unpack(path: Path, content: bytes) -> bytes:
    if path.suffix.lower() != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordedFileError(path, f"ends in .gz and is not gzip data: {error}") from None


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind a byte order mark; the byte itself is what we look for.
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise RecordedFileError(path, f"byte 0x{byte:02x} is not UTF-8 text", line) from None
