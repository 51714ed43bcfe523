#include "core/git/lfs.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include <sys/statvfs.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/base/wake.h"
#include "core/git/lfs_cache.h"
#include "core/git/lfs_transfer.h"
#include "core/git/remote.h"
#include "core/http/transport.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::hours kSweepInterval{1};
constexpr std::chrono::seconds kReportInterval{2};

void check_lfs_policy(const Remote& remote, const Credential& credential) {
  const auto refuse = [&](const std::string& cause, std::string code = "") {
    throw Error(ErrorKind::kConfiguration, "fetching LFS objects from " + in_quotes(remote.for_git()) + ": " + cause)
        .with_code(std::move(code));
  };
  if (remote.scheme != Scheme::kHttps && remote.scheme != Scheme::kHttp)
    refuse("LFS objects come over https only; set the remote to its https address and use a token");
  if (std::holds_alternative<SshKeyCredential>(credential))
    refuse("an SSH key cannot log in over https; use a token", "CredentialUnsuitable");
  if (remote.scheme == Scheme::kHttp && !is_loopback(remote.host))
    refuse("plain http is only allowed to loopback addresses; use https");
  if (const auto* header = std::get_if<HttpHeaderCredential>(&credential)) {
    const std::string_view value = header->authorization.reveal();
    if (value.empty() || value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
      refuse("the credential is empty or has a line break in it");
  }
}

// It becomes a path.
void check_pointer(const LfsPointer& pointer) {
  if (pointer.oid.size() == 64 && pointer.oid.find_first_not_of("0123456789abcdef") == std::string::npos) return;
  throw Error(ErrorKind::kInternal, "fetching the LFS object " + in_quotes(pointer.oid) + ": not an object id");
}

std::string printable_size(std::uint64_t bytes) {
  static constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  double value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[40];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::uint64_t total_size(const std::vector<const LfsObject*>& objects) {
  std::uint64_t total = 0;  // sizes are below 2^63, so that one sum at a time cannot wrap
  for (const LfsObject* object : objects) {
    if (total > UINT64_MAX / 2) break;
    total += object->pointer.size;
  }
  return total;
}

// Better now than after gigabytes.
void check_room(const LfsRequest& request, std::uint64_t bytes, std::uint64_t max_bytes) {
  const std::string doing = "fetching LFS objects into " + in_quotes(request.folder.native()) + ": ";
  if (max_bytes != 0 && bytes > max_bytes) {
    throw Error(ErrorKind::kExhausted, doing + printable_size(bytes) + " are needed, at most " +
                                           printable_size(max_bytes) + " are allowed for one commit")
        .with_code("LfsTooLarge");
  }
  struct statvfs status {};
  if (::statvfs(request.folder.c_str(), &status) != 0) return;
  const std::uint64_t room = std::uint64_t{status.f_bavail} * status.f_frsize;
  if (bytes > room) {
    throw Error(ErrorKind::kExhausted,
                doing + printable_size(bytes) + " are needed, the disk has room for " + printable_size(room))
        .with_code("DiskFull");
  }
}

// Lines for the job's log, not too many. One thread at a time.
class Progress {
 public:
  Progress(const LfsRequest& request, const std::vector<const LfsObject*>& objects)
      : request_(request), objects_(objects.size()), bytes_(total_size(objects)) {
    say("fetching " + std::to_string(objects_) + (objects_ == 1 ? " LFS object (" : " LFS objects (") +
        printable_size(bytes_) + ")");
  }
  void came(const LfsObject& object) {
    ++came_;
    came_bytes_ += object.pointer.size;
    const auto now = steady_clock::now();
    if (came_ < objects_ && now - said_ < kReportInterval) return;
    said_ = now;
    say("LFS: " + std::to_string(came_) + "/" + std::to_string(objects_) + " objects, " + printable_size(came_bytes_) +
        " of " + printable_size(bytes_));
  }

 private:
  void say(const std::string& line) const {
    if (request_.on_progress) request_.on_progress(line);
  }
  const LfsRequest& request_;
  const std::size_t objects_;
  const std::uint64_t bytes_;
  std::size_t came_ = 0;
  std::uint64_t came_bytes_ = 0;
  steady_clock::time_point said_ = steady_clock::now();
};

// The objects that some call of this process is downloading, by their paths.
struct UnderWay {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::set<std::string> paths;  // guarded by mutex
  std::uint64_t releases = 0;   // guarded by mutex; rises whenever a path goes

  void forget(const std::string& path) {
    paths.erase(path);
    ++releases;
    changed.notify_all();
  }
};

// What one call has taken on itself to download. The others wait for it and look again; when it fails, they try
// themselves, with their own credential.
class Claims {
 public:
  Claims(UnderWay& under_way, const fs::path& folder) : under_way_(under_way), folder_(folder) {}
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;
  ~Claims() {
    const std::lock_guard lock(under_way_.mutex);
    for (const std::string& path : mine_) under_way_.forget(path);
  }

  // Those that nobody is downloading.
  std::vector<const LfsObject*> take(const std::vector<const LfsObject*>& wanted) {
    std::vector<const LfsObject*> taken;
    {
      const std::lock_guard lock(under_way_.mutex);
      releases_seen_ = under_way_.releases;
      for (const LfsObject* object : wanted) {
        const std::string path = path_of(*object);
        // The same object with two sizes: one of them is wrong, and both get their answer.
        if (!mine_.contains(path) && !under_way_.paths.insert(path).second) continue;
        mine_.insert(path);
        taken.push_back(object);
      }
    }
    // Somebody may have brought it since it was looked for.
    std::erase_if(taken, [&](const LfsObject* object) {
      const bool is_here = has_lfs_object(folder_, object->pointer);
      if (is_here) release(*object);
      return is_here;
    });
    return taken;
  }

  void release(const LfsObject& object) {
    const std::lock_guard lock(under_way_.mutex);
    const std::string path = path_of(object);
    if (mine_.erase(path) > 0) under_way_.forget(path);
  }

  // Until one of those that were not taken is here or was given up.
  void wait_for_others(const std::stop_token& stop, steady_clock::time_point deadline) {
    std::unique_lock lock(under_way_.mutex);
    const auto released = [&] { return under_way_.releases != releases_seen_; };
    if (under_way_.changed.wait_until(lock, stop, deadline, released)) return;
    const std::string doing = "waiting for LFS objects that another job is fetching: ";
    if (stop.stop_requested()) throw Error(ErrorKind::kCancelled, doing + "stopped");
    throw Error(ErrorKind::kTimeout, doing + "not done in time");
  }

 private:
  std::string path_of(const LfsObject& object) const { return lfs_object_path(folder_, object.pointer.oid).native(); }

  UnderWay& under_way_;
  const fs::path& folder_;
  std::set<std::string> mine_;  // guarded by under_way_.mutex
  std::uint64_t releases_seen_ = 0;
};

std::vector<const LfsObject*> find_missing(const LfsRequest& request, std::size_t& different) {
  std::set<std::pair<std::string_view, std::uint64_t>> seen;
  std::vector<const LfsObject*> missing;
  for (const LfsObject& object : request.objects) {
    if (!seen.emplace(object.pointer.oid, object.pointer.size).second || is_empty_object(object.pointer)) continue;
    if (!has_lfs_object(request.folder, object.pointer)) missing.push_back(&object);
  }
  different = seen.size();
  return missing;
}

}  // namespace

struct LfsObjects::State {
  Options options;
  UnderWay under_way;
  std::mutex mutex;
  std::map<std::string, steady_clock::time_point> swept;  // guarded by mutex

  bool is_time_to_sweep(const fs::path& folder) {
    const std::lock_guard lock(mutex);
    const auto now = steady_clock::now();
    std::erase_if(swept, [&](const auto& entry) { return now - entry.second >= kSweepInterval; });
    return swept.emplace(folder.native(), now).second;
  }
};

LfsObjects::LfsObjects(Options options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  Options& own = state_->options;
  if (!own.transport) throw Error(ErrorKind::kInternal, "preparing for LFS: no HTTP transport");
  if (!own.random_unit) own.random_unit = random_unit;
  if (!own.sleep)
    own.sleep = [](milliseconds duration, const std::stop_token& stop) { Wake().wait_for(stop, duration); };
  own.parallel_downloads = std::max<std::size_t>(1, own.parallel_downloads);
}

LfsObjects::~LfsObjects() = default;

LfsResult LfsObjects::fetch(const LfsRequest& request) {
  const auto deadline = steady_clock::now() + request.timeout;
  for (const LfsObject& object : request.objects) check_pointer(object.pointer);
  LfsResult result;
  std::vector<const LfsObject*> missing = find_missing(request, result.objects);
  if (missing.empty()) return result;

  const Remote remote = parse_remote(request.remote);
  check_lfs_policy(remote, request.credential);
  std::error_code made;
  fs::create_directories(request.folder, made);
  if (made) throw_errno("making the folder " + in_quotes(request.folder.native()), made.value());
  if (state_->is_time_to_sweep(request.folder)) remove_leftover_drafts(request.folder);

  const auto is_here = [&](const LfsObject* object) { return has_lfs_object(request.folder, object->pointer); };
  while (!missing.empty()) {
    Claims claims(state_->under_way, request.folder);
    const std::vector<const LfsObject*> mine = claims.take(missing);
    if (mine.empty()) {
      if (std::erase_if(missing, is_here) == 0) claims.wait_for_others(request.stop, deadline);
      continue;
    }
    check_room(request, total_size(mine), state_->options.max_bytes);
    Progress progress(request, mine);
    LfsTransfer transfer(state_->options, request, remote, deadline, [&](const LfsObject& object) {
      ++result.downloaded;
      result.downloaded_bytes += object.pointer.size;
      claims.release(object);
      progress.came(object);
    });
    transfer.run(mine);
    std::erase_if(missing, is_here);
  }
  return result;
}

void LfsObjects::read(const fs::path& folder, const LfsPointer& pointer,
                      const std::function<void(std::string_view)>& piece) const {
  check_pointer(pointer);
  read_lfs_object(folder, pointer, piece);
}

}  // namespace penstock::git
