"""Compiles Python's library: run at build, by the interpreter that is to use it.

Beside each source in the archive comes its code, neither compressed nor checked against the source when it is
imported (PEP 552). The sources stay for tracebacks.
"""

import importlib._bootstrap_external as external
import importlib.util
import os
import sys
import zipfile

from amendments import amend, missing

_, source_path, target_path, own_modules = sys.argv
# What it will be called where apps find it.
LIBRARY = "/usr/lib/python314.zip"


def add(target, info, content):
    target.writestr(info, content)
    if not info.filename.endswith(".py"):
        return
    code = compile(content, f"{LIBRARY}/{info.filename}", "exec", dont_inherit=True)
    compiled = external._code_to_hash_pyc(code, importlib.util.source_hash(content), checked=False)
    # The same date, so that the same sources make the same archive.
    compiled_info = zipfile.ZipInfo(f"{info.filename}c", info.date_time)
    target.writestr(compiled_info, compiled, zipfile.ZIP_STORED)


with zipfile.ZipFile(source_path) as source, zipfile.ZipFile(target_path, "w") as target:
    for info in source.infolist():
        if not info.is_dir():
            content = source.read(info)
            add(target, info, amend(info.filename, content) if info.filename.endswith(".py") else content)
    for name in sorted(os.listdir(own_modules)):
        if name.endswith(".py"):
            with open(f"{own_modules}/{name}", "rb") as own:
                add(target, zipfile.ZipInfo(name), own.read())

if missing():
    raise ValueError(f"the library has no {', '.join(missing())}")
