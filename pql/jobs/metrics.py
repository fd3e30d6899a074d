"""What `pql serve` shows of itself: figures for Prometheus at `/metrics`, and `/healthz` and `/readyz` for probes.

Counts are read from the state database when they are asked for, so that every process tells the same; how long
messages took and who leads is each process's own.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pql.config.settings import MetricsSettings
from pql.domain.calendar import to_micros
from pql.errors import StateError
from pql.store import Store
from pql.store.figures import Figures
from pql.store.records import Fence, Sent

log = logging.getLogger(__name__)

_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 43_200, 86_400)


class Metrics(Collector):
    """The figures of one process, in a registry of their own.

    Args:
        store: What is counted.
        clock: The time that all processes share.
        leading: The fence of this process, where it leads.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime], leading: Callable[[], Fence | None]) -> None:
        self._store = store
        self._clock = clock
        self._leading = leading
        self.registry = CollectorRegistry()
        self._latency = Histogram(
            "pql_delivery_latency_seconds",
            "From the decision to its channel's acceptance, by channel; of messages that this process sent",
            ["channel"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._calls = Histogram(
            "pql_channel_seconds",
            "How long a channel took to accept a message; of messages that this process sent",
            ["channel"],
            registry=self.registry,
        )
        self.registry.register(self)

    def took(self, sent: Sent) -> None:
        """A channel took a message."""
        channel = sent.leased.outgoing.channel
        self._latency.labels(channel).observe(max((sent.at - sent.leased.created_at).total_seconds(), 0.0))
        if sent.seconds is not None:
            self._calls.labels(channel).observe(max(sent.seconds, 0.0))

    def describe(self) -> list[Metric]:
        """Nothing is known before it is asked for; so registering asks the database nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures as they stand now; without the database, only that it did not answer."""
        fence = self._leading()
        yield _gauge("pql_leader", "1 in the process that leads", 1 if fence else 0)
        yield _gauge("pql_leader_fence", "The number of this process's lead; 0 where it does not lead", _number(fence))
        now = self._clock()
        try:
            figures = self._store.figures(now)
        except StateError:
            yield _gauge("pql_state_up", "Whether the state database answers", 0)
            return
        yield _gauge("pql_state_up", "Whether the state database answers", 1)
        yield from _counts(figures)
        yield from _ages(figures, to_micros(now))

    @contextmanager
    def served(self, settings: MetricsSettings) -> Iterator[int]:
        """Answer over HTTP while the block runs; the port, or 0 where it cannot listen, which is logged."""
        server = self._opened(settings) if settings.host else None
        if server is None:
            yield 0
            return
        thread = Thread(target=server.serve_forever, name="pql-metrics", daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _opened(self, settings: MetricsSettings) -> ThreadingHTTPServer | None:
        try:
            server = ThreadingHTTPServer((settings.host, settings.port), _handler(self))
        except OSError as exc:
            said = f"{settings.host}:{settings.port}: {exc.strerror or exc}; set metrics.listen in config/pql.yml"
            log.error("Cannot show figures at %s", said, extra={"action": "metrics_unavailable"})  # noqa: TRY400 - for people
            return None
        server.daemon_threads = True
        return server

    def ready(self) -> str:
        """What keeps this process from working; "" if nothing does."""
        try:
            self._store.paused()
        except StateError as exc:
            return str(exc)
        return ""


def _number(fence: Fence | None) -> int:
    return fence.number if fence else 0


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _counts(figures: Figures) -> Iterator[Metric]:
    runs = CounterMetricFamily("pql_runs", "Runs by job and result", labels=["job", "result"])
    for (job, status), number in figures.runs.items():
        runs.add_metric([job, status], number)
    queue = GaugeMetricFamily("pql_notifications", "Messages by channel and status", labels=["channel", "status"])
    for (channel, status), number in figures.queue.items():
        queue.add_metric([channel, status], number)
    attempts = CounterMetricFamily("pql_delivery_attempts", "Tries by outcome", labels=["channel", "outcome"])
    for (channel, outcome), number in figures.attempts.items():
        attempts.add_metric([channel, outcome], number)
    withheld = CounterMetricFamily("pql_withheld", "Decisions that sent nothing, by reason", labels=["reason"])
    for reason, number in figures.withheld.items():
        withheld.add_metric([reason], number)
    yield from (runs, queue, attempts, withheld)
    yield _gauge("pql_lost_notifications", "Decisions to send without a message; must be 0", figures.lost)
    yield _gauge("pql_ambiguous_notifications", "Messages that may have been sent twice, or wait so", figures.ambiguous)
    yield _gauge("pql_open_notices", "Troubles that the operator was told of and that last", figures.notices)


def _ages(figures: Figures, now: int) -> Iterator[Metric]:
    age = GaugeMetricFamily("pql_last_run_age_seconds", "Since the last run that was done, by job", labels=["job"])
    for job, at in figures.last_run.items():
        age.add_metric([job], (now - at) / 1e6)
    words = "How long the message that waits longest is due, by channel"
    oldest = GaugeMetricFamily("pql_oldest_waiting_seconds", words, labels=["channel"])
    for channel, at in figures.oldest.items():
        oldest.add_metric([channel], (now - at) / 1e6)
    yield from (age, oldest)


def _handler(metrics: Metrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(200, generate_latest(metrics.registry), CONTENT_TYPE_LATEST)
                case "/healthz":
                    self._answer(200, b"ok\n")
                case "/readyz":
                    hindrance = metrics.ready()
                    self._answer(503 if hindrance else 200, f"{hindrance or 'ok'}\n".encode())
                case _:
                    self._answer(404, b"/metrics, /healthz or /readyz\n")

        def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            log.debug(format, *args)

    return Handler
