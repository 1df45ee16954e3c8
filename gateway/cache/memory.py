"""The nearest answers: in this process, in clear, bounded; the longest unused go first."""

from collections import OrderedDict

from gateway.cache.entries import Entry

MAX_BYTES = 64 * 1024 * 1024


class Memory:
    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, tuple[Entry, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, entry: Entry) -> None:
        self.drop(entry.key)
        size = entry.size
        self._entries[entry.key] = (entry, size)
        self.bytes += size
        while self.bytes > self._max_bytes:
            self.drop(next(iter(self._entries)))

    def drop(self, key: str) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self.bytes -= found[1]
