"""What can be wrong with a model on disk or on its way there. Every message is one line for a person."""

from __future__ import annotations


class ModelError(Exception):
    """Something about a model cannot be done; `str()` says what, in one line without secrets."""


class UnknownModel(ModelError):
    """The list has no model of that id."""


class LicenceRefused(ModelError):
    """The licence is non-commercial and nobody has accepted it by name."""


class NotPulled(ModelError):
    """The model is not on this machine, or only in part."""


class Damaged(ModelError):
    """What is on disk is not what was pulled."""


class PullFailed(ModelError):
    """The model could not be fetched; what came so far is kept where it can be used."""
