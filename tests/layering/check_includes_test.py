"""Plants each kind of breach in a small tree and expects it to be named with file and line."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).with_name("check_includes.py")

CLEAN = {
    "modules.txt": "base:\njson: base\nstore: base json\ngit: base\nintake: base json store git\n",
    "core/base/CMakeLists.txt": "penstock_module(base SOURCES error.cc)\n",
    "core/base/error.h": "#pragma once\n#include <string>\n",
    "core/base/error.cc": '#include "core/base/error.h"\n#include <openssl/evp.h>\n',
    "core/json/CMakeLists.txt": "penstock_module(json SOURCES json.cc)\n",
    "core/json/json.h": "#include <nlohmann/json.hpp>\n",
    "core/json/json.cc": '#include "core/json/json.h"\n#include <simdjson.h>\n',
    "core/store/CMakeLists.txt": "penstock_module(store SOURCES store.cc)\n",
    "core/store/store.h": '#include "core/base/error.h"\n',
    "core/store/store.cc": '#include "core/store/store.h"\n#include "core/json/json.h"\n#include <sqlite3.h>\n',
    "core/git/CMakeLists.txt": "penstock_module(git SOURCES mirror.cc)\n",
    "core/git/mirror.h": "\n",
    "core/git/mirror.cc": "#include <git2.h>\n",
    "core/intake/CMakeLists.txt": "penstock_module(intake SOURCES intake.cc)\n",
    "core/intake/intake.cc": '#include "core/git/mirror.h"\n#include "core/store/store.h"\n',
    "server/CMakeLists.txt": "add_executable(penstock main.cc)\n",
    "server/main.cc": '#include "core/intake/intake.h"\n#include <CLI/CLI.hpp>\n',
    "tests/core/store/CMakeLists.txt": "penstock_test(store_test SOURCES store_test.cc)\n",
    "tests/core/store/store_test.cc": '#include "core/store/store.h"\n#include <sqlite3.h>\n',
}


class Layering(unittest.TestCase):
    def check(self, changes, *expected):
        with tempfile.TemporaryDirectory() as root:
            for name, text in {**CLEAN, **changes}.items():
                path = Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            run = subprocess.run(
                [sys.executable, SCRIPT, "--root", root, "--modules", Path(root, "modules.txt")],
                capture_output=True, text=True, check=False)
        lines = run.stdout.splitlines()
        self.assertEqual(len(lines), len(expected), run.stdout)
        for line, beginning in zip(lines, sorted(expected)):
            self.assertTrue(line.startswith(beginning), f"{line!r} does not start with {beginning!r}")
        self.assertEqual(run.returncode, 1 if expected else 0, run.stderr)

    def test_clean_tree_passes(self):
        self.check({})

    def test_include_that_is_not_in_depends(self):
        self.check({"core/git/mirror.cc": '#include <git2.h>\n\n#include "core/json/json.h"\n'},
                   "core/git/mirror.cc:3: module 'git' must not include \"core/json/json.h\"")

    def test_sibling_include(self):
        self.check({"core/git/mirror.cc": '#include "core/store/store.h"\n'}, "core/git/mirror.cc:1: module 'git'")

    def test_sibling_in_depends(self):
        self.check({"modules.txt": CLEAN["modules.txt"].replace("git: base", "git: base store")},
                   "core/git/CMakeLists.txt:1: module 'git' must not depend on 'store', a sibling")

    def test_higher_layer_in_depends(self):
        self.check({"modules.txt": CLEAN["modules.txt"].replace("git: base", "git: base intake")},
                   "core/git/CMakeLists.txt:1: module 'git' must not depend on 'intake', a higher layer")

    def test_core_includes_server_and_tests(self):
        self.check({"server/app.h": "\n", "tests/support/fake.h": "\n",
                    "core/intake/intake.cc": '#include "server/app.h"\n#include "tests/support/fake.h"\n'},
                   'core/intake/intake.cc:1: core must not include "server/app.h"',
                   'core/intake/intake.cc:2: core must not include "tests/support/fake.h"')

    def test_library_header_of_another_module(self):
        self.check({"core/intake/intake.cc": "\n#include <sqlite3.h>\n"},
                   "core/intake/intake.cc:2: <sqlite3.h> may be included only in core/store")

    def test_library_header_that_leaks_through_a_public_header(self):
        leak = {"core/store/sqlite.h": "#include <sqlite3.h>\n"}
        self.check(leak)
        self.check({**leak, "core/store/store.h": '#pragma once\n#include "core/store/sqlite.h"\n'},
                   'core/intake/intake.cc:2: "core/store/store.h" brings <sqlite3.h> along')

    def test_json_wrapper_in_a_header(self):
        self.check({"core/store/store.h": '#include "core/json/json.h"\n'}, 'core/store/store.h:1: "core/json/json.h"')

    def test_include_that_does_not_exist(self):
        self.check({"core/store/store.cc": '#include "store.h"\n'}, 'core/store/store.cc:1: "store.h" does not exist')

    def test_spaces_do_not_hide_an_include(self):
        self.check({"core/git/mirror.cc": '  #  include   "core/store/store.h"\n'}, "core/git/mirror.cc:1:")

    def test_folder_outside_the_layers(self):
        self.check({"core/util/a.h": "\n", "modules.txt": CLEAN["modules.txt"] + "util: base\n"},
                   "core/util/CMakeLists.txt:1: module 'util' has no place in the layers")

    def test_source_that_is_not_built(self):
        self.check({"core/store/extra.cc": "\n"}, "core/store/extra.cc:1: is in no CMakeLists.txt")

    def test_glob(self):
        self.check({"core/git/CMakeLists.txt": "# file(GLOB in words is fine)\nfile(GLOB x *.cc)\n# mirror.cc\n"},
                   "core/git/CMakeLists.txt:2: GLOB")

    def test_test_without_counterpart(self):
        listed = "penstock_test(store_test SOURCES store_test.cc other_test.cc)\n"
        files = {"tests/core/store/CMakeLists.txt": listed, "tests/core/store/other_test.cc": "\n"}
        self.check(files, "tests/core/store/other_test.cc:1: mirrors neither core/store/other.cc nor")
        self.check({**files, "tests/layering/unmirrored.txt": "tests/core/store/other_test.cc: kills processes\n"})

    def test_stale_exception(self):
        self.check({"tests/layering/unmirrored.txt": "# words\ntests/core/store/gone_test.cc: why\n"},
                   "tests/layering/unmirrored.txt:2: 'tests/core/store/gone_test.cc' does not exist")


if __name__ == "__main__":
    unittest.main()
