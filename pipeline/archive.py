"""The archive: what belongs to the ground and not to an AOI. Looks, names, and what was asked of providers.

    archive/registry.json               names, and what was published under them: cannot be made again
    archive/ledger.jsonl                what was asked of providers: cannot be made again
    archive/looks/<recipe>/<shelf>/     looks, one small file each
    archive/cuts/<place>/               reflectance around sites and places worth a look, one small file per look
    archive/decoded/                    decoded bands of SAFE products
    archive/contents.json               hashes of local files
    archive/scans/<aoi>.jsonl           what each scan did: cannot be made again
    archive/outbox/<aoi>/               messages, told or still to be told
    archive/logs/<aoi>.log              what scans did, line by line

Simulated looks and names lie beside the real ones, in folders and files of their own for each simulation.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "LEACHWATCH_ARCHIVE"
"""Environment variable that names another place."""
DEFAULT = Path("archive")


@dataclass(frozen=True, slots=True)
class Archive:
    """Where the archive keeps what."""

    folder: Path
    """The folder."""
    simulation: str = ""
    """Id of the simulation whose looks and names are meant; empty = those of real places."""

    @property
    def looks(self) -> Path:
        """Folder of the looks, with one folder per recipe."""
        return self.folder / f"looks{self._suffix}"

    @property
    def cuts(self) -> Path:
        """Folder of the cuts."""
        return self.folder / f"cuts{self._suffix}"

    @property
    def registry(self) -> Path:
        """The names, and what was published under them."""
        return self.folder / f"registry{self._suffix}.json"

    @property
    def pending(self) -> Path:
        """The publication that is being put in place; there is none between two runs, unless one was killed."""
        return self.folder / f"pending{self._suffix}.json"

    @property
    def ledger(self) -> Path:
        """What was asked of providers."""
        return self.folder / "ledger.jsonl"

    def scans(self, aoi: str) -> Path:
        """What each scan of an AOI did."""
        return self.folder / "scans" / f"{aoi}{self._suffix}.jsonl"

    def outbox(self, aoi: str) -> Path:
        """Folder of the messages about an AOI."""
        return self.folder / "outbox" / f"{aoi}{self._suffix}"

    def log(self, aoi: str) -> Path:
        """The log of the scans of an AOI, for people."""
        return self.folder / "logs" / f"{aoi}{self._suffix}.log"

    @property
    def decoded(self) -> Path:
        """Folder of decoded bands."""
        return self.folder / "decoded"

    @property
    def contents(self) -> Path:
        """Hashes of local files."""
        return self.folder / "contents.json"

    @property
    def _suffix(self) -> str:
        return f"-simulated-{self.simulation}" if self.simulation else ""


def archive_folder(chosen: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that was chosen, or that the environment names, or `archive/` in the working directory."""
    named = environment.get(VARIABLE, "")
    return chosen or (Path(named).expanduser() if named else DEFAULT)
