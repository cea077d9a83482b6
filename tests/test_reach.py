"""What others may make a client do: where it goes, what it takes along, how much it takes in and for how long."""

import gzip
import json
import logging
import os
import pickle
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from loopback import QUICK, Response, Server, http_at, quick_http, serving
from requests_aws4auth import AWS4Auth
from scenes import aoi
from test_stac import ALWAYS, RULES, make_item

from pipeline.cli import main
from pipeline.errors import InputError, PipelineError, SceneError, describe
from pipeline.sources import credentials
from pipeline.sources.budget import read_ledger
from pipeline.sources.connections import surroundings
from pipeline.sources.http import HttpClient, RequestAuth
from pipeline.sources.reach import Reach, configured, is_public, shown_address
from pipeline.sources.stac import KNOWN, stac_source

SECRETS = RequestAuth(
    headers={"Authorization": "Bearer the-token", "Ocp-Apim-Subscription-Key": "the-key"},
    params={"sig": "the-signature"},
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "a").write_bytes(b"{}")
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as other:
        yield other


def leading_to(url: str, code: int = 302) -> Callable[[str], Response]:
    return lambda path: (code, {"Location": url}, b"over there")


def naming(http: HttpClient, *servers: Server) -> HttpClient:
    """The client, with servers as hosts of data."""
    hosts = [server.url.removeprefix("http://") for server in servers]
    return replace(http, reach=http.reach.with_data(*hosts))


def noting(server: Server) -> list[tuple[str, dict[str, str]]]:
    """Path and headers of each request to a server, as they come."""
    seen: list[tuple[str, dict[str, str]]] = []

    def guard(path: str, headers: Mapping[str, str]) -> None:
        seen.append((path, dict(headers)))

    server.guard = guard
    return seen


# Where it goes


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_host_that_is_not_named_is_not_followed(code: int, server: Server, other: Server) -> None:
    server.faults.append(leading_to(f"{other.url}/a", code))
    with pytest.raises(SceneError, match=r"http\.data_hosts"):
        http_at(server.url).request("GET", f"{server.url}/a", 1000)
    assert not other.asked


@pytest.mark.parametrize(
    "target",
    [
        "http://example.org/a",
        "https://example.org/a",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a",
        "//example.org/a",
        "https:///a",
        "https://127.0.0.1:port/",
        "https://a b/",
        "https://example.org\\@127.0.0.1/",
    ],
)
def test_other_machines_and_other_schemes_are_refused_at_once(target: str, server: Server) -> None:
    server.faults.append(leading_to(target))
    with pytest.raises(SceneError, match=r"not an address that is asked|neither the configured address"):
        http_at(server.url).request("GET", f"{server.url}/a", 1000)
    assert len(server.asked) == 1


def test_what_a_document_names_is_checked_like_a_redirect(server: Server, other: Server) -> None:
    with pytest.raises(SceneError, match="neither the configured address"):
        http_at(server.url).request("GET", f"{other.url}/a", 1000)
    with pytest.raises(SceneError, match="neither the configured address"):
        quick_http().request("GET", f"{server.url}/a", 1000)
    assert not server.asked
    assert not other.asked


