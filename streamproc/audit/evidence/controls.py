"""The operators' orders of a bundle, with which what goes back to them is compared."""

from collections.abc import Callable
from dataclasses import asdict

import orjson
from pydantic import ValidationError

from streamproc.audit.evidence.finding import Finding
from streamproc.audit.evidence.format import CONTROLS, Contents
from streamproc.audit.evidence.line_reader import LineReader
from streamproc.audit.evidence.raw_line import Line
from streamproc.audit.orders import Orders, out_of_shape
from streamproc.core.records.control import CONTROL


class Controls:
    """The orders of a bundle, once `read` has read them."""

    def __init__(self, find: Callable[[Finding], None]) -> None:
        self.orders = Orders()
        self.ranges: dict[str, list[int]] = {}
        """Partition → offset of the first and the last line."""
        self._find = find

    def read(self, contents: Contents) -> None:
        """Read all orders."""
        reader = LineReader(contents, CONTROLS, self._find)
        while reader.partition is not None:
            for number, line in reader.of(reader.partition):
                self._read(number, line)
        self.ranges = reader.ranges

    def _read(self, number: int, line: Line) -> None:
        try:
            control = CONTROL.validate_json(line.value or b"")
        except ValidationError:
            self._find(Finding("altered", CONTROLS, "not an operator's order", number))
            return
        self.orders.add(line.partition, line.offset, line.timestamp, control)
        wrong = out_of_shape(control, line.key)
        if wrong is None and not orjson.loads(line.value or b"").items() <= asdict(control).items():
            wrong = "it says what no order says"
        if wrong is not None:
            self._find(Finding("altered", CONTROLS, wrong, number))
