"""The samples of one probe, held in 18 bytes each and handed out as `Sample` values.

Rows arrive in the order in which requests ended; the log counts a sample only once every earlier
one has ended too, so that its length never skips one. One thread adds, any thread may read.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, overload

from resilience.model.samples import Answer, Sample

_PENDING = -1
_NEVER = -1
_MICRO = 1e-6


class SampleLog(Sequence[Sample]):
    """Samples in order of `seq`, complete up to `len`. `good` of them were good; the last `streak`
    were all good."""

    def __init__(self) -> None:
        self.start = 0.0
        self.interval = 0.0
        self.good = 0
        self.streak = 0
        self._known = 0
        self._answers: tuple[Answer, ...] = ()
        self._lag = array("i")
        self._took = array("q")
        self._answer = array("b")
        self._status = array("h")
        self._by = array("h")
        self._names: list[str] = [""]
        self._index: dict[str, int] = {"": 0}

    def begin(self, start: float, interval: float, answers: Sequence[str]) -> None:
        """The prober's first line: its schedule and its names of answers."""
        self.start, self.interval = start, interval
        self._answers = tuple(Answer[name] for name in answers)

    def add(self, row: Sequence[Any]) -> None:
        """One row as the prober writes it (`resilience.probes.prober.agent`)."""
        seq, lag, took, answer, *rest = row
        while len(self._answer) <= seq:
            for column in (self._lag, self._took, self._status, self._by):
                column.append(0)
            self._answer.append(_PENDING)
        self._lag[seq] = _NEVER if lag is None else lag
        self._took[seq] = took
        if rest:
            self._status[seq], self._by[seq] = rest[0], self._name(rest[1])
        self._answer[seq] = answer
        self._catch_up()

    def tail(self, count: int) -> Sequence[Sample]:
        """The last `count` samples, or as many as there are."""
        return [self[index] for index in range(max(0, self._known - count), self._known)]

    def __len__(self) -> int:
        return self._known

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._known))]
        seq = index + self._known if index < 0 else index
        if not 0 <= seq < self._known:
            raise IndexError(index)
        intended = self.start + seq * self.interval
        lag = self._lag[seq]
        return Sample(
            seq=seq,
            intended=intended,
            sent=None if lag == _NEVER else intended + lag * _MICRO,
            ended=intended + self._took[seq] * _MICRO,
            answer=self._answers[self._answer[seq]],
            status=self._status[seq],
            by=self._names[self._by[seq]],
        )

    def _catch_up(self) -> None:
        while self._known < len(self._answer) and self._answer[self._known] != _PENDING:
            good = self._answers[self._answer[self._known]] is Answer.GOOD
            self.good += good
            self.streak = self.streak + 1 if good else 0
            self._known += 1

    def _name(self, by: str) -> int:
        if by not in self._index:
            if (
                len(self._names) > 10_000
            ):  # these are not Pod names but values that differ in every answer
                return 0
            self._index[by] = len(self._names)
            self._names.append(by)
        return self._index[by]
