"""The licence gate: names, near names and the hub's own word."""

from __future__ import annotations

import pytest

from service.config import Settings
from service.models import gate, store
from service.models.failures import LicenceRefused, NotPulled
from service.models.rows import get
from tests.models.stored import put

NLLB, M2M100 = get("nllb-200-distilled-600m"), get("m2m100-418m")


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC-BY-NC-4.0", True),
        ("cc-by-nc-sa-4.0", True),
        ("CC-BY-4.0", False),
        ("MIT", False),
        ("other-non-commercial", True),
        ("ncsa", False),
    ],
)
def test_non_commercial_names_are_known(licence: str, expected: bool) -> None:
    """`nc` counts as a word of the name only."""
    assert gate.non_commercial(licence) is expected


@pytest.mark.parametrize("names", [(), ("CC-BY-NC-SA-4.0",), ("CC-BY-NC",), ("m2m100-418m",), ("*",)])
def test_only_the_exact_name_opens(names: tuple[str, ...]) -> None:
    """Another licence, a part of a name or another model accepts nothing."""
    with pytest.raises(LicenceRefused, match="PRECIS_ACCEPT_LICENCES=CC-BY-NC-4"):
        gate.check(NLLB, names)


def test_a_licence_or_a_model_can_be_named() -> None:
    """Both open the gate, in any case, and the answer says by which."""
    assert gate.check(NLLB, gate.accepted_names("MIT, cc-by-nc-4.0")) == "CC-BY-NC-4.0"
    assert gate.check(NLLB, gate.accepted_names("NLLB-200-distilled-600M")) == NLLB.id
    assert gate.check(M2M100, ()) == ""
    assert gate.check(M2M100, ("m2m100-418m",)) == ""


def test_engines_load_what_is_ready_and_accepted(tmp_path: object) -> None:
    """A model that is there is still refused without a name; one accepted at the pull stays accepted."""
    settings = Settings(models_dir=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(NotPulled):
        gate.usable(NLLB, settings)
    put(settings.models_dir, NLLB.id)
    with pytest.raises(LicenceRefused):
        gate.usable(NLLB, settings)
    accepting = settings.model_copy(update={"accept_licences": "CC-BY-NC-4.0"})
    assert gate.usable(NLLB, accepting).manifest.model == NLLB.id
    store.remove(settings.models_dir, NLLB.id)
    put(settings.models_dir, NLLB.id, accepted="CC-BY-NC-4.0")
    assert gate.usable(NLLB, settings).path == settings.models_dir / NLLB.id
