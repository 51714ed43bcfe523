#!/usr/bin/env python3
"""Holds the layering that docs/architecture.md draws; prints FILE:LINE of each breach and exits 1.

The allow-lists are the DEPENDS of the modules' CMake declarations, which CMake writes to modules.txt.
"""

import argparse
import fnmatch
import re
import sys
from pathlib import Path

# A module depends only on modules of lower layers. Modules of one layer never depend on each other.
LAYERS = [
    ["base"],
    ["telemetry", "json", "http"],
    ["hooks", "azure", "aws", "git", "archive", "store", "authz", "config", "listener"],
    ["intake", "trigger", "jobs", "events"],
]

# Header pattern -> the folders that may include it. A module's headers may only as long as no other module gets to see
# it through them.
LIBRARIES = {
    "nlohmann/*": ["core/json"],
    "simdjson.h": ["core/json"],
    "curl/*": ["core/http"],
    "re2/*": ["core/base"],
    "openssl/*": ["core/base", "core/authz", "core/listener", "server", "server/pages"],
    "git2.h": ["core/git"],
    "git2/*": ["core/git"],
    "zip.h": ["core/archive"],
    "zlib.h": ["core/archive"],
    "libdeflate.h": ["core/archive"],
    "sqlite3.h": ["core/store"],
    "yaml-cpp/*": ["core/config"],
    "prometheus/*": ["core/telemetry"],
    "absl/time/*": ["core/trigger"],
    "CLI/*": ["server"],
}

# The header through which the others see nlohmann-json, in .cc files; public headers stay free of it.
WRAPPER_HEADER = "core/json/json.h"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCE_SUFFIXES = {".cc", ".h"}


def read_modules(path):
    modules = {}
    for line in path.read_text().splitlines():
        name, _, depends = line.partition(":")
        if name.strip():
            modules[name.strip()] = set(depends.split())
    return modules


def includes_of(path):
    """(line, '<' or '"', target) of each #include."""
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(text)
        if match:
            yield number, match.group(1), match.group(2)


def folders_of_library(target):
    """Where a library's header may be included; None for headers that are no library's of ours."""
    return next((folders for pattern, folders in LIBRARIES.items() if fnmatch.fnmatchcase(target, pattern)), None)


def layer_of(module):
    for index, layer in enumerate(LAYERS):
        if module in layer:
            return index
    return None


