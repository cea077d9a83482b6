"""Files that are not given to everyone: tokens of the Planetary Computer, signatures of the Data Space."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback import Server, serving
from scenes import GRID, PLACE, aoi
from test_stac import make_item, opened

from pipeline.errors import CredentialsRefused
from pipeline.sources import credentials
from pipeline.sources.interface import Period
from pipeline.sources.stac import StacSource, files_of

ALWAYS = Period(None, None)
KEY, SECRET = "the-key-3c1d", "the-s3-secret-8e2f"


class Planetary:
    """Gives tokens, and files to those that have the last one."""

    def __init__(self, server: Server) -> None:
        self.server, self.given, self.lasts_s = server, 0, 3600.0
        self.valid = ""

    def __call__(self, path: str, headers: object):
        if path.startswith("/token"):
            self.given += 1
            self.valid = f"a+secret/{self.given}"
            ends = datetime.now(UTC) + timedelta(seconds=self.lasts_s)
            token = f"se=2026&sp=rl&sig=a%2Bsecret%2F{self.given}"
            return 200, {}, json.dumps({"msft:expiry": f"{ends:%Y-%m-%dT%H:%M:%SZ}", "token": token}).encode()
        if path.partition("?")[0].endswith(".tif") and parse_qs(urlsplit(path).query).get("sig") != [self.valid]:
            return 403, {}, b"<Error><Code>AuthenticationFailed</Code></Error>"
        return None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        server.items = [make_item(tmp_path, date(2024, 2, 5), href=server.url).to_dict(include_self_link=False)]
        yield server


@pytest.fixture
def planetary(server: Server, monkeypatch: pytest.MonkeyPatch) -> Planetary:
    monkeypatch.setattr(credentials, "PLANETARY_TOKENS", f"{server.url}/token")
    monkeypatch.setattr(credentials, "PLANETARY_FILES", "127.0.0.1")
    credentials.token_cache.cache_clear()
    server.guard = Planetary(server)
    return server.guard


def read(server: Server, provider: str):
    source: StacSource = opened(f"{server.url}/api")
    scenes = source.search(aoi(), ALWAYS).scenes
    files_of.cache_clear()  # as in another process
    return replace(source, provider=provider).read(scenes, GRID, PLACE)


def test_one_token_serves_many_reads_and_is_renewed_when_it_ran_out(server: Server, planetary: Planetary) -> None:
    assert read(server, "planetary").valid.all()
    assert read(server, "planetary").valid.all()
    assert planetary.given == 1
    planetary.valid = "another"  # it ran out before its time, in the midst of a run
    assert read(server, "planetary").valid.all()
    assert planetary.given == 2
    planetary.lasts_s = 30.0  # sooner than it takes to use it: a new one each time
    credentials.token_cache.cache_clear()
    read(server, "planetary")
    assert planetary.given > 4


def test_without_a_token_that_is_taken_it_is_told_and_no_token_is_shown(server: Server, planetary: Planetary) -> None:
    refuse = lambda path, headers: planetary(path, headers) if "/token" in path else (403, {}, b"no")  # noqa: E731
    source: StacSource = opened(f"{server.url}/api")
    scenes = source.search(aoi(), ALWAYS).scenes
    server.guard = refuse
    with pytest.raises(CredentialsRefused) as caught:
        replace(source, provider="planetary").read(scenes, GRID, PLACE)
    assert "secret" not in str(caught.value)
    assert planetary.given == 2


def test_files_of_the_data_space_are_asked_for_with_a_signature(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "CDSE_S3", server.url)
    seen: list[str] = []

    def guard(path: str, headers):
        if path.endswith(".tif"):
            seen.append(headers.get("Authorization", ""))
            return None if f"Credential={KEY}/" in seen[-1] else (403, {}, b"no")
        return None

    server.guard = guard
    for name in ("LEACHWATCH_CDSE_S3_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CredentialsRefused, match="eodata-s3keysmanager"):
        read(server, "cdse")
    assert not seen
    monkeypatch.setenv("LEACHWATCH_CDSE_S3_ACCESS_KEY", KEY)
    monkeypatch.setenv("LEACHWATCH_CDSE_S3_SECRET_KEY", SECRET)
    assert read(server, "cdse").valid.all()
    assert all(one.startswith("AWS4-HMAC-SHA256 ") and SECRET not in one for one in seen)


def test_an_address_of_a_bucket_becomes_one_of_the_data_space(tmp_path: Path) -> None:
    assert (
        credentials.cdse_address("s3://eodata/Sentinel-2/a/B02.jp2")
        == f"{credentials.CDSE_S3}/eodata/Sentinel-2/a/B02.jp2"
    )
