"""Checkpoint folders with tokenizers as they are published, trained here on a few sentences of our own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers as hf
from tokenizers import ByteLevelBPETokenizer
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M100_CODES
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART50_CODES
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_CODES

from service.engines.seq2seq.tokens import LanguageStyle

hf.logging.disable_progress_bar()

_SENTENCES = (
    "The council of the small town met on Monday to talk about the new bridge over the river.",
    "Nobody knows when the trains will run again, said the mayor, and the fr and en signs are de facto gone.",
    "Le conseil de la petite ville a parlé lundi du nouveau pont sur la rivière.",
    "Personne ne sait quand les trains rouleront de nouveau, a dit la maire ; « patience », dit-elle.",
    "Der Rat der kleinen Stadt sprach am Montag über die neue Brücke; niemand weiß, wann Züge fahren.",
    "El consejo de la pequeña ciudad habló el lunes del nuevo puente sobre el río. ¿Cuándo vuelven los trenes?",
    "市议会星期一讨论了河上的新桥。没有人知道火车什么时候再开。",
    "Совет маленького города говорил в понедельник о новом мосте через реку.",
    "تحدث مجلس المدينة الصغيرة يوم الاثنين عن الجسر الجديد فوق النهر.",
    "छोटे शहर की परिषद ने सोमवार को नदी पर नए पुल के बारे में बात की।",
)
TEXTS = (
    "The new bridge is not there yet.",
    "Le pont n'est pas là ; « demain », dit-elle…",
    "没有人知道。 新桥 2026",
    "मोहन नदी पर, الجسر الجديد",
    "ﬁve ½ Ａ\u00a0wide e\u0301 a\u200bb\u00adc 5,000.50 € https://example.org/a?b=c&d=%20",
    "🙂👩\u200d👧 ꧁ 𝔘𝔫",
    "Donaudampfschifffahrtsgesellschaftskapitän" * 5,
    "line one\nline  two\tthree",
    "don't -- “stop”!",
    "…",
)
_BART = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "max_position_embeddings": 512,
}
_T5 = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
_MARKS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "sep_token": "</s>"}


@dataclass(frozen=True)
class Kind:
    """A folder as some family of models is published, and how it writes English and French."""

    write: Callable[[Path], None]
    codes: dict[str, str] = field(default_factory=dict)
    style: LanguageStyle | None = None


@cache
def _trained(model_type: str, size: int, **options: Any) -> bytes:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES * 3),
        model_writer=written,
        vocab_size=size,
        model_type=model_type,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **options,
    )
    return written.getvalue()


def _fairseq(model_type: str) -> bytes:
    return _trained(model_type, 420)


def _t5_pieces() -> bytes:
    return _trained("unigram", 320, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


def pieces(model: bytes) -> list[str]:
    """The pieces of a SentencePiece model in order."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(index) for index in range(processor.get_piece_size())]


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), "utf-8")


def _model(folder: Path, model: str, config: str, values: dict[str, Any]) -> None:
    torch.manual_seed(3)
    made = getattr(hf, model)(getattr(hf, config)(**values)).eval()
    with torch.no_grad():
        for name, tensor in made.named_parameters():
            if "embed_positions" not in name or tensor.requires_grad:
                tensor.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.5)
    made.generation_config.no_repeat_ngram_size = 2
    made.save_pretrained(folder)


def _m2m100(folder: Path, tokenizer_class: str = "M2M100Tokenizer", **more: Any) -> None:
    model = _fairseq("bpe")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    # `en` and `fr` are words of the real vocabulary too.
    known = ["<s>", "<pad>", "</s>", "<unk>", *pieces(model)[3:]]
    known += [word for word in ("en", "fr") if word not in known]
    _dump(folder / "vocab.json", {piece: index for index, piece in enumerate(known)})
    languages = [f"__{code}__" for code in M2M100_CODES["m2m100"]]
    _dump(folder / "special_tokens_map.json", {**_MARKS, "additional_special_tokens": languages})
    own = {"language_codes": "m2m100", "num_madeup_words": 8, "tokenizer_class": tokenizer_class, **more}
    _dump(folder / "tokenizer_config.json", {**_MARKS, "src_lang": None, "tgt_lang": None, **own})
    size = len(known) + len(languages) + 8
    _model(folder, "M2M100ForConditionalGeneration", "M2M100Config", {**_BART, "vocab_size": size})


def _small100(folder: Path) -> None:
    _m2m100(folder, "SMALL100Tokenizer", auto_map={"AutoTokenizer": ["tokenization_small100.SMALL100Tokenizer", None]})
    (folder / "tokenization_small100.py").write_text("raise SystemExit('code of a repository was run')")


def _nllb(folder: Path, **more: Any) -> None:
    model = _fairseq("bpe")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    hf.NllbTokenizer.from_pretrained(str(folder)).save_pretrained(folder)
    marks = {**_MARKS, "cls_token": "<s>", "mask_token": {"content": "<mask>", "lstrip": True, "normalized": True}}
    _dump(folder / "special_tokens_map.json", {**_MARKS, "additional_special_tokens": NLLB_CODES})
    own = {"tokenizer_class": "NllbTokenizer", "additional_special_tokens": NLLB_CODES, **more}
    marks["mask_token"] |= {"__type": "AddedToken", "rstrip": False, "single_word": False}  # type: ignore[operator]
    _dump(folder / "tokenizer_config.json", {**marks, **own})
    size = len(pieces(model)) + 1 + len(NLLB_CODES) + 4
    _model(folder, "M2M100ForConditionalGeneration", "M2M100Config", {**_BART, "vocab_size": size})


