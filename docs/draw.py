"""Draw the machines of the README from the tables that drive them, and write the settings' page.

    .venv/bin/python docs/draw.py

Rewrites what stands between `<!-- call machine -->` and `<!-- /call machine -->`, and the same for
the turn machine; and all of `docs/reference/settings.md`. `tests/sansio/test_pictures.py` and
`tests/config/test_reference.py` fail when somebody forgot.
"""
# ruff: noqa: INP001 - a script beside the documents, no package

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from controller.sansio.call import table as call_table
from controller.sansio.realtime import table as turn_table
from controller.settings import reference

README = Path(__file__).parents[1] / "README.md"
SETTINGS = Path(__file__).parent / "reference" / "settings.md"
PICTURES: Mapping[str, str] = MappingProxyType(
    {"call machine": call_table.diagram(), "turn machine": turn_table.diagram()}
)


def drawn(text: str) -> str:
    """Return a document with its pictures as the tables have them.

    Raises:
        ValueError: a pair of markers is missing.
    """
    for name, picture in PICTURES.items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, opened, rest = text.partition(opening)
        _, closed, after = rest.partition(closing)
        if not (opened and closed):
            raise ValueError(f"no place for the picture of the {name}")
        text = f"{before}{opening}```mermaid\n{picture}```\n{closing}{after}"
    return text


if __name__ == "__main__":
    README.write_text(drawn(README.read_text(encoding="utf-8")), encoding="utf-8")
    SETTINGS.write_text(reference(), encoding="utf-8")
