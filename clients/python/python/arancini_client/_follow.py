"""Follows a stream: its batches in order, over lost connections and restarts of the server."""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence

import nats
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from . import _problem
from ._native import SCHEMA_VERSION, Batch, BatchError
from ._problem import Problem

_LOG = logging.getLogger("arancini_client")

# Messages that one request to the server asks for. A collector's batches have some 50 kB, so this is some 10 MB.
REQUEST_MESSAGES = 200
# Seconds after which the server ends a request, and between signs of life while there is no message.
REQUEST_S = 30
HEARTBEAT_S = 5
# Seconds between two attempts to reach a stream that can't be read now.
RETRY_S = 1
# Seconds in which a batch has to be taken with a durable consumer, before the server hands it out again.
ACK_WAIT_S = 60


class FollowError(Exception):
    """The stream can't be followed. `args` has the cause and the remedy."""

    def __str__(self) -> str:
        return "; ".join(self.args)


async def follow(
    url: str | list[str] = "nats://127.0.0.1:4222",
    stream: str = "ARANCINI",
    *,
    base: str = "arancini",
    subjects: Sequence[str] = (),
    begin: int | str = "beginning",
    durable: str | None = None,
    stop_at_end: bool = False,
    on_problem: Callable[[Problem], None] = _problem.log,
    **connect,
) -> AsyncIterator[Batch]:
    """Iterates over the batches of a stream.

    `begin` is "beginning", "new", or a stream sequence to go on behind, such as `table.position`. With `durable`, the server
    remembers under this name which batches were taken: the next `follow` goes on behind them, whatever `begin` says. A batch
    counts as taken when the next one is asked for. Leave the iteration by `contextlib.aclosing`, so that the others are given
    back at once; without it they come again after a minute. `subjects` limits the subjects. With `stop_at_end`, the iteration ends
    when everything that the stream has was handed out; otherwise it waits for more. `connect` goes to `nats.connect`.

    A message that is no batch goes to `on_problem`, and the others go on. Raises `FollowError` if the stream does not exist, if it
    ends before `begin`, or if the server does not let the client read it, and `ValueError` for arguments that mean nothing.
    """
    _check(begin, subjects, base)
    follower = _Follower(stream, base, list(subjects), begin, durable, on_problem)
    connect = {"name": "arancini-client", "error_cb": _log_quietly, "max_reconnect_attempts": 1} | connect
    try:
        client = await nats.connect(url, reconnected_cb=follower.on_reconnect, **connect)
    except (OSError, nats.errors.Error, asyncio.TimeoutError) as error:
        raise FollowError(f"{url} can't be reached: {error or type(error).__name__}", "check address, login and TLS") from error
    # A wrong address is an error at once; a server that was there is waited for.
    client.options["max_reconnect_attempts"] = -1
    try:
        await follower.subscribe(client)
        async for batch in follower.batches(stop_at_end):
            yield batch
    finally:
        await follower.give_back()
        await client.close()


def _check(begin, subjects, base: str) -> None:
    """Refuses arguments that the server would take and answer with silence."""
    is_sequence = isinstance(begin, int) and not isinstance(begin, bool) and begin >= 0
    if not is_sequence and begin not in ("beginning", "new"):
        remedy = 'write "beginning", "new", or a stream sequence such as table.position'
        raise ValueError(f"begin={begin!r} is no place in a stream; {remedy}")
    if isinstance(subjects, str):
        raise ValueError(f"subjects={subjects!r} is one text; write a list: [{subjects!r}]")
    for subject in subjects:
        parts = subject.split(".") if isinstance(subject, str) else []
        is_subject = parts and all(parts) and not re.search(r"\s", subject) and ">" not in parts[:-1]
        if not is_subject or any(len(part) > 1 and re.search("[*>]", part) for part in parts):
            raise ValueError(f"subjects has {subject!r}, which is no subject; write one like {base}.updates.> or {base}.*.v4_192_0_2_1.>")
        if not _may_match(base.split("."), parts):
            raise ValueError(f"subjects has {subject!r}, but all messages of the collector are below {base}.; set base= or the subject")


def _may_match(base: list[str], parts: list[str]) -> bool:
    """Whether a subject of this base can match."""
    for at, part in enumerate(base):
        if at >= len(parts) or parts[at] not in (part, "*", ">"):
            return False
        if parts[at] == ">":
            return True
    return len(parts) > len(base)


async def _log_quietly(error: Exception) -> None:
    """Logs what nats-py meets while it connects again."""
    _LOG.debug("nats: %s", error)


