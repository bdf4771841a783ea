"""Request bodies of version 1, and how they become requests of the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from service import languages
from service.api.schema_types import (
    LEFT_OUT,
    MAX_LIST,
    MAX_TERMS,
    PLANNED,
    WHOLE,
    EngineId,
    LanguageTag,
    Targets,
    Term,
    Text,
    Texts,
    one_of,
)
from service.api.validation import BRANCH, Body, wrong
from service.config import Settings
from service.errors import TooLong, UnsupportedLanguage
from service.pipeline.requests import (
    AUTO,
    LENGTHS,
    DetectRequest,
    Length,
    SummarizeRequest,
    TranslateRequest,
    Unit,
)


def _length_branch(value: Any) -> str:
    return f"{BRANCH}bound" if isinstance(value, dict | LengthBound) else f"{BRANCH}name"


class LengthBound(BaseModel):
    """An upper bound on a summary. Exactly one field is given."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    sentences: Annotated[int, Field(ge=1, le=1000), WHOLE] = LEFT_OUT
    words: Annotated[int, Field(ge=1, le=10_000), WHOLE] = LEFT_OUT
    characters: Annotated[int, Field(ge=1, le=100_000), WHOLE] = LEFT_OUT

    @model_validator(mode="after")
    def _one(self) -> LengthBound:
        if len(self.model_fields_set) != 1:
            raise ValueError("must hold exactly one of `sentences`, `words` and `characters`")
        return self

    def bound(self) -> Length:
        """The bound as the pipeline takes it."""
        given: dict[Unit, int] = {
            "sentences": self.sentences,
            "words": self.words,
            "characters": self.characters,
        }
        return next(Length(unit, at_most) for unit, at_most in given.items() if at_most is not LEFT_OUT)


class SummarizeBody(Body):
    """An article to summarize, as `text` or as `html`."""

    model_config = ConfigDict(json_schema_extra=one_of("text", "html"))
    nested: ClassVar = {"length": LengthBound}

    text: Text | None = Field(None, description="the article as plain text")
    html: Text | None = Field(None, description="the article as HTML; exactly one of `text` and `html` is given")
    language: LanguageTag = Field(AUTO, description="language of the article, a BCP-47 tag, or `auto`")
    length: Annotated[
        Annotated[Literal["short", "medium", "long"], Tag(f"{BRANCH}name")]
        | Annotated[LengthBound, Tag(f"{BRANCH}bound")],
        Discriminator(_length_branch),
    ] = Field(
        "short", description="upper bound on the summary: 2, 4 or 8 sentences, or a bound of its own; kept exactly"
    )
    format: Literal["paragraph", "bullets", "headline"] = "paragraph"
    summary_language: LanguageTag | None = Field(None, description="language of the summary; default the article's")
    translate_to: list[LanguageTag] = Field(
        [], max_length=MAX_LIST, description="languages to translate the summary into; each has its own status"
    )
    engine: EngineId = AUTO
    translate_engine: EngineId = AUTO
    clean: bool = Field(True, description="drop boilerplate before summarizing")
    faithfulness: Literal["flag", "strict", "off"] = Field(
        "flag",
        description="look up names, numbers, quotations and negations of every output in its source: say what is not "
        "there, or (`strict`) write another summary, in the end of the article's own sentences",
    )
    offsets: Literal["codepoint", "utf16"] = Field("codepoint", description="unit of every offset in the reply")
    explain: bool = Field(False, description="add the cleaned text, the chunks and the scores of sentences")

    @model_validator(mode="after")
    def _one_source(self) -> SummarizeBody:
        if (self.text is None) == (self.html is None):
            raise ValueError("exactly one of `text` and `html` must be given")
        return self

    def to_request(self, settings: Settings) -> SummarizeRequest:
        """The request for the pipeline.

        Raises:
            BadRequest: more targets than the settings allow.
            TooLong: the text is over the limit.
            UnsupportedLanguage: a language of the source or the summary that is not known.
        """
        if self.text is not None:
            check_length("text", self.text, settings)
        return SummarizeRequest(
            text=self.text,
            html=self.html,
            language=known_language("language", self.language),
            length=LENGTHS[self.length] if isinstance(self.length, str) else self.length.bound(),
            format=self.format,
            summary_language=None
            if self.summary_language is None
            else known_language("summary_language", self.summary_language, auto=False),
            translate_to=target_tags("translate_to", self.translate_to, settings),
            engine=self.engine,
            translate_engine=self.translate_engine,
            clean=self.clean,
            explain=self.explain,
            faithfulness=self.faithfulness,
        )


