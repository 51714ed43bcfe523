// Input: a commit's text. It is refused, or its parents are ids; and what follows its header says nothing.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/git/commit_graph.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::git;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    const RawCommit commit = parse_commit(input);
    check(commit.parents.size() * 48 <= size);
    for (const std::string& parent : commit.parents) check(parent.size() == 20);
    if (input.find("\n\n") == std::string_view::npos) return 0;
    const RawCommit longer = parse_commit(std::string(input) + "\ncommitter A <a> 1 +0000\n\nparent ");
    check(longer.parents == commit.parents && longer.time == commit.time);
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kInvalidInput);
  }
  return 0;
}
