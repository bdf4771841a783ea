"""Prints the Debian packages that the configured Apertium pairs need, on one line."""

from __future__ import annotations

import sys

from service import config


def package_names(pairs: str) -> list[str]:
    """The Debian package of each pair, in order.

    Args:
        pairs: names such as `eng-spa`, separated by blanks.
    """
    return [f"apertium-{pair}" for pair in pairs.split()]


def main() -> int:
    """Print the names; 2 when a setting is wrong."""
    try:
        settings = config.load()
    except config.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    print(" ".join(package_names(settings.apertium_pairs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
