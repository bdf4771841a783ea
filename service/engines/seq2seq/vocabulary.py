"""What a folder's tokenizer knows besides text: languages, ends of sequences and other tokens that steer a model.

Source: the tokenizer classes of transformers 5.23.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers.models import Unigram
from transformers import AutoTokenizer, M2M100Tokenizer

from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.spec import ModelSpec

# How a bare code becomes a token, the forms that cannot be taken for words first: `en` and `de` are words of M2M100's
# vocabulary as well as languages.
_WRITTEN = ("__{}__", "<2{}>", ">>{}<<", "{}")
_STEERS = re.compile(r"__[A-Za-z_]+__|<2\w+>|>>[^<>]+<<|<extra_id_\d+>")
_NO_WORD = re.compile(rf"{_STEERS.pattern}|[a-z]{{2,3}}_[A-Z][A-Za-z]{{1,3}}")
_NAMED = 5
_UNHEARD_OF = "\U000f0000"  # for private use: no vocabulary has a piece for it


def open_tokenizer(folder: Path, spec: ModelSpec) -> Any:
    """Return the tokenizer of a folder; code that lies in the folder is never run.

    Raises:
        LoadError: there is none, or transformers cannot read it.
    """
    # SMaLL-100 names a class that its own repository would bring along; the files are those of M2M100.
    pieces = [folder / "vocab.json", folder / "sentencepiece.bpe.model"]
    m2m = spec.model_type == "m2m_100" and all(path.is_file() for path in pieces)
    opener = M2M100Tokenizer if m2m else AutoTokenizer
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Marian recommends a package for what nothing here asks of it
            tokenizer = opener.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        _mend(tokenizer)
    except Exception as error:  # a tokenizer may fail in as many ways as there are files
        raise LoadError(f"the folder has no usable tokenizer ({type(error).__name__})") from error
    return tokenizer


def _mend(tokenizer: Any) -> None:
    """Give back to a Unigram tokenizer what transformers' T5 class takes from it.

    The class says that token 2 is the unknown one, which in MADLAD-400 is the end of the text, and it leaves out the
    bytes by which mT5 and MADLAD-400 spell characters that they have no piece for.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not isinstance(backend.model, Unigram):
        return
    spells = backend.token_to_id("<0x00>") is not None and backend.token_to_id("<0xFF>") is not None
    told = backend.encode(_UNHEARD_OF, add_special_tokens=False).ids
    if not spells and tokenizer.unk_token_id in told:
        return
    pieces = [(piece, score) for piece, score in json.loads(backend.to_str())["model"]["vocab"]]
    backend.model = Unigram(pieces, unk_id=tokenizer.unk_token_id, byte_fallback=spells)


def language_ids(tokenizer: Any, codes: Mapping[str, str]) -> dict[str, int]:
    """Return the token of each language.

    Args:
        tokenizer: of the folder.
        codes: tag -> the language as the model writes it, bare (`fr`) or as its token (`__fr__`, `fra_Latn`).
    Raises:
        LoadError: the tokenizer does not know a language.
    """
    special = frozenset(tokenizer.all_special_tokens)
    found = {tag: _language(tokenizer, code.strip(), special) for tag, code in codes.items()}
    missing = [f"{tag} (written {codes[tag].strip()})" for tag, token in found.items() if token is None]
    if missing and len(missing) == len(found):
        raise LoadError(
            f"the tokenizer has no language tokens, not even {missing[0]}; "
            "saving it anew may have lost them: take the files as they were published"
        )
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise LoadError(f"the vocabulary has no token for {', '.join(missing[:_NAMED])}{more}")
    return {tag: token for tag, token in found.items() if token is not None}


def _language(tokenizer: Any, code: str, special: frozenset[str]) -> int | None:
    for pattern in _WRITTEN:
        token = pattern.format(code)
        if pattern == "{}" and token not in special and not _NO_WORD.fullmatch(token):
            continue
        found = tokenizer.convert_tokens_to_ids(token)
        known = isinstance(found, int) and found != tokenizer.unk_token_id
        if known and tokenizer.convert_ids_to_tokens(found) == token:
            return int(found)
    return None


def steering(tokenizer: Any, known: Mapping[str, int], languages: Iterable[int]) -> dict[int, str]:
    """Return the tokens, by id, that mean something to a model which text must not say: ends, masks, languages.

    Args:
        tokenizer: of the folder.
        known: its whole vocabulary.
        languages: tokens of languages, whatever they look like.
    """
    found = {index: token for token, index in known.items() if _STEERS.fullmatch(token)}
    ids = {*tokenizer.all_special_ids, *languages} - {tokenizer.unk_token_id}
    return found | {index: str(tokenizer.convert_ids_to_tokens(index)) for index in ids}


def around(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ids that the tokenizer itself puts before and behind a text."""
    inner = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    whole = list(tokenizer("a")["input_ids"])
    for start in range(len(whole) - len(inner) + 1):
        if whole[start : start + len(inner)] == inner:
            return tuple(whole[:start]), tuple(whole[start + len(inner) :])
    return (), ()


class Disarmer:
    """Breaks up what a tokenizer would read as a token that steers, so that its characters stay text.

    Args:
        strings: those that the tokenizer reads as one token even when told not to.
        leading_code: whether `>>` at the beginning makes everything up to `<<` one token, as Marian's does.
    """

    def __init__(self, strings: Sequence[str], leading_code: bool) -> None:
        self._strings = tuple(strings)
        self._leading_code = leading_code

    def __call__(self, text: str) -> str:
        """Return the text with a blank inside each such string; any other text comes back as it is."""
        present = [string for string in self._strings if string in text]
        if present:
            longest_first = sorted(present, key=len, reverse=True)
            pattern = re.compile("|".join(map(re.escape, longest_first)))
            text = pattern.sub(lambda match: _broken(match[0]), text)
        # A blank in front means nothing to SentencePiece.
        return f" {text}" if self._leading_code and text.startswith(">>") else text


def _broken(string: str) -> str:
    at = next((i for i in range(1, len(string)) if not string[i].isalnum()), 1)
    return f"{string[:at]} {string[at:]}"
