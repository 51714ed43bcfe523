#include "core/git/mirror_upkeep.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/process.h"
#include "core/git/command.h"
#include "core/git/snapshot_state.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxPacks = 16;
// What the job must have left.
constexpr milliseconds kShortestMerge{1'000};
constexpr milliseconds kShortestPrune{60'000};

bool is_leftover(const fs::path& path) {
  const std::string name = path.filename().native();
  return name.ends_with(".lock") || name.starts_with("tmp_") || name.starts_with(".tmp-") || name.ends_with(".keep");
}

struct Packs {
  std::size_t count = 0;
  std::uint64_t bytes = 0;
};

Packs packs_of(const fs::path& mirror) {
  std::error_code ignored;
  Packs packs;
  for (fs::directory_iterator entry(mirror / "objects" / "pack", ignored), end; entry != end;
       entry.increment(ignored)) {
    if (entry->path().extension() != ".pack") continue;
    ++packs.count;
    packs.bytes += entry->file_size(ignored);
  }
  return packs;
}

// True when it was done.
bool repack(const fs::path& mirror, const std::vector<std::string>& how, milliseconds timeout) {
  ProcessOptions process;
  process.argv = {"git", "repack", "--quiet", "-d"};
  process.argv.insert(process.argv.end(), how.begin(), how.end());
  process.environment = git_environment(mirror);
  process.working_directory = mirror;
  GitSettings settings;
  settings.set("core.bigFileThreshold", "32m");
  settings.set("pack.threads", "1");
  settings.set("pack.windowMemory", "64m");
  settings.set("repack.writeBitmaps", "false");
  settings.write_to(process.environment);
  process.timeout = timeout;
  return run_process(process).succeeded();
}

}  // namespace

// Nobody else is at work, so none of them is in use.
void remove_leftovers(const fs::path& mirror) {
  std::error_code ignored;
  std::vector<fs::path> found;
  const auto look = [&](const fs::path& folder) {
    for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
      if (is_leftover(entry->path())) found.push_back(entry->path());
    }
  };
  look(mirror);
  look(mirror / "objects" / "pack");
  for (fs::directory_iterator entry(mirror / "objects", ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->path().filename().native().size() == 2) look(entry->path());
    if (is_leftover(entry->path())) found.push_back(entry->path());
  }
  for (fs::recursive_directory_iterator entry(mirror / "refs", ignored), end; entry != end; entry.increment(ignored)) {
    if (is_leftover(entry->path())) found.push_back(entry->path());
  }
  for (const fs::path& path : found) fs::remove_all(path, ignored);
}

void forget_old_refs(const fs::path& mirror) {
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> refs;
  for (fs::directory_iterator entry(mirror / kCommitRefs, ignored), end; entry != end; entry.increment(ignored))
    refs.emplace_back(entry->last_write_time(ignored), entry->path());
  if (refs.size() <= kKeptRefs) return;
  std::sort(refs.begin(), refs.end());
  refs.resize(refs.size() - kKeptRefs);
  for (const auto& [time, path] : refs) fs::remove(path, ignored);
}

void tidy_packs(const fs::path& mirror, std::uint64_t prune_bytes, steady_clock::time_point deadline) {
  const auto left = [&] { return std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()); };
  // Only the small ones, which makes it cheap.
  if (packs_of(mirror).count > kMaxPacks && left() >= kShortestMerge) repack(mirror, {"--geometric=2"}, left());

  // The note holds the size after the last time, or that of the new mirror.
  const fs::path note = mirror / kPrunedNote;
  const std::uint64_t bytes = packs_of(mirror).bytes;
  std::error_code missing;
  if (!fs::exists(note, missing)) {
    std::ofstream(note) << bytes;
    return;
  }
  std::uint64_t before = 0;
  std::ifstream(note) >> before;
  if (bytes < 2 * before || bytes - before < prune_bytes || left() < kShortestPrune) return;
  std::ofstream(note) << before;  // first, for those who read meanwhile
  if (repack(mirror, {"-a"}, left() / 2)) std::ofstream(note) << packs_of(mirror).bytes;
}

}  // namespace penstock::git
