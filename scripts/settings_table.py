"""The table of settings, from the settings themselves: `python -m scripts.settings_table [--write]`.

`--write` puts it into README.md between its two marks; a test holds that it is current.
"""

from __future__ import annotations

from pathlib import Path

from scripts import tables
from service.config import PREFIX, Settings

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- settings -->", "<!-- /settings -->"
# These differ from machine to machine or are too long to read.
SHOWN = {
    "runtime_dir": "a folder of the user in `/tmp`",
    "state_dir": "`~/.local/state/precis`",
    "models_dir": "`~/.cache/precis/models`",
    "quantized_dir": "`~/.cache/precis/quantized`",
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
    return tables.embedded(README, text, (START, END), table())


if __name__ == "__main__":
    tables.main(README, embedded, table)