def test_a_named_host_is_followed_without_credentials_and_every_hop_is_in_the_ledger(
    server: Server, other: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password the-netrc-password\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    here, there = noting(server), noting(other)
    server.faults.append(leading_to(f"{other.url}/a"))
    http = naming(http_at(server.url, tmp_path / "ledger.jsonl"), other)
    found = http.request(
        "GET", f"{server.url}/a", 1000, headers={"Range": "bytes=0-1"}, authenticator=lambda _url, _renew: SECRETS
    )
    assert found.body == b"{}"
    assert here[0][0] == "/a?sig=the-signature"
    assert here[0][1]["Authorization"] == "Bearer the-token"
    assert there[0][0] == "/a"
    assert there[0][1]["Range"] == "bytes=0-1"
    assert not {"Authorization", "Cookie", "Ocp-Apim-Subscription-Key"} & set(there[0][1])
    assert "the-" not in json.dumps(there)
    spent = [entry.usage for entry in read_ledger(tmp_path / "ledger.jsonl")]
    assert [(usage.requests, usage.n_bytes) for usage in spent] == [(1, len(b"over there")), (1, 2)]


def test_no_netrc_is_read_at_the_address_itself(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password the-netrc-password\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen = noting(server)
    http_at(server.url).request("GET", f"{server.url}/a", 1000)
    assert "Authorization" not in seen[0][1]


def test_on_the_same_server_credentials_stay(server: Server) -> None:
    seen = noting(server)
    server.faults.append(leading_to("/a?moved"))
    http_at(server.url).request("GET", f"{server.url}/b", 1000, authenticator=lambda _url, _renew: SECRETS)
    assert [path for path, _ in seen] == ["/b?sig=the-signature", "/a?moved"]
    assert seen[1][1]["Authorization"] == "Bearer the-token"


def test_a_signature_is_made_anew_for_each_address(server: Server) -> None:
    seen = noting(server)
    server.faults.append(leading_to("/a"))
    signed = RequestAuth(auth=AWS4Auth("key", "secret", "default", "s3"))
    http_at(server.url).request("GET", f"{server.url}/b", 1000, authenticator=lambda _url, _renew: signed)
    one, two = (headers["Authorization"] for _, headers in seen)
    assert one != two


@pytest.mark.parametrize(("code", "follows"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_a_question_with_a_body_is_asked_again_whole_or_not_at_all(code: int, follows: bool, server: Server) -> None:
    server.faults.append(leading_to(f"{server.url}/a", code))
    ask = lambda: http_at(server.url).request("POST", f"{server.url}/b", 1000, json={"bbox": [1]})  # noqa: E731
    if follows:
        assert ask().body == b"{}"
        assert server.asked == [("POST", "/b"), ("POST", "/a")]
    else:
        with pytest.raises(SceneError, match="points elsewhere; nothing was sent there"):
            ask()
        assert server.asked == [("POST", "/b")]


def test_where_an_aoi_lies_is_told_to_no_other_server(server: Server, other: Server) -> None:
    server.faults.append(leading_to(f"{other.url}/a", 307))
    with pytest.raises(SceneError, match="nothing was sent there"):
        naming(http_at(server.url), other).request("POST", f"{server.url}/a", 1000, json={"bbox": [97, 22, 98, 23]})
    assert not other.asked


def test_a_name_that_leads_into_the_private_network_is_not_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a check by name that was answered with another address."""
    port = int(server.url.rpartition(":")[2])
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *rest, **more: real("127.0.0.1", *rest, **more))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    http = replace(quick_http(), reach=Reach(data_hosts=(f"data.example.org:{port}",)))
    with pytest.raises(SceneError, match="not on the public internet"):
        http.request("GET", f"https://data.example.org:{port}/a", 1000)
    assert not server.asked


@pytest.mark.parametrize(
    ("number", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_which_machines_are_on_the_public_internet(number: str, public: bool) -> None:
    assert is_public(number) is public


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/catalog.json",
        "http://10.0.0.1/",
        "ftp://127.0.0.1/",
        "https://",
        "https://me:the-password@example.org/v1",
        "https://me:the/pass@word@example.org/v1",
        "https://example.org:port/",
    ],
)
def test_an_address_that_cannot_be_configured_is_refused_without_its_secret(address: str) -> None:
    with pytest.raises(InputError) as caught:
        configured(address)
    said = str(caught.value)
    assert "\n" not in said
    assert "me:" not in said
    assert not {"the-password", "pass", "word@"} & set(said.replace("/", " ").split())
    assert "the-password" not in said


def test_plain_http_is_for_this_machine_only() -> None:
    for address in ("http://127.0.0.1:8000/a", "http://localhost/a", "http://[::1]:80/", "https://10.0.0.1/"):
        assert configured(address) == address


def test_the_known_catalogues_reach_where_their_files_lie() -> None:
    files = {
        "earthsearch": "https://sentinel-cogs.s3.us-west-2.amazonaws.com/a.tif",
        "planetary": "https://sentinel2l2a01.blob.core.windows.net/a.tif",
        "cdse": f"{credentials.CDSE_S3}/eodata/a.jp2",
    }
    for name, url in files.items():
        reach = stac_source(name, RULES, quick_http).http.reach
        assert reach.must_be_public(url)
        assert not reach.must_be_public(f"{KNOWN[name].address}/search")
        with pytest.raises(SceneError):
            reach.must_be_public("https://sentinel2l2a01.blob.core.windows.net.example.org/a.tif")
    assert not stac_source("planetary", RULES, quick_http).http.reach.must_be_public(credentials.PLANETARY_TOKENS)


def test_a_token_goes_to_no_neighbour_of_the_files() -> None:
    assert credentials._planetary(quick_http(), "https://another.blob.core.windows.net/a", False).params == {}


# How much it takes in


def test_a_small_answer_that_unpacks_to_a_huge_one_is_cut_off(server: Server, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(400_000_000), 9)
    assert len(bomb) < 400_000
    server.guard = lambda path, headers: (200, {"Content-Encoding": "gzip"}, bomb)
    tracemalloc.start()
    try:
        with pytest.raises(SceneError, match="more than 1 MB"):
            http_at(server.url, tmp_path / "ledger.jsonl").request("GET", f"{server.url}/a", 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert sum(entry.usage.n_bytes for entry in read_ledger(tmp_path / "ledger.jsonl")) <= 3 * len(bomb)


def test_the_body_of_a_redirect_is_bounded_too(server: Server) -> None:
    bomb = gzip.compress(bytes(100_000_000), 9)
    server.faults += [lambda path: (302, {"Content-Encoding": "gzip", "Location": "/a"}, bomb)] * 3
    tracemalloc.start()
    try:
        with pytest.raises(SceneError, match="more than 1 MB"):
            http_at(server.url).request("GET", f"{server.url}/a", 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 999_999, 1_000_000])
def test_what_is_packed_comes_out_whole_and_its_packed_bytes_are_spent(
    size: int, server: Server, tmp_path: Path
) -> None:
    content = os.urandom(size)
    sent = gzip.compress(content[: size // 2]) + gzip.compress(content[size // 2 :])
    server.guard = lambda path, headers: (200, {"Content-Encoding": "gzip"}, sent)
    found = http_at(server.url, tmp_path / "ledger.jsonl").request("GET", f"{server.url}/a", 1_000_000)
    assert found.body == content
    assert [entry.usage.n_bytes for entry in read_ledger(tmp_path / "ledger.jsonl")] == [len(sent)]


@pytest.mark.parametrize(
    ("encoding", "content", "says"),
    [
        ("gzip", gzip.compress(b"{}" * 5000)[:-20], "incomplete response"),
        ("gzip", b"{}", "cannot be decoded"),
        ("br", b"{}", "cannot be decoded"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}")), "cannot be decoded"),
    ],
)
def test_what_cannot_be_unpacked_is_a_reason(encoding: str, content: bytes, says: str, server: Server) -> None:
    server.guard = lambda path, headers: (200, {"Content-Encoding": encoding}, content)
    with pytest.raises(SceneError, match=says):
        http_at(server.url).request("GET", f"{server.url}/a", 100_000)


# For how long


@contextmanager
def dripping() -> Iterator[str]:
    """A server whose headers come byte by byte and never end."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        with listener.accept()[0] as asked:
            asked.recv(65_536)
            while not ended.wait(0.1):
                asked.sendall(b"x")

    thread = threading.Thread(target=lambda: _until_cut_off(serve), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.close()
        thread.join(5)


def _until_cut_off(serve: Callable[[], None]) -> None:
    try:
        serve()
    except OSError:  # whoever asked is gone, which is what is tested
        return


def test_headers_that_drip_are_cut_off_like_a_body() -> None:
    retry = replace(QUICK, max_attempts=1, total_timeout_s=1.0, read_timeout_s=0.9)
    with dripping() as url:
        begun = time.monotonic()
        with pytest.raises(SceneError, match="too slow"):
            replace(http_at(url), retry=retry).request("GET", f"{url}/a", 1000)
        assert time.monotonic() - begun < 1.5


# What it says


def test_no_log_holds_an_address_with_a_signature(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        http_at(server.url).request("GET", f"{server.url}/a", 1000, authenticator=lambda _url, _renew: SECRETS)
        logging.getLogger("pipeline").debug("something")
    assert "something" in caplog.text
    assert "the-" not in caplog.text


@pytest.mark.parametrize("code", [400, 401, 403, 402, 500])
def test_what_a_server_repeats_of_a_secret_is_not_told(code: int, server: Server) -> None:
    said = "no: Bearer the-token, the-key, the-signature, at https://h.org/a?sig=the-rest"
    server.guard = lambda path, headers: (code, {}, json.dumps({"message": said}).encode())
    with pytest.raises(PipelineError, match=r"\(secret\), \(secret\), \(secret\), at https://h\.org/a") as caught:
        http_at(server.url).request("GET", f"{server.url}/a", 1000, authenticator=lambda _url, _renew: SECRETS)
    assert "the-" not in str(caught.value)


def test_proxies_and_certificates_of_the_environment_are_used(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", other.url)
    other.guard = lambda path, headers: (200, {}, b"by proxy")
    seen = noting(server)
    assert http_at(server.url).request("GET", f"{server.url}/a", 1000).body == b"by proxy"
    assert not seen
    assert surroundings(server.url)["verify"] is True
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/company.pem")
    assert surroundings(server.url)["verify"] == "/etc/company.pem"


def test_what_is_sent_to_workers_holds_no_secret(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [name for pair in credentials.CDSE_KEYS for name in pair]
    names += [credentials.PLANETARY_KEY, "LEACHWATCH_SH_CLIENT_ID", "LEACHWATCH_SH_CLIENT_SECRET"]
    for name in names:
        monkeypatch.setenv(name, "the-secret-of-the-environment")
    for name in KNOWN:
        assert b"the-secret" not in pickle.dumps(stac_source(name, RULES, quick_http))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no (https://me:word@h.org/a.tif?sig=x&b=c) there", "no (https://h.org/a.tif) there"),
        ("https://me:wo/rd@h.org/a", "https://h.org/a"),
        ("https://me:w@rd@h.org/a", "https://h.org/a"),
        ("https://h.org:8080/tiles@2x/a", "https://h.org:8080/tiles@2x/a"),
        ("https://h.org/a?thetoken", "https://h.org/a"),
        ("https://h.org/a#access_token=x", "https://h.org/a"),
        ("'child.json?sig=x' is not there", "'child.json' is not there"),
        ("why? because", "why? because"),
    ],
)
def test_messages_lose_what_may_be_secret(text: str, shown: str) -> None:
    assert describe(ValueError(text)) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:word@h.org:8443/v1/a.json?key=x#y", "https://h.org:8443/v1/a.json"),
        ("https://me:wo/rd@h.org/v1", "the address"),
        ("s3://me:word@bucket/a", "s3://bucket/a"),
        ("catalog.json?key=x", "catalog.json"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(address: str, shown: str) -> None:
    assert shown_address(address) == shown


@pytest.mark.parametrize(
    "child", ["child.json?sig=the-signature", "http://me:the-password@127.0.0.1:9/c.json", "x#the-"]
)
@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"type": "Feature"}'])
def test_no_signature_of_a_child_is_told(child: str, content: bytes | None, server: Server, tmp_path: Path) -> None:
    links = [{"rel": "child", "href": child}]
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "one", "description": "", "links": links}
    (tmp_path / "catalog.json").write_text(json.dumps(root))
    if content is not None:
        (tmp_path / "child.json").write_bytes(content)
        (tmp_path / "x").write_bytes(content)
    source = stac_source(f"{server.url}/catalog.json?key=the-key", RULES, quick_http)
    with pytest.raises(InputError, match="cannot be searched") as caught:
        source.search(aoi(), ALWAYS)
    assert "the-" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_in_an_address_is_in_no_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--scenes", "https://me:the-password@127.0.0.1:9/catalog.json?key=the-key", "--out", str(tmp_path / "out")]
    monkeypatch.setenv("LEACHWATCH_ARCHIVE", str(tmp_path / "archive"))
    assert main(["detect", "--aoi", "mong-bawk", "--source", "stac", *words]) == InputError.exit_code
    said = capsys.readouterr()
    assert "holds a user name or password" in said.err
    assert "the-" not in said.err + said.out
    assert said.err.count("\n") == 1
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if b"the-password" in path.read_bytes()]


def test_an_asset_on_a_host_that_is_not_named_is_a_reason(server: Server, other: Server, tmp_path: Path) -> None:
    item = make_item(tmp_path, date(2024, 2, 5), href=other.url)
    server.items = [item.to_dict(include_self_link=False)]
    search = stac_source(f"{server.url}/api", RULES, quick_http).search(aoi(), ALWAYS)
    assert not search.scenes
    assert "http.data_hosts" in search.refusals[0].reason
    named = lambda name, ms: naming(quick_http(name, ms), other)  # noqa: E731
    assert len(stac_source(f"{server.url}/api", RULES, named).search(aoi(), ALWAYS).scenes) == 1
    assert not other.asked
