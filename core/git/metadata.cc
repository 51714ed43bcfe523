#include "core/git/metadata.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/command.h"
#include "core/git/fetch_errors.h"
#include "core/git/remote.h"
#include "core/git/snapshot_state.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kHeads = "refs/heads/";

// The artifact's files hold the bytes of the commit: git must not expect what a checkout would have made of them.
constexpr std::string_view kFileAttributes = "* -text -ident !working-tree-encoding\n";

// How the refs of the remote are called in a clone.
struct Names {
  std::string branch;      // "refs/heads/…"; empty = detached
  std::string remote_ref;  // "refs/remotes/…"; empty = none
};

Names names_of(const std::string& ref, bool has_remote) {
  Names names;
  if (ref.starts_with(kHeads)) {
    names.branch = ref;
    if (has_remote) names.remote_ref = "refs/remotes/origin/" + ref.substr(kHeads.size());
  } else if (ref.starts_with("refs/pull/") && has_remote) {
    names.remote_ref = "refs/remotes/" + ref.substr(std::string_view("refs/").size());
  }
  return names;
}

// In the quotes of git's configuration files.
std::string in_config_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string configuration(const std::optional<std::string>& remote_url, const Names& names) {
  std::string text =
      "[core]\n"
      "\trepositoryformatversion = 0\n"
      "\tfilemode = false\n"
      "\tsymlinks = false\n"
      "\tbare = false\n"
      "\tlogallrefupdates = true\n";
  if (!remote_url) return text;
  text += "[remote \"origin\"]\n\turl = " + in_config_quotes(*remote_url) +
          "\n"
          "\tfetch = +refs/heads/*:refs/remotes/origin/*\n";
  if (!names.branch.empty()) {
    text += "[branch " + in_config_quotes(std::string_view(names.branch).substr(kHeads.size())) +
            "]\n"
            "\tremote = origin\n"
            "\tmerge = " +
            in_config_quotes(names.branch) + "\n";
  }
  return text;
}

// A ref can be a file of its own name, or a line in one file of all.
bool can_be_a_file(const std::string& ref) {
  constexpr std::size_t kMaxNameBytes = 200;
  const std::vector<std::string> parts = split(ref, '/');
  return std::all_of(parts.begin(), parts.end(), [](const std::string& part) { return part.size() <= kMaxNameBytes; });
}

void write(const fs::path& path, std::string_view content) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) throw_errno("making the folder " + in_quotes(path.parent_path().native()), error.value());
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) throw_errno("writing " + in_quotes(path.native()), errno);
}

void write_refs(const MetadataRequest& request, const Names& names) {
  std::map<std::string, std::string> packed;  // name -> the line's id, with the line of what a tag object stands for
  for (const History::Tag& tag : request.history.tags) {
    packed[tag.name] = tag.object_id + " " + tag.name + "\n";
    if (tag.object_id != tag.commit_id) packed[tag.name] += "^" + tag.commit_id + "\n";
  }
  const auto add = [&](const std::string& name) { packed[name] = request.commit_id + " " + name + "\n"; };
  if (!names.remote_ref.empty()) add(names.remote_ref);
  std::string head = request.commit_id;
  if (!names.branch.empty()) {
    head = "ref: " + names.branch;
    // Preferably as a file: folders that hold nothing are lost on many ways, and git insists on "refs".
    if (can_be_a_file(names.branch)) {
      write(request.folder / names.branch, request.commit_id + "\n");
    } else {
      add(names.branch);
    }
  }
  write(request.folder / "HEAD", head + "\n");
  std::error_code ignored;
  fs::create_directories(request.folder / "refs", ignored);
  if (packed.empty()) return;
  std::string text = "# pack-refs with: peeled fully-peeled sorted \n";
  for (const auto& [name, lines] : packed) text += lines;
  write(request.folder / "packed-refs", text);
}

class Builder {
 public:
  explicit Builder(const MetadataRequest& request)
      : request_(request),
        pruned_(pruned_at(request.mirror)),
        deadline_(steady_clock::now() + request.timeout),
        objects_(request.folder / "objects") {}

  // One pack of all that the commit and the tags reach, up to where the history ends. Everything is packed anew, in one
  // thread: what the server or an earlier fetch had packed how is no part of the bytes.
  void write_pack() const {
    // Where objects are looked for until they are here; a path of this machine, so it goes again.
    const fs::path borrowed = objects_ / "info" / "alternates";
    write(borrowed, fs::absolute(request_.mirror / "objects").native() + "\n");
    fs::create_directories(objects_ / "pack");
    std::string wanted = request_.commit_id + "\n";
    for (const History::Tag& tag : request_.history.tags) wanted += tag.object_id + "\n";
    // Versions of one file come next to one another, so that a small window finds most of what a large one would.
    const bool one_commit = request_.history.shallow == std::vector<std::string>{request_.commit_id};
    run({"git", "pack-objects", "--quiet", "--revs", "--threads=1", "--no-reuse-delta", "--no-reuse-object",
         "--delta-base-offset", one_commit ? "--window=0" : "--window=3", (objects_ / "pack" / "pack").native()},
        wanted, "packing the objects");
    fs::remove_all(borrowed.parent_path());
  }