class _Follower:
    """A consumer of the stream, made again whenever messages may have been lost on the way from the server."""

    def __init__(self, stream, base, subjects, begin, durable, on_problem) -> None:
        self._stream, self._base, self._subjects, self._begin, self._durable = stream, base, subjects, begin, durable
        self._on_problem = on_problem
        self._client = self._jetstream = self._inbox = self._next_subject = None
        # Stream sequence of the last message that came.
        self._last: int | None = None
        # Messages up to this stream sequence may be missing.
        self._missing_until = 0
        self._created = ""
        # Sequence of the next message among those of the consumer.
        self._expected = 1
        self._pending = 0
        # The message that was handed out and is not taken yet.
        self._held: Msg | None = None
        self._is_lost = False
        self._newest_schema = SCHEMA_VERSION

    async def on_reconnect(self) -> None:
        """Notes that messages may have been lost with the connection."""
        self._is_lost = True

    def _report(self, cause: str, remedy: str, subject: str | None = None, sequence: int | None = None) -> None:
        self._on_problem(Problem(cause, remedy, subject, sequence))

    # --- the consumer ---------------------------------------------------------------------------

    async def subscribe(self, client: nats.NATS) -> None:
        """Creates or finds the consumer, for the first time."""
        self._client, self._jetstream = client, client.jetstream()
        try:
            await self._consume()
        except nats.js.errors.NotFoundError as error:
            remedy = "check the name, or create the stream: `arancini stream create`"
            raise FollowError(f"there is no stream {self._stream}", remedy) from error
        except (nats.errors.Error, asyncio.TimeoutError) as error:
            remedy = "start nats-server with -js, and allow the user $JS.API.STREAM.INFO, $JS.API.CONSUMER.> and its inbox"
            cause = f"stream {self._stream} can't be read: {error or type(error).__name__}"
            raise FollowError(cause, remedy) from error

    async def _consume(self) -> None:
        info = await self._jetstream.stream_info(self._stream)
        first, last = info.state.first_seq, info.state.last_seq
        created = str(info.created)
        if self._created not in ("", created):
            self._report(f"stream {self._stream} was deleted and created again", "nothing: it is read from its beginning")
            self._last, self._missing_until = 0, 0
        self._created = created
        if self._last is None and not self._durable and isinstance(self._begin, int) and self._begin > last:
            raise FollowError(
                f"stream {self._stream} ends at {last}, before begin={self._begin}: it is another stream, or was made anew",
                'begin with an empty table and begin="beginning"',
            )
        consumer = await (self._durable_consumer() if self._durable else self._new_consumer())
        self._pending = consumer.num_pending + (consumer.num_ack_pending or 0)
        if self._last is None:
            self._last = self._missing_until = self._begins_behind(consumer, last)
        if first > self._last + 1:
            self._missing_until = first - 1
        self._expected = 1
        self._is_lost = False
        if self._inbox:
            await self._inbox.unsubscribe()
        self._inbox = await self._client.subscribe(self._client.new_inbox(), pending_bytes_limit=-1, pending_msgs_limit=-1)
        self._next_subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{consumer.name}"

    def _begins_behind(self, consumer, last: int) -> int:
        """The stream sequence behind which the first message comes."""
        if self._durable and consumer.ack_floor:
            return consumer.ack_floor.stream_seq
        return {"beginning": 0, "new": last}.get(self._begin, self._begin)

    def _start(self) -> dict:
        behind = self._begin if self._last is None else self._last
        if isinstance(behind, int):
            return {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": behind + 1}
        return {"deliver_policy": DeliverPolicy.NEW if behind == "new" else DeliverPolicy.ALL}

    async def _new_consumer(self):
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE, filter_subjects=self._subjects or None, inactive_threshold=300.0, mem_storage=True,
            **self._start(),
        )
        return await self._jetstream.add_consumer(self._stream, config)

    async def _durable_consumer(self):
        try:
            return await self._jetstream.consumer_info(self._stream, self._durable)
        except nats.js.errors.NotFoundError:
            config = ConsumerConfig(
                durable_name=self._durable, ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, max_ack_pending=4 * REQUEST_MESSAGES,
                filter_subjects=self._subjects or None, **self._start(),
            )
            return await self._jetstream.add_consumer(self._stream, config)

    async def give_back(self) -> None:
        """Tells the server which messages of a durable consumer were not taken, so that they come again at once."""
        if not self._durable or self._inbox is None or self._client.is_closed:
            return
        held = [self._held] if self._held else []
        with contextlib.suppress(nats.errors.Error, asyncio.TimeoutError):
            while True:
                held.append(await self._inbox.next_msg(timeout=0.05))
        with contextlib.suppress(nats.errors.Error):
            # Without the inbox, the server does not send them to this client again.
            await self._inbox.unsubscribe()
            for message in held:
                if message.reply.startswith("$JS.ACK."):
                    await message.nak()
            await self._client.flush()

    # --- messages -------------------------------------------------------------------------------

    async def batches(self, stop_at_end: bool) -> AsyncIterator[Batch]:
        """Iterates over the batches."""
        while not (stop_at_end and self._pending == 0):
            try:
                if self._is_lost:
                    await self._consume()
                    continue
                async for message in self._requested():
                    self._held = message
                    batch = await self._batch_of(message)
                    if batch is not None:
                        yield batch
                    if self._durable:
                        await self._take(message)
                    self._held = None
                    if stop_at_end and self._pending == 0:
                        return
            except (nats.errors.Error, asyncio.TimeoutError, OSError) as error:
                if self._client.is_closed:
                    raise FollowError(f"the connection is closed: {error}", "follow again behind table.position") from error
                self._is_lost = True
                await asyncio.sleep(RETRY_S)

    async def _requested(self) -> AsyncIterator[Msg]:
        """Asks for messages once, and iterates over them."""
        wanted = {"batch": REQUEST_MESSAGES, "expires": REQUEST_S * 10**9, "idle_heartbeat": HEARTBEAT_S * 10**9}
        await self._client.publish(self._next_subject, json.dumps(wanted).encode(), reply=self._inbox.subject)
        received = 0
        while received < REQUEST_MESSAGES and not self._is_lost:
            message = await self._inbox.next_msg(timeout=3 * HEARTBEAT_S)
            # A message of the stream has a reply subject, and its headers are those of its publisher.
            status = None if message.reply else (message.headers or {}).get("Status")
            if status == "100":
                continue
            if status is not None:
                # 404 and 408: the request is over. Anything else, as 409: the consumer is gone, or the server stops.
                self._is_lost = status not in ("404", "408")
                return
            received += 1
            place = message.metadata
            if not self._durable and place.sequence.consumer != self._expected:
                self._is_lost = True
                return
            self._expected += 1
            self._pending = place.num_pending
            yield message

    async def _take(self, message: Msg) -> None:
        """Tells the server that a message was taken."""
        if self._pending > 0:
            await message.ack()
            return
        # This may be the end, unless messages that were given back come again.
        await message.ack_sync()
        consumer = await self._jetstream.consumer_info(self._stream, self._durable)
        self._pending = consumer.num_pending + (consumer.num_ack_pending or 0)

    async def _batch_of(self, message: Msg) -> Batch | None:
        """Reads a message; `None` if it is no batch of a collector."""
        sequence = message.metadata.sequence.stream
        headers = message.headers or {}
        if sequence > self._last + 1:
            await self._note_a_jump(sequence)
        self._last = max(self._last, sequence)
        if message.subject.startswith(f"{self._base}.fence."):
            return None
        place = (message.subject, sequence)
        collector = headers.get("Arancini-Collector")
        if collector is None:
            self._report("no collector has published it", "find out who publishes on the collector's subjects", *place)
            return None
        self._note_schema(headers.get("Arancini-Schema", ""), place)
        try:
            return Batch(
                message.subject, message.data, self._report, base=self._base, content_type=headers.get("Content-Type"),
                encoding=headers.get("Content-Encoding"),
                collector=collector, stream_sequence=sequence, missing_until=self._missing_until, stream_created=self._created,
                stored_ns=int(message.metadata.timestamp.timestamp() * 1e9),
            )
        except BatchError as error:
            self._report(*error.args, *place)
            self._missing_until = sequence
            return None

    async def _note_a_jump(self, sequence: int) -> None:
        """Finds out whether the stream has lost the messages between the last one and this one."""
        if not self._subjects and not self._durable:
            self._missing_until = sequence - 1
            return
        # Messages of other subjects, or messages that come later, are not missing; those before the first one are.
        first = (await self._jetstream.stream_info(self._stream)).state.first_seq
        if first > self._last + 1:
            self._missing_until = min(first, sequence) - 1

    def _note_schema(self, version: str, place: tuple[str, int]) -> None:
        if version.isdigit() and int(version) > self._newest_schema:
            self._newest_schema = int(version)
            cause = f"its schema {version} is newer than schema {SCHEMA_VERSION} of this package, so fields may be left out"
            self._report(cause, "upgrade arancini-client to the version of the collector", *place)