class TranslateBody(Body):
    """Texts to translate into one language or several, as `text` or as `html`."""

    model_config = ConfigDict(json_schema_extra=one_of("text", "html"))
    planned: ClassVar = {"alternatives": PLANNED}
    maps: ClassVar = frozenset(("glossary",))

    text: Texts = Field(
        LEFT_OUT, description="one text or a list, in the format that `format` names; as many come back, in order"
    )
    html: Texts = Field(
        LEFT_OUT,
        description="one HTML text or a list; exactly one of `text` and `html` is given; implies `format: html`",
    )
    source: LanguageTag = Field(AUTO, description="language of the texts, a BCP-47 tag, or `auto`")
    target: Targets = Field(description="one language or a list; each has its own status")
    format: Literal["text", "html", "markdown"] = Field(
        "text", description="what `text` is written in; markup comes back as it was, with what people read translated"
    )
    keep: list[Term] = Field(
        [],
        max_length=MAX_TERMS,
        description="terms that stay as they are: whole words in this exact case, the longest first",
    )
    glossary: dict[Term, Term] = Field(
        {},
        max_length=MAX_TERMS,
        description="from a source term, a whole word or several in any case, to what it becomes in every target",
    )
    engine: EngineId = AUTO
    offsets: Literal["codepoint", "utf16"] = Field("codepoint", description="unit of every offset in the reply")

    @model_validator(mode="after")
    def _consistent(self) -> TranslateBody:
        if (self.text is LEFT_OUT) == (self.html is LEFT_OUT):
            raise ValueError("exactly one of `text` and `html` must be given")
        return self

    def to_request(self, settings: Settings) -> TranslateRequest:
        """The request for the pipeline.

        Raises:
            BadRequest: more texts or targets than the settings allow, or fields that contradict each other.
            TooLong: a text is over the limit.
            UnsupportedLanguage: a source language that is not known.
        """
        from_html = self.text is LEFT_OUT
        if from_html and "format" in self.model_fields_set and self.format != "html":
            raise wrong("format", "must be `html` where `html` is given")
        if both := [term for term in self.keep if term in self.glossary]:
            raise wrong(f"keep[{self.keep.index(both[0])}]", "is a term of `glossary` too")
        targets = [self.target] if isinstance(self.target, str) else self.target
        texts = checked_texts(self.html, settings, "html") if from_html else checked_texts(self.text, settings)
        return TranslateRequest(
            texts=texts,
            targets=target_tags("target", targets, settings),
            source=known_language("source", self.source),
            engine=self.engine,
            format="html" if from_html else self.format,
            keep=tuple(dict.fromkeys(self.keep)),
            glossary=tuple(self.glossary.items()),
        )


class DetectBody(Body):
    """Texts whose language is asked for."""

    text: Texts = Field(description="one text or a list")
    top: Annotated[int, Field(ge=1, le=20), WHOLE] = Field(3, description="number of candidates wanted for each text")

    def to_request(self, settings: Settings) -> DetectRequest:
        """The request for the pipeline.

        Raises:
            BadRequest: more texts than the settings allow.
            TooLong: a text is over the limit.
        """
        return DetectRequest(texts=checked_texts(self.text, settings), top=self.top)


def check_length(field: str, text: str, settings: Settings) -> None:
    """Refuse a text over the limit, by name."""
    if len(text) > settings.max_text_characters:
        raise TooLong(f"`{field}` has {len(text)} characters; the limit is {settings.max_text_characters}", field=field)


def checked_texts(given: str | Sequence[str], settings: Settings, field: str = "text") -> tuple[str, ...]:
    """One text or several as a tuple, none over the limit and no more than the settings allow."""
    if isinstance(given, str):
        check_length(field, given, settings)
        return (given,)
    if len(given) > settings.max_texts:
        raise wrong(field, f"has {len(given)} texts; the limit is {settings.max_texts}")
    for index, text in enumerate(given):
        check_length(f"{field}[{index}]", text, settings)
    return tuple(given)


def known_language(field: str, tag: str, *, auto: bool = True) -> str:
    """The canonical form of a tag of the source side, or `auto` where that is allowed."""
    if auto and tag == AUTO:
        return AUTO
    canonical = languages.canonical(tag)
    if canonical is None:
        raise UnsupportedLanguage(f"`{field}` is not a language that is known here; see /v1/languages", field=field)
    return canonical


def target_tags(field: str, tags: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """Targets in canonical form, each once, in order; unknown ones as given, so that they fail alone."""
    if len(tags) > settings.max_targets:
        raise wrong(field, f"has {len(tags)} languages; the limit is {settings.max_targets}")
    return tuple(dict.fromkeys(languages.canonical(tag) or tag for tag in tags))
