"""The server of the desk answers its own page and nobody else; each refusal is tried over real HTTP."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from desk_world import desk_on

from pipeline.desk import server as serving
from pipeline.desk.guard import HEADERS, MAX_BODY, TOKEN_HEADER, is_token
from pipeline.desk.server import Open, opened
from pipeline.errors import InputError, UnitsFailed

JSON = {"Content-Type": "application/json"}
CONFIRM = {
    "do": "judge", "site": "SHN-0001", "verdict": "confirmed", "reason": None, "note": None,
    "seen": {"verdict": None, "reason": None, "note": None},
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Open]:
    with opened(desk_on(tmp_path / "reviews.gpkg", 3)) as desk:
        yield desk


def port_of(desk: Open) -> int:
    return int(desk.url.split(":")[2].split("/")[0])


def token_of(desk: Open) -> str:
    return desk.url.split("/")[3]


def ask(
    desk: Open,
    path: str,
    method: str = "GET",
    body: object = None,
    token: str | None = "right",
    **headers: str | None,
) -> tuple[int, dict[str, str], bytes]:
    """Ask as the page does, but for what is said otherwise; a header that is None is left out."""
    sent: dict[str, str | None] = {"Host": f"127.0.0.1:{port_of(desk)}"}
    if token is not None:
        sent[TOKEN_HEADER] = token_of(desk) if token == "right" else token
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    if raw is not None:
        sent |= {**JSON, "Content-Length": str(len(raw))}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", port_of(desk), timeout=10)) as connection:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(raw)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def verdicts(desk: Open) -> list[str | None]:
    return [row.verdict for row in desk.session.desk.storage.read().reviews]


def test_the_page_is_given_and_a_verdict_is_written(here: Open) -> None:
    status, headers, body = ask(here, f"/{token_of(here)}/", token=None)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"desk.js" in body
    for name in (*serving.PAGE, serving.TEXTS):
        assert ask(here, f"/{token_of(here)}/{name}", token=None)[0] == 200
    overview = json.loads(ask(here, "/api/desk")[2])
    assert overview["simulated"] is True
    assert set(overview["order"]) == {"SHN-0001", "SHN-0002", "SHN-0003"}
    assert json.loads(ask(here, "/api/site/SHN-0001")[2])["album"]["frames"][0]["day"]
    status, headers, body = ask(here, "/api/picture/SHN-0001/0/shortwave_infrared")
    assert (status, headers["Content-Type"], body[8:12]) == (200, "image/webp", b"WEBP")
    status, _, body = ask(here, "/api/act", "POST", CONFIRM, Origin=f"http://127.0.0.1:{port_of(here)}")
    assert (status, json.loads(body)["saved"]) == (200, True)
    assert verdicts(here) == ["confirmed", None, None]


def test_it_listens_on_loopback_only(here: Open) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.2", port_of(here)))  # refused if it listened on every address of this machine


@pytest.mark.parametrize("token", [None, "", "wrong", "é", "right"[:-1]])
@pytest.mark.parametrize(
    ("path", "method"), [("/api/desk", "GET"), ("/api/site/SHN-0001", "GET"), ("/api/act", "POST")]
)
def test_a_wrong_or_missing_token_is_refused(here: Open, token: str | None, path: str, method: str) -> None:
    body = CONFIRM if method == "POST" else None
    assert ask(here, path, method, body, token=token)[0] == 403
    assert verdicts(here) == [None] * 3


@pytest.mark.parametrize("path", ["/", "/wrong/", "/desk.js", "/api/desk/", "//", "/favicon.ico"])
def test_no_file_without_the_token(here: Open, path: str) -> None:
    assert ask(here, path, token=None)[0] == 403


def test_a_part_of_the_token_is_not_the_token(here: Open) -> None:
    token = token_of(here)
    for wrong in (token[:-1], token + "A", token.swapcase(), f"{token}%20", token[1:], ""):
        assert ask(here, f"/{wrong}/", token=None)[0] == 403, wrong
        assert not is_token(wrong, token)
    assert is_token(token, token)
    assert not is_token(None, token)


def test_the_token_of_the_address_does_not_write(here: Open) -> None:
    """A form of another page could post to an address, and cannot set a header."""
    assert ask(here, f"/{token_of(here)}/api/act", "POST", CONFIRM, token=None)[0] == 403
    assert ask(here, f"/{token_of(here)}/api/act", "POST", CONFIRM)[0] == 404
    assert verdicts(here) == [None] * 3


def test_a_browser_is_started_with_an_address_that_opens_once(here: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    assert token_of(here) not in here.once
    path = "/" + here.once.split("/", 3)[3]
    assert ask(here, path + "x", token=None)[0] == 403
    assert ask(here, path, token=None, Host="evil.example")[0] == 403
    status, headers, _ = ask(here, path, token=None)
    assert (status, headers["Location"]) == (303, f"/{token_of(here)}/")
    assert ask(here, path, token=None)[0] == 403
    opened_with: list[str] = []
    monkeypatch.setattr(serving.webbrowser, "open", opened_with.append)
    monkeypatch.setattr(serving.time, "sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    serving.serve(here.session.desk)
    (address,) = opened_with
    assert "/open/" in address


def test_tokens_are_long_and_never_the_same(tmp_path: Path) -> None:
    found = set()
    for _ in range(3):
        with opened(desk_on(tmp_path / "reviews.gpkg", 1)) as desk:
            found.add(token_of(desk))
    assert len(found) == 3
    assert min(map(len, found)) >= 43  # 32 bytes


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "0.0.0.0:{port}",
        "",
        None,
    ],
)
def test_another_host_is_refused(here: Open, host: str | None) -> None:
    """DNS rebinding: a name of somebody else that leads to this machine."""
    named = None if host is None else host.format(port=port_of(here))
    assert ask(here, "/api/desk", Host=named)[0] == 403
    assert ask(here, f"/{token_of(here)}/", token=None, Host=named)[0] == 403


def test_localhost_is_this_machine_too(here: Open) -> None:
    name = f"localhost:{port_of(here)}"
    assert ask(here, "/api/desk", Host=name, Origin=f"http://{name}")[0] == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "https://127.0.0.1:{port}", "file://"],
)
def test_a_foreign_origin_is_refused(here: Open, origin: str) -> None:
    asked = origin.format(port=port_of(here))
    assert ask(here, "/api/act", "POST", CONFIRM, Origin=asked)[0] == 403
    assert ask(here, "/api/desk", Origin=asked)[0] == 403
    assert verdicts(here) == [None] * 3


@pytest.mark.parametrize(
    "referer",
    ["https://evil.example/page", "http://127.0.0.1:1/", "http://127.0.0.1:{port}.evil.example/", "http://[bad"],
)
def test_a_foreign_referer_is_refused(here: Open, referer: str) -> None:
    assert ask(here, "/api/act", "POST", CONFIRM, Referer=referer.format(port=port_of(here)))[0] == 403
    assert verdicts(here) == [None] * 3


def test_its_own_referer_is_not(here: Open) -> None:
    assert ask(here, "/api/desk", Referer=f"http://127.0.0.1:{port_of(here)}/x")[0] == 200


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_requests_of_other_pages_are_refused(here: Open, site: str, status: int) -> None:
    assert ask(here, "/api/desk", Sec_Fetch_Site=site)[0] == status
    assert ask(here, f"/{token_of(here)}/", token=None, Sec_Fetch_Site=site)[0] == status


@pytest.mark.parametrize(
    "path",
    [
        "/api/../api/desk", "/api/desk/../desk", "/api/%64esk", "/api/desk?x=1", "/api/desk#x", "/api//desk", "/API/desk",
        "/etc/passwd", "/../../etc/passwd", "/api/site/../../etc/passwd", "/api/site/%2e%2e%2fetc", "/api/site/SHN-9999",
        "/api/site/", "/api/site/SHN-0001/", "/api/site/added-1", "/api/picture/SHN-0001/99/shortwave_infrared",
        "/api/picture/SHN-0001/-1/shortwave_infrared", "/api/picture/SHN-0001/0/nothing", "/api/picture/SHN-0001/0/../../x",
        "http://127.0.0.1/api/desk", "api/desk", "*", "/api/site/SHN-0001%00", "/" + "a" * 3000,
    ],
)  # fmt: skip
def test_no_other_path_leads_anywhere(here: Open, path: str) -> None:
    assert ask(here, path)[0] == 404


@pytest.mark.parametrize(
    "rest",
    [
        "../desk.py",
        "..%2fdesk.py",
        "%2e%2e/server.py",
        "./desk.js",
        "/desk.js",
        "desk.js/",
        "desk.js?x",
        "/etc/passwd",
        "C:\\x",
        "desk.py",
        "index.html",
    ],
)
def test_no_other_file_is_given(here: Open, rest: str) -> None:
    assert ask(here, f"/{token_of(here)}/{rest}", token=None)[0] == 404


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "X"])
def test_other_methods_are_refused(here: Open, method: str) -> None:
    status, headers, _ = ask(here, "/api/desk", method)
    assert status == 405
    assert "Access-Control-Allow-Origin" not in headers


def test_a_body_that_is_too_long_is_not_read(here: Open) -> None:
    assert ask(here, "/api/act", "POST", CONFIRM, Content_Length=str(MAX_BODY + 1))[0] == 413
    note = {**CONFIRM, "note": "x" * 2001}
    assert ask(here, "/api/act", "POST", note)[0] == 400
    assert verdicts(here) == [None] * 3


@pytest.mark.parametrize("length", [None, "-1", "x", "1e3", "0x10", "99999999999", "1,1"])
def test_a_body_says_how_long_it_is(here: Open, length: str | None) -> None:
    assert ask(here, "/api/act", "POST", CONFIRM, Content_Length=length)[0] == 411


def test_a_body_in_pieces_is_refused(here: Open) -> None:
    assert ask(here, "/api/act", "POST", CONFIRM, Transfer_Encoding="chunked")[0] == 411


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_can_send_is_refused(here: Open, kind: str | None) -> None:
    assert ask(here, "/api/act", "POST", CONFIRM, Content_Type=kind)[0] == 415
    assert verdicts(here) == [None] * 3


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"do": "delete"}', {**CONFIRM, "verdict": "perhaps"},
        {**CONFIRM, "more": 1}, {**CONFIRM, "verdict": "rejected"}, {**CONFIRM, "reason": "paddy"},
        {**CONFIRM, "site": 7}, {**CONFIRM, "site": "SHN-9999"}, {**CONFIRM, "site": "../../x"},
        {"do": "set_point", "site": "SHN-0001", "where": {"lonlat": [[1e400, 0]]}},
        {"do": "set_point", "site": "SHN-0001", "where": {"lonlat": [[200, 0]]}},
        {"do": "set_point", "site": "SHN-0001", "where": {"site": "SHN-0001", "xy": [[2, 0]]}},
        {"do": "set_point", "site": "SHN-0001", "where": {"lonlat": []}},
        {"do": "set_point", "site": "SHN-0001", "fid": 99, "where": {"lonlat": [[97, 22]]}},
        {"do": "add_site", "where": {"lonlat": [[97, 22], [97.1, 22]]}},
        {"do": "add_site", "where": {"lonlat": [[0, 0]]}},
        {"do": "add_site", "where": {"lonlat": [[97, 22], [97.1, 22.1], [97.1, 22], [97, 22.1]]}},
        {"do": "add_site", "where": {"lonlat": [[97, 22]] * 4}},
        {"do": "remove_point", "fid": 1}, {"do": "undo"}, {"do": "undo", "site": "SHN-0001"},
    ],
)  # fmt: skip
def test_what_is_no_command_is_told_in_one_line(here: Open, body: object) -> None:
    status, _, said = ask(here, "/api/act", "POST", body)
    assert status == 400
    error = json.loads(said)["error"]
    assert error
    assert "\n" not in error
    reading = here.session.desk.storage.read()
    assert (verdicts(here), reading.points, len(reading.reviews)) == ([None] * 3, (), 3)


@pytest.mark.parametrize("path", ["/api/desk", "/wrong/", "/api/nothing"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_every_answer_closes_the_page_to_others(here: Open, path: str, method: str) -> None:
    _, headers, _ = ask(here, path, method)
    for name, value in HEADERS:
        assert headers[name] == value
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_nothing_that_was_sent_comes_back_or_is_logged(here: Open, capfd: pytest.CaptureFixture[str]) -> None:
    for path in ("/<script>alert(1)</script>", "/api/site/<b>"):
        assert b"script" not in ask(here, path)[2]
    ask(here, "/api/desk", "<SCRIPT>")
    ask(here, f"/{token_of(here)}/")
    with socket.create_connection(("127.0.0.1", port_of(here)), timeout=5) as raw:
        raw.sendall(f"nonsense {token_of(here)} <b>\r\n\r\n".encode())
        said = raw.recv(65536)
    assert b"nonsense" not in said
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")


def test_silent_and_slow_connections_are_closed(
    here: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:  # fmt: skip
    monkeypatch.setattr(serving._Handler, "timeout", 0.3)
    monkeypatch.setattr(serving, "REQUEST_S", 0.6)
    with opened(desk_on(tmp_path / "other.gpkg", 1)) as desk:
        with socket.create_connection(("127.0.0.1", port_of(desk)), timeout=10) as silent:
            assert silent.recv(1) == b""
        head = f"POST /api/act HTTP/1.1\r\nHost: 127.0.0.1:{port_of(desk)}\r\n{TOKEN_HEADER}: {token_of(desk)}\r\n"
        with socket.create_connection(("127.0.0.1", port_of(desk)), timeout=10) as slow:
            slow.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{".encode())
            assert b" 408 " in slow.recv(65536).splitlines()[0] + b" "


def test_many_connections_do_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CONNECTIONS", 4)
    before = threading.active_count()
    with opened(desk_on(tmp_path / "other.gpkg", 1)) as desk:
        idle = [socket.create_connection(("127.0.0.1", port_of(desk)), timeout=10) for _ in range(12)]
        assert any(one.recv(1) == b"" for one in idle[4:5])  # one too many is closed at once
        assert threading.active_count() <= before + 1 + 4
        for one in idle:
            one.close()


def test_a_port_that_is_taken_is_told(here: Open, tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=rf"port {port_of(here)} cannot be had .* choose another --port"),
        opened(desk_on(tmp_path / "other.gpkg", 1), port_of(here)),
    ):
        pass


class Failing:
    """A file of verdicts that can be read, and not written."""

    def __init__(self, file: object) -> None:
        self.file = file

    def read(self) -> object:
        return self.file.read()

    def judge(self, *_: object) -> None:
        raise UnitsFailed("reviews.gpkg: the disk is full; free some space and try again, what was saved is kept")


def test_a_full_disk_is_told_and_nothing_is_called_saved(here: Open) -> None:
    object.__setattr__(here.session.desk, "storage", Failing(here.session.desk.storage))
    status, _, body = ask(here, "/api/act", "POST", CONFIRM)
    assert status == 503
    assert json.loads(body) == {
        "error": "reviews.gpkg: the disk is full; free some space and try again, what was saved is kept"
    }
