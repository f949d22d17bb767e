import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clueplus.errors import ClueplusError
from clueplus.leaderboard.build import Options
from clueplus.leaderboard.serve import serving
from clueplus.registry import Catalog
from tests.support.boards import board_run, write_runs


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_runs(tmp_path / "results", board_run("first", tasks=["medec"]))


@contextmanager
def running(results: Path) -> Iterator[int]:
    with serving(Options(results, Path("unused"), Catalog()), 0) as (server, _):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def get(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_it_listens_on_this_machine_alone(results: Path) -> None:
    with serving(Options(results, Path("unused"), Catalog()), 0) as (server, _):
        assert server.server_address[0] == "127.0.0.1"


def test_a_reload_shows_a_record_that_came_since_and_forgets_one_that_went(results: Path) -> None:
    with running(results) as port:
        assert "second" not in get(port, "/index.html")[1]
        write_runs(results / "more", board_run("second", tasks=["medec"], seed=2))
        assert ">second<" in get(port, "/index.html")[1]
        assert get(port, "/models/second.html")[0] == 200
        next((results / "more").rglob("run.json")).unlink()
        assert "second" not in get(port, "/")[1]
        assert get(port, "/models/second.html")[0] == 404


def test_nothing_is_built_when_nothing_changed(results: Path) -> None:
    with serving(Options(results, Path("unused"), Catalog()), 0) as (_, site):
        first = site.built
        site.refresh()
        assert site.built is first


def test_a_folder_that_is_gone_is_told_in_the_page(results: Path, tmp_path: Path) -> None:
    with running(results) as port:
        results.rename(tmp_path / "elsewhere")
        status, text, _ = get(port, "/index.html")
        assert status == 500
        assert "no such folder" in text
        (tmp_path / "elsewhere").rename(results)
        assert get(port, "/index.html")[0] == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_foreign_name_for_this_machine_gets_nothing(results: Path, method: str) -> None:
    with running(results) as port:
        assert get(port, "/index.html", method, Host="attacker.example")[0] == 421
        assert get(port, "/index.html", method, Host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/models/", "/nothing.html"])
def test_nothing_but_pages_is_served(results: Path, path: str) -> None:
    with running(results) as port:
        assert get(port, path)[0] == 404


def test_answers_are_not_kept_by_the_browser(results: Path) -> None:
    with running(results) as port:
        headers = get(port, "/index.html")[2]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_taken_port_is_a_users_error(results: Path) -> None:
    with running(results) as port:
        with pytest.raises(ClueplusError, match=f"--port {port}"):
            with serving(Options(results, Path("unused"), Catalog()), port):
                pass