def _mbart50(folder: Path) -> None:
    model = _fairseq("unigram")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    own = {"tokenizer_class": "MBart50Tokenizer", "language_codes": "ML50", "src_lang": None, "tgt_lang": None}
    _dump(folder / "tokenizer_config.json", {**_MARKS, **own, "additional_special_tokens": MBART50_CODES})
    size = len(pieces(model)) + 1 + len(MBART50_CODES) + 1
    values = {**_BART, "vocab_size": size, "scale_embedding": True, "decoder_start_token_id": 2}
    _model(folder, "MBartForConditionalGeneration", "MBartConfig", values)


def _marian(folder: Path) -> None:
    source, target = _trained("unigram", 300), _trained("unigram", 260)
    (folder / "source.spm").write_bytes(source)
    (folder / "target.spm").write_bytes(target)
    known = dict.fromkeys(["</s>", "<unk>", *pieces(source), *pieces(target), ">>fra<<", ">>deu<<"])
    known.pop("<s>")
    _dump(folder / "vocab.json", {piece: index for index, piece in enumerate([*known, "<pad>"])})
    _dump(folder / "tokenizer_config.json", {"source_lang": "eng", "target_lang": "mul"})
    pad = len(known)
    values = {**_BART, "vocab_size": pad + 1, "pad_token_id": pad, "decoder_start_token_id": pad, "eos_token_id": 0}
    _model(folder, "MarianMTModel", "MarianConfig", {**values, "forced_eos_token_id": 0, "bad_words_ids": [[pad]]})


def _t5(folder: Path) -> None:
    (folder / "spiece.model").write_bytes(_t5_pieces())
    _dump(folder / "tokenizer_config.json", {"model_max_length": 512})
    size = len(pieces(_t5_pieces())) + 128
    _model(folder, "T5ForConditionalGeneration", "T5Config", {**_T5, "vocab_size": size})


def _mt5(folder: Path) -> None:
    (folder / "spiece.model").write_bytes(_t5_pieces())
    own = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": None}
    _dump(folder / "tokenizer_config.json", {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", **own})
    size = len(pieces(_t5_pieces())) + 12
    _model(folder, "MT5ForConditionalGeneration", "MT5Config", {**_T5, "vocab_size": size})


def madlad_pieces() -> bytes:
    """Token 0 is unknown, 2 the end; languages are pieces, and so are bytes."""
    return _trained("unigram", 660, user_defined_symbols="<2en>,<2fr>,<2de>", byte_fallback=True)


def _madlad(folder: Path) -> None:
    (folder / "spiece.model").write_bytes(madlad_pieces())
    own = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": [], "pad_token": "<s>"}
    _dump(folder / "tokenizer_config.json", {"eos_token": "</s>", "unk_token": "<unk>", **own})
    values = {**_T5, "vocab_size": len(pieces(madlad_pieces())), "pad_token_id": 1, "eos_token_id": 2}
    values |= {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    _model(folder, "T5ForConditionalGeneration", "T5Config", values)


def _pegasus(folder: Path) -> None:
    model = _trained("unigram", 320, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, user_defined_symbols="<n>")
    (folder / "spiece.model").write_bytes(model)
    _dump(folder / "tokenizer_config.json", {"tokenizer_class": "PegasusTokenizer", "offset": 103})
    values = {**_BART, "vocab_size": len(pieces(model)) + 103, "pad_token_id": 0, "eos_token_id": 1}
    values |= {"decoder_start_token_id": 0, "forced_eos_token_id": 1}
    _model(folder, "PegasusForConditionalGeneration", "PegasusConfig", values)


def _bart(folder: Path) -> None:
    trained = ByteLevelBPETokenizer()
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(_SENTENCES, vocab_size=400, special_tokens=marks, show_progress=False)
    trained.save_model(str(folder))
    size = trained.get_vocab_size()
    _model(
        folder, "BartForConditionalGeneration", "BartConfig", {**_BART, "vocab_size": size, "forced_bos_token_id": 0}
    )


_FLORES = {"en": "eng_Latn", "fr": "fra_Latn"}
KINDS: dict[str, Kind] = {
    "m2m100": Kind(_m2m100, {"en": "en", "fr": "fr"}),
    "small100": Kind(_small100, {"en": "en", "fr": "fr"}, "target_first"),
    "nllb": Kind(_nllb, _FLORES),
    "nllb-legacy": Kind(lambda folder: _nllb(folder, legacy_behaviour=True), _FLORES),
    "mbart50": Kind(_mbart50, {"en": "en_XX", "fr": "fr_XX"}),
    "marian": Kind(_marian),
    "marian-targets": Kind(_marian, {"fr": ">>fra<<"}, "target_first"),
    "t5": Kind(_t5),
    "mt5": Kind(_mt5),
    "madlad": Kind(_madlad, {"fr": "<2fr> "}, "target_first"),
    "pegasus": Kind(_pegasus),
    "bart": Kind(_bart),
}
