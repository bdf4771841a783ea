"""The licence gate: a non-commercial model is fetched and loaded only when its licence is accepted by name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from service.config import Settings
from service.models import store
from service.models.failures import LicenceRefused
from service.models.rows import NeuralRow
from service.models.store import Stored

_NON_COMMERCIAL = re.compile(r"(?:^|[-_ ])(?:nc|non-?commercial)(?:$|[-_ ])", re.I)


def accepted_names(setting: str) -> frozenset[str]:
    """Return the names a setting accepts: licences or model ids, split at blanks and commas, lower case."""
    return frozenset(setting.replace(",", " ").lower().split())


def non_commercial(licence: str) -> bool:
    """Whether a licence name says that commercial use is not allowed."""
    return bool(_NON_COMMERCIAL.search(licence))


def check(row: NeuralRow, accepted: Iterable[str], reported: str = "") -> str:
    """Return the name by which a model's licence was accepted, empty when none is needed.

    Args:
        row: the model.
        accepted: licence names and model ids that somebody accepted; case does not matter.
        reported: licence the hub names for the repository; one that is stricter than the list's counts too.
    Raises:
        LicenceRefused: a licence forbids commercial use, and neither it nor the model is among the accepted names.
    """
    needed = [] if row.commercial_use else [row.licence]
    if reported and non_commercial(reported) and reported.lower() != row.licence.lower():
        needed.append(reported)
    names = {name.lower(): name for name in accepted}
    if row.id.lower() in names:
        return row.id if needed else ""
    for licence in needed:
        if licence.lower() not in names:
            raise LicenceRefused(
                f"{row.id} is under {licence}, which does not allow commercial use; to accept it, "
                f"set PRECIS_ACCEPT_LICENCES={licence} or pull with --accept-licence {licence}"
            )
    return " ".join(needed)


def usable(row: NeuralRow, settings: Settings) -> Stored:
    """Return a model that is ready and may be loaded; what engines call.

    A name that was accepted when the model was pulled still counts, for it is in the model's own manifest.

    Raises:
        NotPulled: it is not there, or only in part.
        Damaged: its files are not those of its manifest, by name and size.
        LicenceRefused: non-commercial, and accepted neither by the settings nor at the pull.
    """
    stored = store.find(settings.models_dir, row.id)
    names = {*accepted_names(settings.accept_licences), *stored.manifest.accepted.split()}
    check(row, names, stored.manifest.licence_reported)
    return stored
