"""Programs of drivers: bounded, without a shell, with the end of what they said."""

from __future__ import annotations

import sys

import pytest

from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines import processes


def test_words_are_never_read_by_a_shell() -> None:
    done = processes.run([sys.executable, "-c", "import sys; print(sys.argv[1])", "$(id); *"], 10)
    assert done.output == "$(id); *\n"


def test_a_program_that_does_not_end_in_time_fails() -> None:
    with pytest.raises(MachineFailed, match="timed out after 1"):
        processes.run([sys.executable, "-c", "import time; time.sleep(60)"], 0.1)


def test_an_error_ends_with_the_end_of_what_the_program_said() -> None:
    loud = "import sys; sys.stderr.write('x' * 10000 + 'the cause'); sys.exit(2)"
    with pytest.raises(MachineFailed) as caught:
        processes.must([sys.executable, "-c", loud], 10)
    assert str(caught.value).endswith("the cause")
    assert processes.run([sys.executable, "-c", "import sys; sys.exit(1)"], 10).said == (
        "without output"
    )
