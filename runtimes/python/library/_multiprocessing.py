"""Semaphores for multiprocessing where there is only one process: ThreadPool and the queues of threads stand on them.

CPython's own module is compiled for semaphores of POSIX, which Emscripten has not.
"""

from threading import Condition, get_ident

RECURSIVE_MUTEX, SEMAPHORE = range(2)

flags = {}


def sem_unlink(name):
    pass


class SemLock:
    SEM_VALUE_MAX = 2**31 - 1

    def __init__(self, kind, value, maxvalue, name, unlink):
        self.kind = kind
        self.maxvalue = maxvalue
        # It is nobody else's to find, and there is nothing to be removed.
        self.name = None
        self.handle = id(self)
        self._value = value
        self._changed = Condition()
        self._owner = None
        self._depth = 0

    def acquire(self, block=True, timeout=None):
        if self.kind == RECURSIVE_MUTEX and self._is_mine():
            self._depth += 1
            return True
        patience = 0 if not block else None if timeout is None else max(0, timeout)
        with self._changed:
            if not self._changed.wait_for(lambda: self._value > 0, patience):
                return False
            self._value -= 1
            self._owner = get_ident()
            self._depth += 1
        return True

    __enter__ = acquire

    def release(self):
        if self.kind == RECURSIVE_MUTEX:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._depth > 1:
                self._depth -= 1
                return
        with self._changed:
            if self._value >= self.maxvalue:
                raise ValueError("semaphore or lock released too many times")
            self._value += 1
            self._depth -= 1
            self._changed.notify()

    def __exit__(self, *exception):
        self.release()

    def _count(self):
        return self._depth

    def _is_mine(self):
        return self._depth > 0 and self._owner == get_ident()

    def _get_value(self):
        return self._value

    def _is_zero(self):
        return self._value == 0

    def _after_fork(self):
        pass