class Checker:
    def __init__(self, root, modules):
        self.root = root
        self.modules = modules
        self.breaches = []
        self.brought = {}

    def breach(self, path, line, text):
        where = path.relative_to(self.root) if path.is_absolute() else path
        self.breaches.append(f"{where}:{line}: {text}")

    def sources(self, folder):
        base = self.root / folder
        return sorted(p for p in base.rglob("*") if p.suffix in SOURCE_SUFFIXES and p.is_file()) if base.is_dir() else []

    def check_declarations(self):
        for module, depends in sorted(self.modules.items()):
            cmake = Path("core") / module / "CMakeLists.txt"
            own = layer_of(module)
            if own is None:
                self.breach(cmake, 1, f"module '{module}' has no place in the layers of tests/layering/check_includes.py")
                continue
            for dependency in sorted(depends):
                other = layer_of(dependency)
                if other is None or dependency not in self.modules:
                    self.breach(cmake, 1, f"module '{module}' depends on '{dependency}', which is not a module")
                elif other >= own:
                    relation = "a sibling" if other == own else "a higher layer"
                    self.breach(cmake, 1, f"module '{module}' must not depend on '{dependency}', {relation}")

    def check_own_include(self, path, module, line, target):
        """An #include of one of our own files, seen from a file of core."""
        if not (self.root / target).is_file():
            self.breach(path, line, f'"{target}" does not exist; includes name the path from the repository root')
            return
        parts = target.split("/")
        if parts[0] != "core":
            self.breach(path, line, f'core must not include "{target}": only core/ is below it')
            return
        other = parts[1]
        if other != module and other not in self.modules.get(module, set()):
            allowed = ", ".join(sorted(self.modules.get(module, set()))) or "nothing"
            self.breach(path, line, f'module \'{module}\' must not include "{target}": its DEPENDS allow {allowed}')
        if target == WRAPPER_HEADER and path.suffix == ".h" and module != "json":
            self.breach(path, line, f'"{target}" brings nlohmann-json along: include it in .cc files only')

    def libraries_through(self, header):
        """The library headers that an #include of one of our headers brings along."""
        if header not in self.brought:
            self.brought[header] = set()  # ends cycles
            if header != WRAPPER_HEADER and (self.root / header).is_file():
                for _, quote, target in includes_of(self.root / header):
                    if folders_of_library(target):
                        self.brought[header].add(target)
                    elif quote == '"':
                        self.brought[header] |= self.libraries_through(target)
        return self.brought[header]

    def check_library_include(self, path, line, quote, target):
        folder = path.parent.relative_to(self.root).as_posix()
        folders = folders_of_library(target)
        if folders is not None and folder not in folders:
            self.breach(path, line, f"<{target}> may be included only in {' and '.join(folders)}")
        if folders is None and quote == '"':
            for library in sorted(self.libraries_through(target)):
                if folder not in folders_of_library(library):
                    self.breach(path, line, f'"{target}" brings <{library}> along: keep it out of that header')

    def check_includes(self):
        for folder in ("core", "server"):
            for path in self.sources(folder):
                parts = path.relative_to(self.root).parts
                module = parts[1] if folder == "core" and len(parts) > 2 else None
                if folder == "core" and module not in self.modules:
                    self.breach(path, 1, "belongs to no module that CMake knows")
                    continue
                for number, quote, target in includes_of(path):
                    self.check_library_include(path, number, quote, target)
                    if quote == '"' and folder == "core":
                        self.check_own_include(path, module, number, target)
                    elif quote == '"' and not target.startswith(("core/", "server/")):
                        self.breach(path, number, f'server must not include "{target}": only core/ and server/')

    def check_listed(self):
        """A source that no CMakeLists.txt names is never built; it would look tested and be dead."""
        for folder in ("core", "tests/core", "tests/server", "server"):
            for path in self.sources(folder):
                if path.suffix != ".cc":
                    continue
                directory, found = path.parent, False
                while directory != self.root and not found:
                    cmake = directory / "CMakeLists.txt"
                    if cmake.is_file():
                        name = re.escape(path.relative_to(directory).as_posix())
                        found = re.search(rf"(?<![\w./-]){name}(?![\w.-])", cmake.read_text()) is not None
                    directory = directory.parent
                if not found:
                    self.breach(path, 1, "is in no CMakeLists.txt, so it is never built")

    def check_globs(self):
        for path in sorted(self.root.rglob("*")):
            if path.name != "CMakeLists.txt" and path.suffix != ".cmake":
                continue
            if path.relative_to(self.root).parts[0] in ("build", ".git"):
                continue
            for number, text in enumerate(path.read_text().splitlines(), 1):
                if re.search(r"\bfile\s*\(\s*GLOB", text.split("#")[0], re.IGNORECASE):
                    self.breach(path, number, "GLOB: list the files, so that adding one is seen by the build")

    def check_test_names(self):
        exceptions = {}
        table = self.root / "tests/layering/unmirrored.txt"
        if table.is_file():
            for number, text in enumerate(table.read_text().splitlines(), 1):
                if not text.strip() or text.startswith("#"):
                    continue
                name, _, reason = text.partition(":")
                if not reason.strip():
                    self.breach(table, number, f"'{name}' needs a reason after a colon")
                if not (self.root / name).is_file():
                    self.breach(table, number, f"'{name}' does not exist (any more)")
                exceptions[name] = reason
        for path in self.sources("tests/core"):
            relative = path.relative_to(self.root)
            if not path.name.endswith("_test.cc") or relative.as_posix() in exceptions:
                continue
            stem = Path(*relative.parts[1:-1]) / path.name[: -len("_test.cc")]
            if not any((self.root / f"{stem}{suffix}").is_file() for suffix in SOURCE_SUFFIXES):
                self.breach(path, 1, f"mirrors neither {stem}.cc nor {stem}.h; rename it or list it in {table.name}")

    def run(self):
        self.check_declarations()
        self.check_includes()
        self.check_listed()
        self.check_globs()
        self.check_test_names()
        return self.breaches


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--modules", type=Path, required=True, help="BUILD/modules.txt")
    arguments = parser.parse_args()
    breaches = Checker(arguments.root.resolve(), read_modules(arguments.modules)).run()
    for breach in breaches:
        print(breach)
    print(f"layering: {len(breaches)} breaches", file=sys.stderr)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
