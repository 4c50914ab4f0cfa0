from __future__ import annotations

from workbench.inference.server_state import Activity, list_names, read_ollama_ps, read_prometheus
from workbench.serving.idle import IdleWatch

METRICS = """
# HELP vllm:num_requests_running Number of requests
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="base",engine="0"} 0.0
vllm:num_requests_running{model_name="ft, {x}"} 2.0
vllm:request_success_total{finished_reason="stop"} 3
vllm:request_success_total{finished_reason="length"} 4 1395066363000
vllm:cache NaN
"""


def test_metrics_are_added_up_over_their_labels() -> None:
    found = read_prometheus(METRICS, ["vllm:num_requests_running"], ["vllm:request_success_total"])
    assert found == Activity(busy=True, total=7.0)


def test_metrics_without_the_named_ones_tell_nothing() -> None:
    assert read_prometheus(METRICS, ["other"], ["another"]) is None
    assert read_prometheus("<html>", ["vllm:num_requests_running"], []) is None


def test_ollama_shows_use_by_the_time_until_which_a_model_stays() -> None:
    before = read_ollama_ps({"models": [{"name": "m", "expires_at": "1"}]})
    after = read_ollama_ps({"models": [{"name": "m", "expires_at": "2"}]})
    again = read_ollama_ps({"models": [{"name": "m", "expires_at": "2"}]})
    assert before is not None
    assert after is not None
    assert before != after
    assert after == again
    assert read_ollama_ps(None) is None


def test_names_are_read_from_either_kind_of_list() -> None:
    assert list_names({"data": [{"id": "base"}, {"id": "ft"}]}) == ("base", "ft")
    assert list_names({"models": [{"name": "m:1"}]}) == ("m:1",)
    assert list_names(None) == ()


class Server:
    def __init__(self) -> None:
        self.now = 0.0
        self.says: Activity | None = Activity(False, 0)
        self.watch = IdleWatch(lambda: self.says, lambda: self.now)

    def after(self, seconds: float) -> float:
        self.now += seconds
        self.watch.look()
        return self.watch.idle_seconds()


def test_idle_time_counts_from_the_last_request() -> None:
    server = Server()
    server.after(0)
    assert server.after(10) == 10
    server.says = Activity(False, 1)
    assert server.after(10) == 0
    assert server.after(10) == 10


def test_a_long_request_is_work_although_nothing_is_counted_yet() -> None:
    server = Server()
    server.says = Activity(True, 0)
    server.after(0)
    assert server.after(1000) == 0


def test_a_server_that_never_tells_is_never_idle() -> None:
    server = Server()
    server.says = None
    server.after(0)
    assert server.after(10_000) == 0
    assert not server.watch.known


def test_a_server_that_falls_silent_counts_as_working() -> None:
    server = Server()
    server.after(0)
    server.says = None
    assert server.after(10_000) == 0
    server.says = Activity(False, 0)
    assert server.after(100) == 100
