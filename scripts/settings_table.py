"""The table of settings, from the settings themselves: `python -m scripts.settings_table [--write]`.

`--write` puts it into README.md between its two marks; a test holds that it is current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from service.config import PREFIX, Settings

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- settings -->", "<!-- /settings -->"
# These differ from machine to machine or are too long to read.
SHOWN = {
    "runtime_dir": "a folder of the user in `/tmp`",
    "models_dir": "`~/.cache/precis/models`",
    "apertium_pairs": "20 pairs, see `service/config.py`",
}


def table() -> str:
    """The Markdown table, one row a setting."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = SHOWN.get(name) or (f"`{field.default}`" if str(field.default) else "empty")
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def embedded(text: str) -> str:
    """A README with the table in its place.

    Raises:
        ValueError: the marks are missing.
    """
    before, mark, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"README.md has no {START} and {END}")
    return f"{before}{START}\n{table()}\n{END}{after}"


def main() -> None:
    """Print the table or write it."""
    if "--write" in sys.argv:
        README.write_text(embedded(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())


if __name__ == "__main__":
    main()
