"""Files that are shipped with the program: AOIs, settings, models and real scenes as backgrounds.

They lie beside the package in a checkout, and inside the package where it was installed. A folder of the same name in
the working directory holds the user's own, which are found first.
"""

from pathlib import Path
from typing import Literal

Kind = Literal["aoi", "configs", "models", "backgrounds"]

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parent


def shipped(kind: Kind) -> Path:
    """The folder that was shipped with the program."""
    installed = PACKAGE / "data" / kind
    return installed if installed.is_dir() else CHECKOUT / kind


def folders(kind: Kind) -> tuple[Path, ...]:
    """The folders to search, in this order: the user's own where there is one, then the shipped one."""
    own, came = Path(kind), shipped(kind)
    if not own.is_dir():
        return (came,)
    return (own,) if own.resolve() == came.resolve() else (own, came)


def find(kind: Kind, name: str) -> Path | None:
    """The first file or folder of a name; None where there is none."""
    return next((path for folder in folders(kind) if (path := folder / name).exists()), None)


def names(kind: Kind, pattern: str) -> list[str]:
    """Names of all files that match a pattern (without extension), or of the folders that hold them."""
    found = [path for folder in folders(kind) for path in folder.glob(pattern)]
    return sorted({path.parent.name if "/" in pattern else path.stem for path in found})
