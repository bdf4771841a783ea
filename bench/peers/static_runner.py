"""A runner that retires no row before all have ended: until then the others go on, and what they write is dropped."""

from __future__ import annotations

from dataclasses import replace

from service.engines.seq2seq import policies
from service.engines.seq2seq.runner import Runner, _Request


class StaticRunner(Runner):
    """See `Runner`; requests that have ended keep their place in the batch, as with padding."""

    def _retire(self, request: _Request) -> None:
        if len(self._held) > 1:
            endless = replace(request.row.params, eos=(), min_new_tokens=0, max_new_tokens=1_000_000, forced_eos=None)
            request.row = policies.make_row(endless)
            request.tokens = [endless.pad] * request.width
            return
        for left in list(self._live.values()):
            super()._retire(left)
