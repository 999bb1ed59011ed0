"""Appends the records of a request to the log, all of them within its time, and tells when the producer can't go on."""

import asyncio
from typing import Any, Protocol

from streamproc.adapters.kafka.log import KafkaError, NotAllowedError
from streamproc.core.records.producer_record import Record
from streamproc.gateway.fast_path import SharedTimeout
from streamproc.gateway.responses import HttpError
from streamproc.gateway.summed_log import SummedLog


class Producer(Protocol):
    """The one thing that the gateway needs of Kafka's idempotent producer, with acks=all."""

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Returns as soon as the record is on its way; the future is done when the brokers have it."""


class Appender:
    """Made in a running loop. `failure` is done with what the producer couldn't overcome."""

    def __init__(self, producer: Producer, timeout: SharedTimeout, log: SummedLog) -> None:
        self._producer = producer
        self._timeout = timeout
        self._log = log
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def append(self, records: list[Record], deadline: float) -> None:
        """Returns when the brokers have all of them. Raises HttpError if they don't in time; they still may later."""
        sent: list[asyncio.Future[Any]] = []
        several, acknowledged = len(records) > 1, False
        try:
            with self._timeout.at(deadline):
                for record in records:
                    sent.append(
                        await self._producer.send(record.topic, record.value, record.key, headers=record.headers)
                    )
                    if several:  # while one is waited for, another may fail
                        sent[-1].add_done_callback(self._acknowledged)
                for future in sent:
                    await future
            acknowledged = True
        except TimeoutError:
            self._log.tell("warning", "not acknowledged in time")
            raise HttpError(503) from None
        except NotAllowedError:  # told once, by who knows for which topic
            raise HttpError(503) from None
        except KafkaError as error:
            self._fail(error)
            raise HttpError(503) from None
        finally:
            if not (acknowledged or several):
                for future in sent:
                    future.add_done_callback(self._acknowledged)

    def _acknowledged(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The producer itself retries what can be. After anything else its sequence has a gap: it takes no more."""
        if not isinstance(error, NotAllowedError) and not self.failure.done():
            self.failure.set_exception(error)
