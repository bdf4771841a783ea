"""What a model hub says and sends, through `huggingface_hub`; the only module that knows it.

The package is imported when it is needed, for the embedded profile does not bring it. Requests, as the library makes
them: `GET /api/models/{repo}/revision/{rev}?blobs=true` once, `HEAD /{repo}/resolve/{commit}/{file}` for a file whose
size or digest that answer lacks, and `GET` of the same address, with `Range` when a part is there. Storage that the
library would read by its own chunk protocol is read over plain HTTP, because only that goes on where it broke off.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.config import Settings
from service.models.failures import PullFailed
from service.models.progress import Progress
from service.version import VERSION

_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_TIMEOUT_S = 20.0
_LIBRARY = "precis"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository: `digest` is the SHA-256 of its content (64 digits) or its git blob's SHA-1 (40 digits).

    `size` is in bytes, -1 while it is not known; `digest` is empty while it is not known.
    """

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit; `licence` is what its card says, possibly nothing."""

    commit: str
    licence: str
    files: tuple[RemoteFile, ...]


class Hub:
    """One hub or mirror.

    Args:
        settings: endpoint, token file, and whether the network may be used.
    Raises:
        PullFailed: the network is refused by the settings, the package is missing, or the token file cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.offline:
            raise PullFailed("PRECIS_OFFLINE is set: nothing is fetched from the network")
        try:
            from huggingface_hub import HfApi, constants
            from huggingface_hub.utils import logging as library_logging
        except ModuleNotFoundError as error:
            if error.name != "huggingface_hub":
                raise
            raise PullFailed(
                "fetching models needs the package huggingface-hub: run `make setup PROFILE=cpu` "
                "or `pip install -r requirements.txt`"
            ) from None
        # Its warnings hold addresses that are signed for this user.
        library_logging.set_verbosity(logging.CRITICAL)
        # An implicit token, of another hub perhaps, is never sent: only the one of the settings.
        self._token: str | bool = _read_token(settings.hub_token_file) if settings.hub_token_file else False
        self.endpoint: str = (settings.hub_endpoint or constants.ENDPOINT).rstrip("/")
        self._api: Any = HfApi(
            endpoint=self.endpoint, token=self._token, library_name=_LIBRARY, library_version=VERSION
        )

    def listing(self, repository: str, revision: str) -> Listing:
        """Return what a repository holds at a revision (branch, tag or commit).

        Raises:
            PullFailed: no such repository or revision, no access, or no network.
        """
        with self._explained(f"{repository}@{revision}"):
            info = self._info(repository, revision)
        commit = str(info.sha or "")
        if not _SHA1.fullmatch(commit):
            raise PullFailed(f"{repository}: {self.endpoint} names no commit; it is not a model hub")
        licence: Any = getattr(info.card_data, "license", None) if info.card_data is not None else None
        files = tuple(
            RemoteFile(
                str(entry.rfilename),
                -1 if entry.size is None else int(entry.size),
                str((entry.lfs.sha256 if entry.lfs is not None else entry.blob_id) or ""),
            )
            for entry in info.siblings or ()
        )
        return Listing(commit, licence if isinstance(licence, str) else "", files)

    def _info(self, repository: str, revision: str) -> Any:
        try:
            return self._api.model_info(repository, revision=revision, files_metadata=True, timeout=_TIMEOUT_S)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise PullFailed(f"{repository}: what answers at {self.endpoint} is not a model hub") from None

    def complete(self, repository: str, commit: str, file: RemoteFile) -> RemoteFile:
        """Return a file with its size and digest, asking the hub when the listing lacked them (some mirrors' do).

        Raises:
            PullFailed: the hub tells no digest, so the file could not be checked.
        """
        import huggingface_hub

        if file.size >= 0 and _is_digest(file.digest):
            return file
        with self._explained(f"{repository}: {file.path}"):
            meta: Any = huggingface_hub.get_hf_file_metadata(
                self._url(repository, commit, file.path), token=self._token, timeout=_TIMEOUT_S, endpoint=self.endpoint
            )
        digest = str(meta.etag or "")
        if meta.size is None or not _is_digest(digest):
            raise PullFailed(f"{repository}: {self.endpoint} gives no size or digest of {file.path} to check it by")
        return RemoteFile(file.path, int(meta.size), digest)

    def download(self, repository: str, commit: str, file: RemoteFile, part: Path) -> None:
        """Add to `part` what it lacks of a file; bytes that are there are not asked for again.

        Raises:
            PullFailed: the connection broke for good, the size is wrong, or the disk is full. The part stays.
        """
        from huggingface_hub.file_download import http_get

        # A compressed answer could not be continued at a byte of the file.
        headers = {"accept-encoding": "identity", "user-agent": f"{_LIBRARY}/{VERSION}"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        done = part.stat().st_size if part.exists() else 0

        def bar(*, initial: int = 0, **_: object) -> Progress:
            return Progress(file.path, file.size, initial)

        progress: Any = bar
        with self._explained(f"{repository}: {file.path}"), part.open("r+b" if done else "wb") as out:
            out.seek(done)
            http_get(
                self._url(repository, commit, file.path),
                out,
                resume_size=done,
                headers=headers,
                expected_size=file.size,
                tqdm_class=progress,
            )
            # On the disk before its name is: a power cut must not leave a ready model full of zeros.
            out.flush()
            os.fsync(out.fileno())

    def _url(self, repository: str, commit: str, path: str) -> str:
        import huggingface_hub

        url: str = huggingface_hub.hf_hub_url(repository, path, revision=commit, endpoint=self.endpoint)
        return url

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what the library raises into one line; addresses with signatures and tokens stay out of it."""
        import httpx2
        from huggingface_hub import errors

        try:
            yield
        except errors.OfflineModeIsEnabled:
            raise PullFailed("HF_HUB_OFFLINE is set: nothing is fetched from the network") from None
        except errors.GatedRepoError:
            raise PullFailed(
                f"{what}: gated; accept its terms on {self.endpoint} and set PRECIS_HUB_TOKEN_FILE"
            ) from None
        except errors.RepositoryNotFoundError:
            raise PullFailed(f"{what}: not found on {self.endpoint}, or it needs a token") from None
        except (errors.RevisionNotFoundError, errors.EntryNotFoundError):
            raise PullFailed(f"{what}: no such revision or file on {self.endpoint}") from None
        except errors.HfHubHTTPError as error:
            raise PullFailed(f"{what}: {_refusal(error)}") from None
        except errors.HFValidationError:
            raise PullFailed(f"{what}: not the name of a repository") from None
        except httpx2.InvalidURL:
            raise PullFailed(f"PRECIS_HUB_ENDPOINT: {self.endpoint} is not an address") from None
        except httpx2.HTTPError as error:
            raise PullFailed(
                f"{what}: {self.endpoint} cannot be reached ({type(error).__name__}); what came so far is kept"
            ) from None
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise PullFailed(f"{what}: the disk is full; what came so far is kept") from None
            if error.errno is not None:
                raise PullFailed(f"{what}: {error.strerror}") from None
            raise PullFailed(f"{what}: came in another size than announced; what came so far is kept") from None


def _read_token(path: str) -> str:
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PullFailed(f"PRECIS_HUB_TOKEN_FILE: {path} cannot be read ({type(error).__name__})") from None
    if not token or not token.isascii() or len(token.split()) != 1:
        raise PullFailed(f"PRECIS_HUB_TOKEN_FILE: {path} holds no token")
    return token


def _is_digest(text: str) -> bool:
    return bool(_SHA1.fullmatch(text) or _SHA256.fullmatch(text))


def _refusal(error: Any) -> str:
    """What a status code of a hub means for a person."""
    status = int(error.response.status_code)
    meanings = {
        401: "the token is missing or wrong; see PRECIS_HUB_TOKEN_FILE",
        403: "access is forbidden; see PRECIS_HUB_TOKEN_FILE",
        429: "the hub asks to come back later",
    }
    return f"HTTP {status}, {meanings.get(status, 'the hub refused or failed')}"
