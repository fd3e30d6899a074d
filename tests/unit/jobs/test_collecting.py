"""The collector of cycles is held back by a block, and is as before after it."""

import gc

import pytest

from pql.jobs.collecting import SELDOM, Collecting, loading


def test_the_collector_is_as_before_after_the_block_whatever_happens_in_it() -> None:
    before, within = gc.get_threshold(), []

    def fail() -> None:
        with Collecting().seldom():
            within.append(gc.get_threshold())
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert within == [(SELDOM, *before[1:])]
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_the_last_of_several_blocks_gives_it_back() -> None:
    before, collecting = gc.get_threshold(), Collecting()
    with collecting.seldom():
        with collecting.seldom():
            pass
        assert gc.get_threshold()[0] == SELDOM
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before


def test_the_collector_works_again_after_modules_were_loaded_or_could_not_be() -> None:
    within = []

    def fail() -> None:
        with loading():
            within.append(gc.isenabled())
            raise ImportError("broken")

    try:
        with pytest.raises(ImportError, match="broken"):
            fail()
        assert within == [False]
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
