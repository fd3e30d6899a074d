"""What `pql serve` tells of itself over HTTP."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from pql.config.settings import MetricsSettings, StateSettings
from pql.domain.durations import Duration
from pql.jobs.metrics import Metrics
from pql.store import Store, open_store
from pql.store.records import Fence, Sent
from pql.store.tables import outbox
from tests.integration.store.samples import HOUR, T0, commit, decision, message

ANY_PORT = MetricsSettings(port=0)


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(StateSettings(url="sqlite://"), Path())
    yield opened
    opened.close()


def asked(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def shown(metrics: Metrics) -> dict[str, float]:
    """Every sample as Prometheus reads it, like `pql_runs_total{job=run,result=done}`."""
    with metrics.served(ANY_PORT) as port:
        families = text_string_to_metric_families(asked(port, "/metrics"))
        samples = [sample for family in families for sample in family.samples]
    labels = [",".join(f"{key}={value}" for key, value in sorted(sample.labels.items())) for sample in samples]
    return {f"{sample.name}{{{label}}}": sample.value for sample, label in zip(samples, labels, strict=True)}


def of(store: Store, fence: Fence | None = None) -> Metrics:
    return Metrics(store, clock=lambda: T0 + HOUR, leading=lambda: fence)


def test_the_figures_tell_of_runs_the_queue_attempts_and_what_was_withheld(store: Store) -> None:
    withheld = decision("c", outcome="withheld", why="MUTED")
    commit(store, outbox=[message("a", "a"), message("b", "b")], decisions=[decision("a"), withheld])
    leased = next(one for one in store.lease(T0, 10, Duration(60)) if one.step_key == "a")
    store.mark_sent(leased, T0, "ref")
    found = shown(of(store))
    assert found["pql_runs_total{job=run,result=done}"] == 1
    assert found["pql_last_run_age_seconds{job=run}"] == 3600
    assert found["pql_notifications{channel=slack,status=sent}"] == 1
    assert found["pql_notifications{channel=slack,status=waiting}"] == 1
    assert found["pql_oldest_waiting_seconds{channel=slack}"] == 3600
    assert found["pql_delivery_attempts_total{channel=slack,outcome=sent}"] == 1
    assert found["pql_withheld_total{reason=MUTED}"] == 1
    assert found["pql_state_up{}"] == 1


def test_a_decision_to_send_without_a_message_counts_as_lost(store: Store) -> None:
    commit(store, outbox=[message("a")], decisions=[decision("a")])
    assert shown(of(store))["pql_lost_notifications{}"] == 0
    commit(store, T0 + HOUR, decisions=[decision("b")])
    assert shown(of(store))["pql_lost_notifications{}"] == 1
    with store._database.writes() as connection:
        connection.execute(sa.update(outbox).values(status="forgotten"))
    assert shown(of(store))["pql_lost_notifications{}"] == 2


def test_a_process_tells_whether_it_leads_and_as_which_number(store: Store) -> None:
    assert [shown(of(store))[name] for name in ("pql_leader{}", "pql_leader_fence{}")] == [0, 0]
    leading = shown(of(store, Fence(name="leader", number=7)))
    assert [leading[name] for name in ("pql_leader{}", "pql_leader_fence{}")] == [1, 7]


def test_the_time_from_decision_to_acceptance_is_a_histogram_by_channel(store: Store) -> None:
    commit(store, outbox=[message("a")])
    leased = store.lease(T0, 1, Duration(60))[0]
    metrics = of(store)
    metrics.took(Sent(leased=leased, at=T0 + timedelta(seconds=7), reference="r", seconds=0.2))
    found = shown(metrics)
    assert found["pql_delivery_latency_seconds_bucket{channel=slack,le=5.0}"] == 0
    assert found["pql_delivery_latency_seconds_bucket{channel=slack,le=10.0}"] == 1
    assert found["pql_channel_seconds_sum{channel=slack}"] == pytest.approx(0.2)


def test_probes_are_answered_and_other_paths_are_not(store: Store) -> None:
    with of(store).served(ANY_PORT) as port:
        assert asked(port, "/healthz") == "ok\n"
        assert asked(port, "/readyz") == "ok\n"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            asked(port, "/")


def test_without_its_database_a_process_lives_but_is_not_ready(store: Store) -> None:
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE settings")
        connection.exec_driver_sql("DROP TABLE decisions")
    metrics = of(store)
    with metrics.served(ANY_PORT) as port:
        assert asked(port, "/healthz") == "ok\n"
        with pytest.raises(urllib.error.HTTPError, match="503"):
            asked(port, "/readyz")
    assert shown(metrics)["pql_state_up{}"] == 0


def test_a_port_that_is_taken_stops_nothing_and_is_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with of(store).served(ANY_PORT) as port, of(store).served(MetricsSettings(port=port)) as second:
        assert second == 0
    assert [getattr(record, "action", "") for record in caplog.records] == ["metrics_unavailable"]


def test_figures_may_be_switched_off(store: Store) -> None:
    with of(store).served(MetricsSettings(host="", port=0)) as port:
        assert port == 0
