"""Compiles Python's library: run at build, by the interpreter that is to use it.

Beside each source in the archive comes its code, neither compressed nor checked against the source when it is
imported (PEP 552). The sources stay for tracebacks.
"""

import importlib._bootstrap_external as external
import importlib.util
import sys
import zipfile

_, source_path, target_path, *own_paths = sys.argv
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
            add(target, info, source.read(info))
    for path in own_paths:
        with open(path, "rb") as own:
            add(target, zipfile.ZipInfo(path.rpartition("/")[2]), own.read())
