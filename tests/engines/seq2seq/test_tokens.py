"""Tokenizers as they are published, against transformers' own way with the same folder."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
import transformers as hf

from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.model import load_model
from service.engines.seq2seq.spec import read_spec
from service.engines.seq2seq.tokens import Tokens
from tests.engines.seq2seq import tiny
from tests.engines.seq2seq.vocabularies import KINDS, TEXTS

NEW_TOKENS = 8
Folders = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of a kind, written once."""

    @cache
    def written(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        KINDS[name].write(folder)
        return folder

    return written


def opened(folder: Path, name: str, **changes: Any) -> Tokens:
    """Our tokenizer of a folder."""
    kind = KINDS[name]
    given: dict[str, Any] = {"codes": kind.codes, "style": kind.style, **changes}
    return Tokens(folder, read_spec(folder), **given)


def reference(folder: Path, name: str) -> Any:
    """The tokenizer of transformers, told that it reads English."""
    given = {"src_lang": KINDS[name].codes["en"]} if "en" in KINDS[name].codes else {}
    made = hf.M2M100Tokenizer if name == "small100" else hf.AutoTokenizer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Marian's recommends a package
        return made.from_pretrained(folder, **given)


def wanted_source(folder: Path, name: str, text: str) -> list[int]:
    """What a caller of transformers gives the encoder for a translation from English to French."""
    theirs = reference(folder, name)
    if name == "madlad":  # as the model was trained; the class takes token 2, the end, for the unknown one
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
        return [*processor.encode(f"<2fr> {text}"), 2]
    if name == "small100":
        return [theirs.get_lang_id("fr"), *theirs(text, add_special_tokens=False)["input_ids"], 2]
    return list(theirs(f">>fra<< {text}" if name == "marian-targets" else text)["input_ids"])


@pytest.mark.parametrize("name", KINDS)
def test_sources_are_those_of_transformers(name: str, folders: Folders) -> None:
    """Every text becomes the ids that its family's own class makes, languages and ends included."""
    folder = folders(name)
    tokens = opened(folder, name)
    for text in TEXTS:
        found = tokens.source(text, "en", "fr")
        assert list(found) == wanted_source(folder, name, text), text
        assert len(found) <= tokens.count([text])[0] + tokens.overhead
    assert tokens.count(TEXTS) == [tokens.count([text])[0] for text in TEXTS]


@pytest.mark.parametrize("name", [name for name in KINDS if name != "madlad"])
def test_folders_work_from_text_to_text(name: str, folders: Folders) -> None:
    """Source, forced language, decoding and text are those of `generate` and `decode` on the same folder."""
    folder = folders(name)
    tokens, own = opened(folder, name), load_model(folder)
    theirs = reference(folder, name)
    model = getattr(hf, json.loads((folder / "config.json").read_text())["architectures"][0]).from_pretrained(folder)
    forced = tokens.forced("fr")
    if name in ("m2m100", "nllb", "nllb-legacy", "mbart50"):
        code = KINDS[name].codes["fr"]
        assert forced == theirs.convert_tokens_to_ids(f"__{code}__" if name == "m2m100" else code)
    else:
        assert forced is None
    rows = [tokens.source(text, "en", "fr") for text in TEXTS[:4]]
    params = params_for(own.spec.generation, max_new_tokens=NEW_TOKENS, forced_bos=forced)
    options = {} if forced is None else {"forced_bos_token_id": forced}
    for row, found in zip(rows, tiny.ours(own, rows, params), strict=True):
        ids = torch.tensor([row])
        with torch.no_grad():
            wanted = model.eval().generate(ids, max_new_tokens=NEW_TOKENS, num_beams=1, **options)
        assert list(found) == wanted[0].tolist()[1:]
        plain = theirs.decode(wanted[0], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if name not in ("bart", "pegasus"):  # whose punctuation is brought to its word
            assert tokens.text(found) == plain.strip()


# ---- text is text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_text_cannot_steer(name: str, folders: Folders) -> None:
    """Ends, masks and languages written in an article are letters to the model, and no word beside them is lost."""
    folder = folders(name)
    tokens = opened(folder, name)
    theirs = reference(folder, name)
    marks = sorted({*theirs.all_special_tokens, "__fr__", "<2de>", "<2fr>", ">>deu<<", "fra_Latn", "<extra_id_3>"})
    known = {theirs.convert_tokens_to_ids(mark) for mark in marks if mark in theirs.get_vocab()}
    steering = {*known, *theirs.all_special_ids, *tokens._ids.values()} - {theirs.unk_token_id}
    for mark in marks:
        for text in (
            f"{mark} the new bridge",
            f"the {mark} new bridge",
            f"the new bridge {mark}",
            f"the new{mark}bridge",
        ):
            assert not steering.intersection(tokens._encode([text])[0]), text
            if f"new{mark}" not in text:
                assert {"the", "new", "bridge"} <= set(tokens.text(tokens._encode([text])[0]).split()), text


def test_marian_does_not_swallow_what_stands_between_arrows(folders: Folders) -> None:
    """A text that begins with `>>` keeps its words, which Marian's class would take for one language code."""
    tokens = opened(folders("marian"), "marian")
    assert len(tokens.source(">> the bridge is new << said the mayor", "en", "fr")) > 10
    assert tokens.text(tokens._encode([">> the bridge is new << the mayor"])[0]).count("bridge") == 1


def test_a_language_is_not_taken_for_a_word(folders: Folders) -> None:
    """M2M100's vocabulary has the word `en` besides the language `__en__`."""
    folder = folders("m2m100")
    words = json.loads((folder / "vocab.json").read_text())
    assert {"en", "fr"} <= set(words)
    tokens = opened(folder, "m2m100")
    assert tokens.source("a", "en", "fr")[0] != words["en"]
    assert tokens.forced("fr") not in words.values()


@pytest.mark.parametrize("name", ["m2m100", "nllb", "mbart50", "marian", "mt5", "pegasus"])
def test_what_says_nothing_is_known(name: str, folders: Folders) -> None:
    """Blanks, characters that normalize to nothing and those the vocabulary has not: there is nothing to translate."""
    tokens = opened(folders(name), name)
    assert all(tokens.blank(text) for text in ("", "  \n", "\u200b", "\U000f0000", "🙂"))
    assert not tokens.blank("the bridge 🙂")


def test_bytes_spell_what_has_no_piece(folders: Folders) -> None:
    """With a vocabulary that holds bytes every character comes through, there and back."""
    tokens = opened(folders("madlad"), "madlad")
    ids = tokens.source("the 🙂 ꧁ bridge", "en", "fr")
    assert tokens.unknown(ids) == 0
    assert tokens.text(ids) == "the 🙂 ꧁ bridge"
    assert not tokens.blank("🙂")


def test_what_summarizers_learnt_to_write_is_put_right(folders: Folders) -> None:
    """Pegasus writes `<n>` between sentences, and news that was taken apart has blanks before its points."""
    tokens = opened(folders("pegasus"), "pegasus")
    ids = tokens._encode(["the bridge is new . <n> the town met , said the mayor ."])[0]
    assert tokens.text(ids) == "the bridge is new.\nthe town met, said the mayor."
    french = opened(folders("marian"), "marian")
    assert french.text(french._encode(["patience , dit la maire . ?"])[0]) == "patience , dit la maire . ?"


def test_a_prefix_is_part_of_the_text(folders: Folders) -> None:
    """`summarize: ` is tokenised with what follows it, as the model was trained."""
    folder = folders("t5")
    tokens = opened(folder, "t5", prefix="summarize: ")
    wanted = reference(folder, "t5")("summarize: the new bridge")["input_ids"]
    found = tokens.source("the new bridge", "en", "en")
    assert list(found) == wanted
    assert len(found) <= tokens.count(["the new bridge"])[0] + tokens.overhead


def test_a_file_cannot_have_texts_cut(folders: Folders, tmp_path: Path) -> None:
    """Truncation and padding that somebody saved with a tokenizer are not followed: nothing is cut silently."""
    folder = Path(shutil.copytree(folders("nllb"), tmp_path / "nllb"))
    saved = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    saved["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    (folder / "tokenizer.json").write_text(json.dumps(saved), "utf-8")
    text = "the new bridge " * 20
    assert opened(folder, "nllb").count([text]) == opened(folders("nllb"), "nllb").count([text])


# ---- refusals -------------------------------------------------------------------------------------------------------


def test_lost_languages_are_refused(folders: Folders, tmp_path: Path) -> None:
    """A tokenizer that lost its language tokens is refused, and the error says what to do."""
    folder = Path(shutil.copytree(folders("nllb"), tmp_path / "nllb"))
    (folder / "tokenizer.json").unlink()
    edited = json.loads((folder / "tokenizer_config.json").read_text()) | {"additional_special_tokens": None}
    (folder / "tokenizer_config.json").write_text(json.dumps(edited))
    with pytest.raises(LoadError, match=r"no language tokens, not even en.*files as they were published"):
        opened(folder, "nllb")


def test_languages_that_a_model_never_had_are_named(folders: Folders) -> None:
    """Some of the list's languages are missing: the error names them, five at most."""
    codes = {"en": "en", "fr": "fr", **{f"x{letter}": f"x{letter}" for letter in "abcdefg"}}
    with pytest.raises(LoadError, match=r"no token for xa \(written xa\), .* and 2 more"):
        opened(folders("m2m100"), "m2m100", codes=codes)


def test_the_tokenizer_of_another_model_is_refused(folders: Folders, tmp_path: Path) -> None:
    """Ids beyond the embedding would end the process in the middle of a request."""
    folder = Path(shutil.copytree(folders("t5"), tmp_path / "t5"))
    edited = json.loads((folder / "config.json").read_text()) | {"vocab_size": 150}
    (folder / "config.json").write_text(json.dumps(edited))
    with pytest.raises(LoadError, match="another model's"):
        opened(folder, "t5")


def test_a_folder_without_a_tokenizer_is_refused(folders: Folders, tmp_path: Path) -> None:
    """The weights alone are no model for text."""
    folder = Path(shutil.copytree(folders("marian"), tmp_path / "marian"))
    (folder / "source.spm").unlink()
    with pytest.raises(LoadError, match="no usable tokenizer"):
        opened(folder, "marian")


def test_languages_beyond_the_embedding_are_refused(folders: Folders, tmp_path: Path) -> None:
    """A model that was cut down to fewer tokens cannot be told a language that it has no row for."""
    folder = Path(shutil.copytree(folders("m2m100"), tmp_path / "m2m100"))
    words = len(json.loads((folder / "vocab.json").read_text()))
    edited = json.loads((folder / "config.json").read_text()) | {"vocab_size": words + 5}
    (folder / "config.json").write_text(json.dumps(edited))
    with pytest.raises(LoadError, match="language tokens that the model has no embedding for"):
        opened(folder, "m2m100")


def test_the_end_of_a_source_is_the_tokenizers(folders: Folders, tmp_path: Path) -> None:
    """A folder may list several ends of an output; sources still end with the one the model was trained with."""
    folder = Path(shutil.copytree(folders("m2m100"), tmp_path / "m2m100"))
    edited = json.loads((folder / "generation_config.json").read_text()) | {"eos_token_id": [7, 2]}
    (folder / "generation_config.json").write_text(json.dumps(edited))
    assert opened(folder, "m2m100").source("a", "en", "fr")[-1] == 2
