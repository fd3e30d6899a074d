"""Python's collector of cycles, held back while modules load and while a job makes many objects that live on."""

import atexit
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# So many new containers before the youngest are looked through; by default it is 700.
SELDOM = 50_000


@contextmanager
def loading() -> Iterator[None]:
    """For imports: what modules make stays until the end, so Python need not look through it for cycles meanwhile.

    Without that a command starts a tenth later.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)


class Collecting:
    """The collector of this process, which several jobs may share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._usual = gc.get_threshold()

    @contextmanager
    def seldom(self) -> Iterator[None]:
        """For the block, what there is by now is not looked through, and what is made in it seldom.

        A run over 100,000 leads is looked through 500 times otherwise, and once with all that was imported: a
        fifteenth of its time. What is freed by counting references, as frames are, is freed as ever.
        """
        with self._lock:
            if not self._holders:
                self._usual = gc.get_threshold()
                gc.freeze()
                gc.set_threshold(SELDOM, *self._usual[1:])
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    gc.set_threshold(*self._usual)
                    gc.unfreeze()


COLLECTING = Collecting()
