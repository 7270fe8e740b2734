"""Memory shared with other processes, of which there are none; CPython's own module needs shm_open(3)."""


def shm_open(path, flags, mode=0o777):
    raise OSError("no memory can be shared: a sandbox of wasmrun runs one program in one process")


def shm_unlink(path):
    raise FileNotFoundError(path)
