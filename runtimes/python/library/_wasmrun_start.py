"""What an app finds changed from the first moment on; imported by `encodings`, the first module that is not frozen."""

import sys

import _wasmrun_process
from _frozen_importlib_external import PathFinder


def _end(number, frame):
    raise SystemExit(128 + number)


def _prepare_signals():
    """SIGTERM by default would end the app without its `finally` and `atexit`, at every reload and every stop."""
    import _signal

    if _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGTERM, _end)


def _serve_without_reloader(main_func, *args, **kwargs):
    print(" * The reloader needs processes: wasmrun --watch does the same", file=sys.stderr, flush=True)
    main_func()


def _change_reloader(spec):
    """Werkzeug's reloader, which `debug=True` switches on, would start the app as another process."""
    exec_module = spec.loader.exec_module

    def exec_and_change(module):
        exec_module(module)
        module.run_with_reloader = _serve_without_reloader

    spec.loader.exec_module = exec_and_change


class _Finder:
    """Notices what is imported for the first time."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "sitecustomize":
            # Looked for when the interpreter is ready, whether there is one or not.
            _prepare_signals()
            _wasmrun_process.explain_absent(sys.modules["os"])
        elif name == "werkzeug._reloader":
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None:
                _change_reloader(spec)
            return spec
        return None


sys.meta_path.insert(0, _Finder)
