"""Source files: found, unpacked, fetched, and always checked."""

import gc
import gzip
import hashlib
import io
import tarfile
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clueplus.data.library import Library, data_folder
from clueplus.errors import DataError
from clueplus.registry import SourceFile

CONTENT = b"id,text\n1,a line\n" * 50
FILE = "corpus/table.csv"


def make_source(content=CONTENT, **changes):
    source = SourceFile(
        file=FILE,
        url="https://example.org/table.csv",
        commit="0" * 40,
        sha256=hashlib.sha256(content).hexdigest(),
        licence="MIT",
        tier="open",
    )
    return source.model_copy(update=changes)


def put(folder, content, name=FILE):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def tar_gz(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        folder = tarfile.TarInfo("package/folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def mirror(tmp_path):
    (tmp_path / "mirror").mkdir()
    return tmp_path / "mirror"


@pytest.fixture
def serve(monkeypatch):
    """Serves the given content by path from a server on this machine; returns the URL of a path."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    pages = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content, length = pages.get(self.path, (b"", 0))
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def serve(path, content=None, length=None):
        if content is not None:
            pages[path] = content, length or len(content)
        return f"http://127.0.0.1:{server.server_address[1]}{path}"

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_present_file_is_read_and_reported(folder):
    path = put(folder, CONTENT)
    library = Library(folder)
    assert library.read(make_source()) == CONTENT
    status = library.status(make_source())
    assert (status.state, status.place) == ("present", path)


def test_an_absent_file_names_file_and_places_and_says_what_to_do(folder, mirror):
    with pytest.raises(DataError) as caught:
        Library(folder, mirror).read(make_source())
    message = str(caught.value)
    assert message.startswith(f"no data: {FILE} is neither in {folder} nor in {mirror}. Fix: ")
    assert "clueplus data fetch" in message
    assert Library(folder, mirror).status(make_source()).state == "absent"


def test_without_a_mirror_the_message_says_that_none_was_given(folder):
    with pytest.raises(DataError, match=r"nor in a mirror \(none given\)"):
        Library(folder).read(make_source())


def test_a_changed_file_names_file_expected_and_found_hash(folder):
    changed = CONTENT.replace(b"a line", b"a lime", 1)
    path = put(folder, changed)
    with pytest.raises(DataError) as caught:
        Library(folder).read(make_source())
    message = str(caught.value)
    assert str(path) in message
    assert f"expected sha256 {hashlib.sha256(CONTENT).hexdigest()}" in message
    assert f"found {hashlib.sha256(changed).hexdigest()} (850 bytes)" in message
    assert "lime" not in message


def test_a_changed_file_has_its_place_and_hash_in_the_status(folder):
    path = put(folder, b"other")
    status = Library(folder).status(make_source())
    assert (status.state, status.place, status.found) == ("changed", path, hashlib.sha256(b"other").hexdigest())


def test_a_truncated_file_tells_its_size(folder):
    put(folder, CONTENT[:100])
    with pytest.raises(DataError, match=r"\(100 bytes\). Fix: the file is truncated or changed"):
        Library(folder).read(make_source())


def test_a_packed_file_of_a_mirror_is_unpacked_and_checked(folder, mirror):
    path = put(mirror, gzip.compress(CONTENT), FILE + ".gz")
    library = Library(folder, mirror)
    assert library.read(make_source()) == CONTENT
    assert library.status(make_source()).place == path


def test_a_packed_file_with_other_content_is_refused(folder, mirror):
    put(mirror, gzip.compress(b"other"), FILE + ".gz")
    with pytest.raises(DataError, match="expected sha256"):
        Library(folder, mirror).read(make_source())


def test_a_source_that_is_itself_packed_is_read_as_it_is(folder):
    packed = gzip.compress(CONTENT)
    source = make_source(packed, file="corpus/table.csv.gz")
    put(folder, packed, source.file)
    assert Library(folder).read(source) == packed


def test_the_data_folder_wins_over_the_mirror(folder, mirror):
    path = put(folder, CONTENT)
    put(mirror, b"other")
    library = Library(folder, mirror)
    assert library.read(make_source()) == CONTENT
    assert library.status(make_source()).place == path


def test_a_changed_file_in_the_data_folder_is_not_hidden_by_the_mirror(folder, mirror):
    put(folder, b"other")
    put(mirror, CONTENT)
    with pytest.raises(DataError, match="expected sha256"):
        Library(folder, mirror).read(make_source())


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: b"no gzip at all",
        lambda packed: packed[: len(packed) // 2],
        lambda packed: packed[:10] + b"\xff" * 8 + packed[18:],
        lambda packed: packed[:-8] + b"\x00" * 8,
    ],
    ids=["no gzip", "cut short", "broken inside", "wrong checksum"],
)
def test_a_corrupt_packed_file_is_an_error_that_names_it(folder, damage):
    path = put(folder, damage(gzip.compress(CONTENT)), FILE + ".gz")
    with pytest.raises(DataError, match="can't be read") as caught:
        Library(folder).read(make_source())
    assert str(path) in str(caught.value)
    status = Library(folder).status(make_source())
    assert (status.state, status.found) == ("changed", "unreadable")


def test_fetch_copies_from_the_mirror_once(folder, mirror):
    put(mirror, CONTENT)
    library = Library(folder, mirror)
    assert library.fetch(make_source()) is True
    assert (folder / FILE).read_bytes() == CONTENT
    assert library.fetch(make_source()) is False


def test_fetch_from_the_mirror_unpacks(folder, mirror):
    put(mirror, gzip.compress(CONTENT), FILE + ".gz")
    Library(folder, mirror).fetch(make_source())
    assert files_in(folder) == [folder / FILE]
    assert (folder / FILE).read_bytes() == CONTENT


def test_fetch_mends_a_changed_file(folder, mirror):
    put(folder, b"changed")
    put(mirror, CONTENT)
    assert Library(folder, mirror).fetch(make_source()) is True
    assert (folder / FILE).read_bytes() == CONTENT


def test_fetch_takes_nothing_wrong_from_the_mirror(folder, mirror):
    put(mirror, b"other")
    with pytest.raises(DataError, match="expected sha256"):
        Library(folder, mirror).fetch(make_source())
    assert files_in(folder) == []


def test_with_a_mirror_nothing_is_downloaded(folder, mirror, serve):
    source = make_source(url=serve("/table.csv", CONTENT))
    with pytest.raises(DataError, match="no data"):
        Library(folder, mirror).fetch(source)


def test_fetch_downloads_from_the_url_once(folder, serve):
    source = make_source(url=serve("/table.csv", CONTENT))
    assert Library(folder).fetch(source) is True
    assert files_in(folder) == [folder / FILE]
    assert Library(folder).read(source) == CONTENT
    assert Library(folder).fetch(source) is False


def test_fetch_takes_the_member_of_an_archive(folder, serve):
    archive = tar_gz({"package/readme.txt": b"no", "package/table.csv": CONTENT})
    Library(folder).fetch(make_source(url=serve("/package.tar.gz", archive), member="package/table.csv"))
    assert (folder / FILE).read_bytes() == CONTENT


@pytest.mark.parametrize("member", ["package/absent.csv", "package/folder"])
def test_a_wrong_member_is_named_with_its_archive(folder, serve, member):
    url = serve("/package.tar.gz", tar_gz({"package/table.csv": CONTENT}))
    with pytest.raises(DataError) as caught:
        Library(folder).fetch(make_source(url=url, member=member))
    assert f"{url}: no member {member} in the archive" in str(caught.value)
    assert files_in(folder) == []


@pytest.mark.parametrize("size", [10, 100, -1])
def test_a_truncated_archive_is_an_error(folder, serve, size):
    noise = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256))
    archive = tar_gz({"package/other.bin": noise, "package/table.csv": CONTENT})
    archive = archive[:size] if size > 0 else archive[: len(archive) - 200]
    source = make_source(url=serve("/package.tar.gz", archive), member="package/table.csv")
    with pytest.raises(DataError, match=r"package\.tar\.gz"):
        Library(folder).fetch(source)


def test_an_archive_that_is_broken_inside_is_an_error(folder, serve):
    words = " ".join(str(number * number) for number in range(50_000)).encode()
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(gzip.decompress(tar_gz({"package/table.csv": words}))[:300_000])
    archive = packed + packer.flush(zlib.Z_FULL_FLUSH) + b"\xff" * 100_000  # no block of DEFLATE begins like this
    source = make_source(words, url=serve("/package.tar.gz", archive), member="package/table.csv")
    with pytest.raises(DataError, match=r"package\.tar\.gz: .* invalid block type"):
        Library(folder).fetch(source)
    assert files_in(folder) == []


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # pooch does not close the answer
@pytest.mark.parametrize(("path", "reason"), [("/absent.csv", "HTTPError"), ("/cut.csv", "ChunkedEncodingError")])
def test_a_failed_download_names_file_url_and_reason(folder, serve, path, reason):
    serve("/cut.csv", CONTENT, length=2 * len(CONTENT))
    url = serve(path)
    with pytest.raises(DataError) as caught:
        Library(folder).fetch(make_source(url=url))
    message = str(caught.value)
    assert f"{FILE}: download from {url} failed ({reason})" in message
    assert "--mirror DIR" in message
    assert files_in(folder) == []
    del caught
    gc.collect()


def test_a_server_that_is_not_there_is_an_error(folder, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DataError, match=r"failed \(ConnectionError\)"):
        Library(folder).fetch(make_source(url="http://127.0.0.1:9/table.csv"))


def test_a_wrong_hash_from_the_url_leaves_nothing_behind(folder, serve):
    url = serve("/table.csv", b"<html>an error page</html>")
    with pytest.raises(DataError, match="expected sha256") as caught:
        Library(folder).fetch(make_source(url=url))
    assert url in str(caught.value)
    assert list(folder.iterdir()) == []


def test_a_failed_fetch_keeps_the_file_that_was_there(folder, serve):
    path = put(folder, b"old")
    with pytest.raises(DataError):
        Library(folder).fetch(make_source(url=serve("/table.csv", b"wrong")))
    assert path.read_bytes() == b"old"


def test_a_mirror_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"the mirror .*absent is not a folder. Fix: correct --mirror"):
        Library.here(tmp_path / "absent")


def test_a_mirror_of_the_environment_that_is_no_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CLUEPLUS_DATA_MIRROR", str(tmp_path / "absent"))
    with pytest.raises(DataError, match="CLUEPLUS_DATA_MIRROR"):
        Library.here()


def test_the_folders_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CLUEPLUS_DATA_MIRROR", str(tmp_path))
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))
    assert Library.here() == Library(tmp_path / "data", tmp_path)


def test_an_option_wins_over_the_environment(tmp_path, mirror, monkeypatch):
    monkeypatch.setenv("CLUEPLUS_DATA_MIRROR", str(tmp_path / "absent"))
    assert Library.here(str(mirror)).mirror == mirror


def test_without_settings_there_is_no_mirror_and_the_folder_is_the_users(monkeypatch):
    monkeypatch.setenv("CLUEPLUS_DATA_MIRROR", "")
    monkeypatch.delenv("CLUEPLUS_DATA_DIR", raising=False)
    library = Library.here()
    assert library.mirror is None
    assert library.folder == data_folder()
    assert library.folder.name == "clueplus"
    assert Path.home() in library.folder.parents