  void write_index() const { run({"git", "read-tree", request_.commit_id}, "", "writing the index"); }

 private:
  void run(std::vector<std::string> argv, std::string input, std::string_view doing) const {
    ProcessOptions process;
    process.argv = std::move(argv);
    process.environment = git_environment(request_.folder);
    process.working_directory = request_.folder;
    process.standard_input = std::move(input);
    process.stop = request_.stop;
    process.timeout =
        std::max(std::chrono::duration_cast<milliseconds>(deadline_ - steady_clock::now()), milliseconds(1));
    GitSettings settings;
    settings.set("core.hooksPath", "/dev/null");
    settings.set("core.bigFileThreshold", "4m");  // larger blobs are streamed, and no delta is looked for
    settings.set("core.compression", "1");        // twice as fast as 6, and a tenth larger
    settings.set("core.commitGraph", "false");
    settings.set("pack.compression", "1");
    settings.set("pack.windowMemory", "32m");
    settings.set("pack.deltaCacheSize", "16m");
    settings.set("pack.packSizeLimit", "0");
    settings.set("pack.indexVersion", "2");
    settings.set("pack.writeReverseIndex", "false");
    settings.set("index.version", "2");
    settings.set("index.threads", "1");
    settings.set("index.skipHash", "false");
    settings.set("core.untrackedCache", "false");
    settings.set("core.fsmonitor", "false");
    settings.write_to(process.environment);
    const ProcessResult result = run_process(process);
    if (result.succeeded()) return;
    fail(result, "making the .git folder of the commit " + request_.commit_id + ": " + std::string(doing));
  }

  [[noreturn]] void fail(const ProcessResult& result, const std::string& doing) const {
    if (result.cancelled) throw Error(ErrorKind::kCancelled, doing + ": stopped");
    if (result.timed_out) {
      throw Error(ErrorKind::kTimeout,
                  doing + ": not done within " + std::to_string(request_.timeout.count() / 1000) + " s");
    }
    const FetchDiagnosis diagnosis = diagnose_fetch(result.standard_error);
    const std::string message = doing + ": " + diagnosis.detail;
    if (diagnosis.fault == FetchFault::kDiskFull) throw Error(ErrorKind::kExhausted, message);
    if (result.signal != 0)
      throw Error(ErrorKind::kUnavailable, doing + ": git was ended by signal " + std::to_string(result.signal));
    fail_damaged(request_.mirror, pruned_, message);
  }

  const MetadataRequest& request_;
  const fs::file_time_type pruned_;
  const steady_clock::time_point deadline_;
  const fs::path objects_;
};

std::vector<MetadataEntry> list(const fs::path& folder) {
  std::vector<MetadataEntry> entries;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string path = entry.path().lexically_relative(folder).native();
    if (!entry.is_directory()) {
      entries.push_back({.path = path, .kind = MetadataEntry::Kind::kFile});
    } else if (fs::is_empty(entry.path())) {
      entries.push_back({.path = path, .kind = MetadataEntry::Kind::kFolder});
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const MetadataEntry& a, const MetadataEntry& b) { return a.path < b.path; });
  return entries;
}

}  // namespace

std::vector<MetadataEntry> write_metadata(const MetadataRequest& request) {
  const Remote remote = parse_remote(request.remote);
  // The address of a local repository is a path of this machine.
  std::optional<std::string> url;
  if (remote.scheme != Scheme::kFile) url = remote.for_git();
  const Names names = names_of(is_ref_name(request.ref) ? request.ref : "", url.has_value());
  try {
    fs::create_directories(request.folder);
    write_refs(request, names);
    write(request.folder / "config", configuration(url, names));
    write(request.folder / "info" / "attributes", kFileAttributes);
    if (!request.history.shallow.empty()) {
      std::string shallow;
      for (const std::string& id : request.history.shallow) shallow += id + "\n";
      write(request.folder / "shallow", shallow);
    }
    const Builder builder(request);
    builder.write_pack();
    builder.write_index();
    return list(request.folder);
  } catch (const fs::filesystem_error& error) {
    throw_errno("making the .git folder in " + in_quotes(request.folder.native()), error.code().value());
  }
}

}  // namespace penstock::git
