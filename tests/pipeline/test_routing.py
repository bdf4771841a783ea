"""Models of many languages are routed like those that list their directions."""

from __future__ import annotations

import pytest

from service.errors import UnsupportedLanguage
from service.pipeline.routing import Router
from service.records import Catalogue, Direction, ModelInfo, Task
from service.serving import codec


def model(name: str, rank: int, **more: object) -> ModelInfo:
    """A translation model of a catalogue."""
    return ModelInfo(name, Task.TRANSLATE, "r", "d", "standard", rank, "MIT", **more)  # type: ignore[arg-type]


PAIR = model("pair", 1, directions=(Direction("en", "fr", ("en", "fr")),))
WIDE = model("wide", 2, sources=("en", "fr", "zh-Hant", "de"), targets=("en", "fr", "de"))
ROUND = model("round", 9, directions=(Direction("de", "gl", ("de", "es", "gl")), Direction("en", "fr", ("en", "fr"))))
ROUTER = Router(Catalogue((PAIR, WIDE, ROUND)))


def spelled_out(info: ModelInfo) -> ModelInfo:
    """The same model as a release without products knows it."""
    return model(info.id, info.rank, directions=codec.spelled_out(info))


def test_products_are_routed_as_their_directions_would_be() -> None:
    """For every pair the model and the route are the same however the catalogue writes them."""
    plain = Router(Catalogue(tuple(spelled_out(info) for info in (PAIR, WIDE, ROUND))))
    tags = ("en", "fr", "de", "zh-Hant", "gl", "xx")
    for source in tags:
        named = [(code, info.id, direction) for code, (info, direction) in ROUTER.targets(source)]
        assert named == [(code, info.id, direction) for code, (info, direction) in plain.targets(source)]
        for target in tags:
            for engine in ("auto", "wide", "round"):
                try:
                    info, direction = ROUTER.translation(source, target, engine)
                except UnsupportedLanguage as refused:
                    with pytest.raises(UnsupportedLanguage) as other:
                        plain.translation(source, target, engine)
                    assert refused.supported == other.value.supported
                    continue
                wanted, route = plain.translation(source, target, engine)
                assert (info.id, direction) == (wanted.id, route)


def test_the_best_rank_goes_first_and_a_language_is_not_its_own_target() -> None:
    """A pair of its own beats the model for many languages, which beats the one that goes a way round."""
    assert ROUTER.translation("en", "fr", "auto")[0].id == "pair"
    assert ROUTER.translation("en", "fr", "wide")[0].id == "wide"
    assert ROUTER.translation("zh-Hant", "de", "auto")[1].route == ("zh-Hant", "de")
    assert ROUTER.translation("de", "gl", "auto")[1].route == ("de", "es", "gl")
    for source, target in (("en", "en"), ("en", "zh-Hant"), ("gl", "en")):
        with pytest.raises(UnsupportedLanguage):
            ROUTER.translation(source, target, "auto")
