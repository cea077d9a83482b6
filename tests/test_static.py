"""Static catalogues that others write: walked once and within bounds, and no way to files or machines of ours."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import rasterio
from loopback import Response, Server, quick_http, serving
from products import write_catalogue
from rasterio.errors import RasterioIOError
from scenes import GRID, PLACE, aoi
from test_stac import ALWAYS, RULES, make_item, opened

from pipeline.errors import InputError
from pipeline.sources import stac_documents
from pipeline.sources.interface import Search
from pipeline.sources.pixels import GDAL
from pipeline.sources.stac import stac_source


def catalogue(links: list[tuple[str, str]], name: str = "one") -> bytes:
    """A catalogue with links, each a relation and where it leads."""
    listed = [{"rel": rel, "href": href} for rel, href in links]
    content = {"type": "Catalog", "stac_version": "1.0.0", "id": name, "description": "made-up", "links": listed}
    return json.dumps(content).encode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as server:
        yield server


def search(server: Server) -> Search:
    return stac_source(f"{server.url}/catalog.json", RULES, quick_http).search(aoi(), ALWAYS)


def refused(server: Server, says: str) -> str:
    """The one line for a catalogue that cannot be searched."""
    with pytest.raises(InputError, match=says) as caught:
        search(server)
    said = str(caught.value)
    assert said.startswith(f"{server.url}/catalog.json: ")
    assert "\n" not in said
    return said


def serve(server: Server, documents: Mapping[str, bytes]) -> None:
    for name, content in documents.items():
        (server.folder / name).write_bytes(content)


# Bounds


def test_a_circle_of_children_is_walked_once(server: Server) -> None:
    item = make_item(server.folder, date(2024, 2, 5), href=server.url)
    serve(
        server,
        {
            "catalog.json": catalogue([("child", "./a.json"), ("child", "a.json#again"), ("child", "catalog.json")]),
            "a.json": catalogue([("child", "b.json"), ("item", "item.json")]),
            "b.json": catalogue([("child", "./x/../a.json"), ("child", f"{server.url}/catalog.json")]),
            "item.json": json.dumps(item.to_dict(include_self_link=False)).encode(),
        },
    )
    source = stac_source(f"{server.url}/catalog.json", RULES, quick_http)
    server.asked.clear()
    assert len(source.search(aoi(), ALWAYS).scenes) == 1
    paths = [path for _, path in server.asked]
    assert [paths.count(f"/{name}.json") for name in ("a", "b", "item")] == [1, 1, 1]


def branching(path: str, _: object) -> Response:
    """Each catalogue has two more below it."""
    name = path.rpartition("/")[2].removesuffix(".json")
    return 200, {}, catalogue([("child", f"{name}{way}.json") for way in "lr"])


def test_a_catalogue_that_branches_for_ever_ends_at_a_bound(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac_documents, "MAX_CATALOGUES", 40)
    monkeypatch.setattr(stac_documents, "MAX_DEPTH", 10)
    server.guard = branching
    seen: list[str] = []
    server.guard = lambda path, headers: seen.append(path) or branching(path, headers)
    refused(server, "in more than 10 levels")
    monkeypatch.setattr(stac_documents, "MAX_DEPTH", 1000)
    seen.clear()
    refused(server, "more than 40 catalogues")
    assert len(seen) < 45


def test_a_wide_catalogue_ends_at_a_bound(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac_documents, "MAX_STATIC_ITEMS", 3)
    item = make_item(server.folder, date(2024, 2, 5), href=server.url).to_dict(include_self_link=False)
    wide = catalogue([("item", f"{number}.json") for number in range(100)])
    server.guard = lambda path, _: (200, {}, wide if "catalog" in path else json.dumps(item).encode())
    refused(server, "more than 3 items")


def test_documents_have_a_sum(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac_documents, "MAX_TOTAL_BYTES", 5_000_000)
    content = catalogue([("child", f"{number}.json") for number in range(100)]) + b" " * 1_000_000
    server.guard = lambda path, _: (200, {}, content)
    refused(server, "more than 5 MB of documents")


def test_one_document_has_a_size(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac_documents, "MAX_BYTES", 100_000)
    (server.folder / "catalog.json").write_bytes(catalogue([("child", "a.json")]))
    (server.folder / "a.json").write_bytes(catalogue([]) + b" " * 200_000)
    refused(server, "more than 0.1 MB")
    with pytest.raises(InputError, match="a document of more than"):
        opened(server.folder / "catalog.json").search(aoi(), ALWAYS)


DEEP = b"[" * 200_000
NESTED = b'{"type": "Feature", "id": "x", "links": ' + b"[" * 900 + b"]" * 900 + b"}"


@pytest.mark.parametrize("content", [DEEP, NESTED, b'{"a":' * 100_000], ids=["lists", "an item", "objects"])
@pytest.mark.parametrize("name", ["catalog.json", "a.json"])
def test_deep_json_is_told_in_one_line(name: str, content: bytes, server: Server) -> None:
    serve(server, {"catalog.json": catalogue([("child", "a.json")]), "a.json": catalogue([]), name: content})
    says = "cannot be searched" if name == "a.json" else "not a STAC catalogue"
    refused(server, says)
    with pytest.raises(InputError, match=says) as caught:
        opened(server.folder / "catalog.json").search(aoi(), ALWAYS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "links", [None, 3, "text", [3], [None], [{"rel": "child"}], [{"rel": "child", "href": 3}], {"child": "a.json"}]
)
def test_links_that_are_none_are_no_traceback(links: Any, server: Server) -> None:
    content = {"type": "Catalog", "stac_version": "1.0.0", "id": "one", "description": "", "links": []}
    below = json.dumps({**content, "links": links}).encode()
    serve(server, {"catalog.json": catalogue([("child", "a.json")]), "a.json": below})
    try:
        assert not search(server).scenes
    except InputError as said:
        assert "cannot be searched" in str(said)


# No way to files of ours


def test_documents_of_a_local_catalogue_lie_in_its_folder(tmp_path: Path) -> None:
    own, secret = tmp_path / "own", tmp_path / "secret.json"
    own.mkdir()
    secret.write_bytes(catalogue([]))
    (own / "link.json").symlink_to(secret)
    (own / "away").symlink_to(tmp_path)
    for href in ("../secret.json", str(secret), secret.as_uri(), "link.json", "away/secret.json", f"/vsizip/{secret}"):
        (own / "catalog.json").write_bytes(catalogue([("child", href)]))
        with pytest.raises(InputError, match=r"outside of its folder|cannot be searched") as caught:
            opened(own / "catalog.json").search(aoi(), ALWAYS)
        assert "outside of its folder" in str(caught.value), href
    (own / "inside.json").write_bytes(catalogue([]))
    (own / "catalog.json").write_bytes(catalogue([("child", "inside.json")]))
    assert not opened(own / "catalog.json").search(aoi(), ALWAYS).scenes


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "catalog.json").write_bytes(catalogue([("child", "pipe.json")]))
    with pytest.raises(InputError, match="cannot be searched"):
        opened(tmp_path / "catalog.json").search(aoi(), ALWAYS)


def test_files_of_a_local_catalogue_lie_in_its_folder(tmp_path: Path) -> None:
    scenes, elsewhere = tmp_path / "scenes", tmp_path / "elsewhere"
    item = make_item(scenes, date(2024, 2, 5))
    path = write_catalogue(scenes, [item])
    assert len(opened(path).search(aoi(), ALWAYS).scenes) == 1
    own = scenes / item.id / "red.tif"
    elsewhere.mkdir()
    own.rename(elsewhere / "red.tif")
    own.symlink_to(elsewhere / "red.tif")
    (refusal,) = opened(path).search(aoi(), ALWAYS).refusals
    assert refusal.reason == "its file lies outside of the catalogue's folder"


@pytest.mark.parametrize("folder", ["stac", "catalogue"])
def test_only_a_folder_called_stac_has_its_scenes_beside_it(folder: str, tmp_path: Path) -> None:
    item = make_item(tmp_path, date(2024, 2, 5))
    write_catalogue(tmp_path, [item])
    (tmp_path / "stac").rename(tmp_path / folder)
    found = opened(tmp_path / folder / "catalog.json").search(aoi(), ALWAYS)
    assert len(found.scenes) == (folder == "stac")


LOCAL = [
    "file:///etc/passwd",
    "file:{file}",
    "{file}",
    "/vsicurl/{other}/a.tif",
    "/vsicurl?url={other}/a.tif",
    "/vsizip/{file}",
    "/vsizip//vsicurl/{other}/a.zip",
    "/vsitar/{file}",
    "/vsis3/bucket/a.tif",
    "/vsisubfile/0_10,{file}",
    "GTIFF_DIR:1:{file}",
    "zip+{other}/a.zip!a.tif",
    "zip://{file}",
    "vrt://{file}",
    "s3://bucket/a.tif",
    "gs://bucket/a.tif",
    "<VRTDataset/>",
    "{other}/a.tif",
    "//{host}/a.tif",
    "HTTP://{host}/a.tif",
    "https://{host}/a.tif",
    "https://me:s3cret@127.0.0.1/a.tif",
]


@pytest.mark.parametrize("kind", ["searchable", "static"])
@pytest.mark.parametrize("href", LOCAL)
def test_a_catalogue_from_the_network_leads_to_no_file_and_no_other_machine(
    href: str, kind: str, server: Server, tmp_path: Path
) -> None:
    """What is taken for a path on the server itself may stay; it is then asked of that server, and not there."""
    item = make_item(server.folder, date(2024, 2, 5), href=server.url)
    with serving(server.folder) as other:
        place = other.url.removeprefix("http://")
        item.assets["red"].href = href.format(file=server.folder / item.id / "blue.tif", other=other.url, host=place)
        listed = item.to_dict(include_self_link=False)
        server.items = [listed]
        serve(server, {"catalog.json": catalogue([("item", "item.json")]), "item.json": json.dumps(listed).encode()})
        root = "api" if kind == "searchable" else "catalog.json"
        source = stac_source(f"{server.url}/{root}", RULES, quick_http)
        found = source.search(aoi(), ALWAYS)
        for scene in found.scenes:
            assert scene.assets.by_name["B04"].href.startswith(f"{server.url}/")
            with pytest.raises(Exception, match=r"404|refuses"):
                source.read([scene], GRID, PLACE)
        assert len(found.scenes) + len(found.refusals) == 1
        assert not [reason for refusal in found.refusals if "s3cret" in (reason := refusal.reason)]
        assert not other.asked


def test_an_item_of_an_old_version_leads_nowhere(server: Server, tmp_path: Path) -> None:
    """Of such items pystac's own reader fetches the collection, from anywhere and with no bound."""
    item = make_item(server.folder, date(2024, 2, 5), href=server.url).to_dict(include_self_link=False)
    (tmp_path / "here.json").write_text(json.dumps({"id": "x", "properties": {"platform": "sentinel-2a"}}))
    with serving(tmp_path) as other:
        for href in (str(tmp_path / "here.json"), f"{other.url}/here.json"):
            old = {**item, "stac_version": "0.8.0", "links": [{"rel": "collection", "href": href}]}
            del old["properties"]["platform"], old["stac_extensions"]
            item = json.loads(json.dumps(old)) | {"stac_extensions": []}
            item["properties"]["platform"] = ""
            serve(server, {"catalog.json": catalogue([("item", "i.json")]), "i.json": json.dumps(old).encode()})
            found = search(server)
            assert [scene.platform for scene in found.scenes] in ([], [""])
        assert not other.asked


@pytest.mark.parametrize("path", ["/vsicurl/{url}/a.tif", "/vsicurl?url={url}/a.tif", "/vsizip//vsicurl/{url}/a.zip"])
def test_gdal_asks_nothing_of_the_network(path: str, server: Server) -> None:
    serve(server, {"a.tif": b"II*\0" + bytes(100), "a.zip": b"PK"})
    with pytest.raises(RasterioIOError), rasterio.Env(**GDAL):
        rasterio.open(path.format(url=server.url))
    assert not server.asked
    with pytest.raises(RasterioIOError):
        rasterio.open(path.format(url=server.url).replace("a.", "b."))
    assert server.asked  # without the setting it would have been
