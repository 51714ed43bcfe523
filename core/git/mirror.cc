#include "core/git/mirror.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/base_commit.h"
#include "core/git/command.h"
#include "core/git/fetch.h"
#include "core/git/mirror_quota.h"
#include "core/git/mirror_upkeep.h"
#include "core/git/snapshot_state.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kFetchedRef = "refs/penstock/fetched";
// How many commits one fetch brings for those who wait.
constexpr std::size_t kSharedFetch = 8;
static_assert(kSharedFetch < kKeptRefs);

// Each mirror has a folder with a name of its own below the remote's folder, and a replacement gets another name:
// libgit2 shares open packs by path, so that readers of the damaged mirror would hand its bytes to readers of the new
// one.
std::optional<fs::path> current_mirror(const fs::path& remote_folder) {
  std::error_code ignored;
  std::optional<fs::path> newest;
  for (fs::directory_iterator entry(remote_folder, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->path().extension() == ".git" && (!newest || *newest < entry->path())) newest = entry->path();
  }
  return newest;
}

// A fresh repository, renamed when it is whole. Others in the remote's folder are in nobody's use.
fs::path create_mirror(const fs::path& remote_folder) {
  std::error_code ignored;
  for (fs::directory_iterator entry(remote_folder, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->path().filename().native().find(".git") != std::string::npos) fs::remove_all(entry->path(), ignored);
  }
  const fs::path mirror = remote_folder / (make_uuid_v7(SystemClock()) + ".git");
  const fs::path draft = mirror.native() + ".new";
  ProcessOptions process;
  process.argv = {"git", "init", "--quiet", "--bare", "--template=", "--", draft.native()};
  process.environment = git_environment(draft);
  process.environment.erase("GIT_DIR");
  process.timeout = milliseconds(60000);
  const ProcessResult result = run_process(process);
  std::error_code error;
  if (result.succeeded()) {
    fs::rename(draft, mirror, error);
    if (!error) return mirror;
  }
  const FetchDiagnosis diagnosis = diagnose_fetch(result.standard_error);
  fs::remove_all(draft, ignored);
  throw Error(diagnosis.fault == FetchFault::kDiskFull ? ErrorKind::kExhausted : ErrorKind::kConfiguration,
              "making the mirror " + in_quotes(mirror.native()) + ": " + (error ? error.message() : diagnosis.detail));
}

// Renamed first: what is half removed must not be taken for a mirror.
void discard_mirror(const fs::path& mirror) {
  const fs::path grave = mirror.native() + ".old";
  std::error_code error;
  fs::rename(mirror, grave, error);
  if (error && error != std::errc::no_such_file_or_directory)
    throw_errno("replacing the mirror " + in_quotes(mirror.native()), error.value());
  std::error_code ignored;
  fs::remove_all(grave, ignored);
}

bool is_repository(const fs::path& mirror) {
  std::error_code ignored;
  std::string head;
  std::getline(std::ifstream(mirror / "HEAD"), head);
  return head.starts_with("ref: ") && fs::is_directory(mirror / "objects", ignored) &&
         fs::is_directory(mirror / "refs", ignored) && !fs::exists(mirror / kDamagedMarker, ignored);
}

Error revision_missing(const FetchRequest& request, const Remote& remote, const std::string& cause) {
  const std::string what = request.commit_id.empty() ? request.ref : request.commit_id;
  return Error(ErrorKind::kNotFound,
               "fetching " + in_quotes(what) + " from " + in_quotes(remote.for_git()) + ": " + cause)
      .with_code("RevisionNotFound");
}

FetchRequest checked(const FetchRequest& request) {
  FetchRequest result = request;
  result.commit_id = to_lower(trim(request.commit_id));
  if (!result.commit_id.empty() && !is_object_id(result.commit_id)) {
    throw Error(ErrorKind::kInvalidInput,
                "fetching the commit " + in_quotes(request.commit_id) + ": expected 40 hexadecimal digits");
  }
  if (result.commit_id.find_first_not_of('0') == std::string::npos && !result.commit_id.empty())
    throw Error(ErrorKind::kInvalidInput, "fetching the commit: the id is all zeros, the branch was deleted");
  if (!result.ref.empty() && !is_ref_name(result.ref)) {
    throw Error(ErrorKind::kInvalidInput,
                "fetching the ref " + in_quotes(request.ref) + ": expected a full name such as refs/heads/main");
  }
  if (result.base) {
    result.base->commit_id = to_lower(trim(request.base->commit_id));
    if (!result.base->commit_id.empty() && !is_object_id(result.base->commit_id)) {
      throw Error(ErrorKind::kInvalidInput, "comparing with the commit " + in_quotes(request.base->commit_id) +
                                                ": expected 40 hexadecimal digits");
    }
    if (!result.base->branch.empty() && !is_ref_name(result.base->branch)) {
      throw Error(ErrorKind::kInvalidInput, "comparing with the branch " + in_quotes(request.base->branch) +
                                                ": expected a full name such as refs/heads/main");
    }
  }
  if (result.commit_id.empty() && result.ref.empty())
    throw Error(ErrorKind::kInvalidInput, "fetching: neither a commit nor a ref is named");
  return result;
}

// To git, a sign-in page of one line is a repository of the old kind without any ref. Asking for an id tells the two
// apart: a real server says that it has no such object.
void refuse_sign_in_page(const fs::path& mirror, const Remote& remote, const Fetcher& fetcher) {
  if (remote.scheme != Scheme::kHttps && remote.scheme != Scheme::kHttp) return;
  const std::string nobodys_id(40, '1');
  const auto diagnosis = fetcher.fetch(mirror, "--depth=1", "+" + nobodys_id + ":refs/penstock/probe");
  if (diagnosis && diagnosis->fault == FetchFault::kSignInPage) throw make_fetch_error(*diagnosis, remote.for_git());
}

}  // namespace

struct Mirrors::State {
  Options options;

  FileLock lock(const fs::path& remote_folder, const FetchRequest& request, steady_clock::time_point deadline) const;
  // The commit when it is here; git has seen to it that all of it is. Error{kCorrupt} when it is here and broken.
  static std::unique_ptr<Snapshot::State> find(const fs::path& mirror, const std::string& id);
  static std::unique_ptr<Snapshot::State> find_fetched(const fs::path& mirror, const std::string& id);
  static std::unique_ptr<Snapshot::State> find_without_lock(const fs::path& remote_folder, const std::string& id);
  std::unique_ptr<Snapshot::State> fetch_once(const fs::path& remote_folder, const FetchRequest& request,
                                              const Remote& remote, const Fetcher& fetcher,
                                              steady_clock::time_point deadline);
  std::vector<std::string> refspecs(const fs::path& mirror, const std::string& commit_id);
  std::unique_ptr<Snapshot::State> fetch_through_ref(const fs::path& mirror, const FetchRequest& request,
                                                     const Remote& remote, const Fetcher& fetcher) const;
  std::string fetched_id(const fs::path& mirror) const;
  void look_after_quota(const fs::path& spared);

  // Starting libgit2 takes as long as git takes to start (it reads all the system's certificates), so it begins at once
  // and beside that; whoever needs it waits.
  std::jthread library_starter{[] {
    try {
      start_library();
    } catch (const Error&) {
      // Tried again, and told, where it is needed.
    }
  }};
  std::mutex mutex;
  std::optional<steady_clock::time_point> quota_seen;  // guarded by mutex
  // The commits that this process's jobs wait for, by the remote's folder: who comes first brings them all. Guarded by
  // mutex.
  std::map<fs::path, std::multiset<std::string>> waited_for;
};

// Makes a commit known as wanted for as long as it lives.
class Wanted {
 public:
  Wanted(Mirrors::State& state, fs::path remote_folder, std::string commit_id)
      : state_(state), remote_folder_(std::move(remote_folder)), commit_id_(std::move(commit_id)) {
    const std::lock_guard lock(state_.mutex);
    if (!commit_id_.empty()) state_.waited_for[remote_folder_].insert(commit_id_);
  }
  Wanted(const Wanted&) = delete;
  Wanted& operator=(const Wanted&) = delete;
  ~Wanted() {
    const std::lock_guard lock(state_.mutex);
    const auto of_remote = state_.waited_for.find(remote_folder_);
    if (commit_id_.empty() || of_remote == state_.waited_for.end()) return;
    of_remote->second.erase(of_remote->second.find(commit_id_));
    if (of_remote->second.empty()) state_.waited_for.erase(of_remote);
  }

 private:
  Mirrors::State& state_;
  const fs::path remote_folder_;
  const std::string commit_id_;
};

// What to ask the server for: the commit, and those that others wait for.
std::vector<std::string> Mirrors::State::refspecs(const fs::path& mirror, const std::string& commit_id) {
  std::set<std::string> ids = {commit_id};
  {
    const std::lock_guard lock(mutex);
    for (const std::string& other : waited_for[mirror.parent_path()]) {
      if (ids.size() < kSharedFetch) ids.insert(other);
    }
  }
  std::vector<std::string> refspecs;
  std::error_code ignored;
  for (const std::string& id : ids) {
    const std::string ref = std::string(kCommitRefs) + id;
    if (id == commit_id || !fs::exists(mirror / ref, ignored)) refspecs.push_back("+" + id + ":" + ref);
  }
  return refspecs;
}

// A job waits its turn in short steps, so that a stop is noticed.
FileLock Mirrors::State::lock(const fs::path& remote_folder, const FetchRequest& request,
                              steady_clock::time_point deadline) const {
  constexpr milliseconds kStep{250};
  const auto give_up = std::min(deadline, steady_clock::now() + options.lock_timeout);
  while (true) {
    if (request.stop.stop_requested())
      throw Error(ErrorKind::kCancelled, "waiting for the mirror of another job's repository: stopped");
    try {
      return FileLock::acquire(remote_folder / "lock", kStep);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTimeout) throw;
      if (steady_clock::now() >= give_up) {
        throw Error(ErrorKind::kTimeout, "waiting for the mirror " + in_quotes(remote_folder.native()) +
                                             ": another job holds it for too long");
      }
    }
  }
}

std::unique_ptr<Snapshot::State> Mirrors::State::find(const fs::path& mirror, const std::string& id) {
  try {
    return std::make_unique<Snapshot::State>(mirror, id);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kNotFound) return nullptr;
    throw;
  }
}

// What was fetched by its id, as long as its ref is kept: told without opening the mirror.
std::unique_ptr<Snapshot::State> Mirrors::State::find_fetched(const fs::path& mirror, const std::string& id) {
  std::error_code ignored;
  return fs::exists(mirror / kCommitRefs / id, ignored) ? find(mirror, id) : nullptr;
}

std::unique_ptr<Snapshot::State> Mirrors::State::find_without_lock(const fs::path& remote_folder,
                                                                   const std::string& id) {
  const auto mirror = id.empty() ? std::nullopt : current_mirror(remote_folder);
  if (!mirror || !is_repository(*mirror)) return nullptr;
  try {
    auto state = find_fetched(*mirror, id);
    if (state) note_use(remote_folder);
    return state;
  } catch (const Error&) {
    return nullptr;  // damaged, or just being replaced: seen again under the lock
  }
}

std::unique_ptr<Snapshot::State> Mirrors::State::fetch_once(const fs::path& remote_folder, const FetchRequest& request,
                                                            const Remote& remote, const Fetcher& fetcher,
                                                            steady_clock::time_point deadline) {
  const auto current = current_mirror(remote_folder);
  const fs::path mirror = current && is_repository(*current) ? *current : create_mirror(remote_folder);
  remove_leftovers(mirror);
  if (request.commit_id.empty()) return fetch_through_ref(mirror, request, remote, fetcher);
  if (auto state = find_fetched(mirror, request.commit_id)) return state;

  const std::vector<std::string> all = refspecs(mirror, request.commit_id);
  auto diagnosis = fetcher.fetch(mirror, "--depth=1", all);
  // One that cannot be had fails them all.
  if (diagnosis && all.size() > 1) {
    diagnosis = fetcher.fetch(mirror, "--depth=1",
                              "+" + request.commit_id + ":" + std::string(kCommitRefs) + request.commit_id);
  }
  if (!diagnosis) {
    forget_old_refs(mirror);
    tidy_packs(mirror, options.prune_bytes, deadline);
    if (auto state = find(mirror, request.commit_id)) return state;
    throw Error(ErrorKind::kInternal,
                "fetching the commit " + request.commit_id + ": git says it came, it is not here");
  }
  // Servers word their refusal of an id in their own ways, so an unknown failure is worth a second look by ref; if that
  // fails too, it says why.
  const bool refused = diagnosis->fault == FetchFault::kIdRefused || diagnosis->fault == FetchFault::kUnknown;
  if (refused && !request.ref.empty()) return fetch_through_ref(mirror, request, remote, fetcher);
  throw make_fetch_error(*diagnosis, remote.for_git());
}

// By the ref, and deeper until the wanted commit comes along: the branch may have moved on.
std::unique_ptr<Snapshot::State> Mirrors::State::fetch_through_ref(const fs::path& mirror, const FetchRequest& request,
                                                                   const Remote& remote, const Fetcher& fetcher) const {
  const std::string refspec = "+" + request.ref + ":" + std::string(kFetchedRef);
  for (const char* depth : {"--depth=1", "--depth=50", "--depth=500", "--unshallow"}) {
    const auto diagnosis = fetcher.fetch(mirror, depth, refspec);
    if (diagnosis) {
      if (std::string_view(depth) == "--unshallow" &&
          diagnosis->detail.find("on a complete repository") != std::string::npos)
        break;  // all history is here already
      if (diagnosis->fault == FetchFault::kRefMissing) {
        refuse_sign_in_page(mirror, remote, fetcher);
        throw revision_missing(request, remote, "the server has no " + in_quotes(request.ref));
      }
      throw make_fetch_error(*diagnosis, remote.for_git());
    }
    const std::string wanted = request.commit_id.empty() ? fetched_id(mirror) : request.commit_id;
    if (auto state = find(mirror, wanted)) return state;
    if (request.commit_id.empty())
      throw Error(ErrorKind::kInternal, "fetching " + in_quotes(request.ref) + ": git says it came, it is not here");
  }
  throw revision_missing(request, remote,
                         "the server does not give it out by its id, and it is not in the history of " +
                             in_quotes(request.ref) + " (removed by a force push?)");
}

std::string Mirrors::State::fetched_id(const fs::path& mirror) const {
  return std::string(trim(read_file(mirror / kFetchedRef, 1024)));
}

void Mirrors::State::look_after_quota(const fs::path& spared) {
  if (options.quota_bytes == 0) return;
  {
    const std::lock_guard lock(mutex);
    const auto now = steady_clock::now();
    if (quota_seen && now - *quota_seen < options.quota_interval) return;
    quota_seen = now;
  }
  keep_quota(options.directory, options.quota_bytes, spared);
}

Mirrors::Mirrors(Options options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  std::error_code error;
  fs::create_directories(state_->options.directory, error);
  if (error) throw_errno("making the folder " + in_quotes(state_->options.directory.native()), error.value());
  state_->options.directory = fs::canonical(state_->options.directory);
  fs::permissions(state_->options.directory, fs::perms::owner_all, error);  // sources are nobody else's business
  fs::create_directories(state_->options.directory / kNoCertificates, error);
  remove_stale_ssh_folders();
}

Mirrors::~Mirrors() = default;

Snapshot Mirrors::fetch(const FetchRequest& request) {
  if (!state_->options.on_fetch) return fetch_unobserved(request);
  const auto begin = steady_clock::now();
  try {
    Snapshot snapshot = fetch_unobserved(request);
    state_->options.on_fetch(nullptr, steady_clock::now() - begin);
    return snapshot;
  } catch (const Error& error) {
    state_->options.on_fetch(&error, steady_clock::now() - begin);
    throw;
  }
}

Snapshot Mirrors::fetch_unobserved(const FetchRequest& unchecked) {
  const FetchRequest request = checked(unchecked);
  const Remote remote = parse_remote(request.remote);
  const auto deadline = steady_clock::now() + request.timeout;
  const Fetcher fetcher(state_->options, request, remote, deadline);
  const fs::path remote_folder = folder_of(request.remote);
  std::error_code made;
  fs::create_directories(remote_folder, made);
  if (made) throw_errno("making the folder " + in_quotes(remote_folder.native()), made.value());

  // What is here already is read without waiting for those who fetch.
  const bool known_base = !request.base || request.base->is_known();
  if (!request.history && known_base) {
    auto state = state_->find_without_lock(remote_folder, request.commit_id);
    if (state && request.base && state->tree_of(request.base->commit_id)) state->base = request.base->commit_id;
    if (state && (!request.base || !state->base.empty())) return Snapshot(std::move(state));
  }
  const Wanted wanted(*state_, remote_folder, request.commit_id);
  std::optional<FileLock> lock = state_->lock(remote_folder, request, deadline);
  note_use(remote_folder);
  // One repetition on a fresh mirror when ours turns out to be damaged, one after a lock file was in the way.
  for (int attempt = 1;; ++attempt) {
    try {
      auto state = state_->fetch_once(remote_folder, request, remote, fetcher, deadline);
      if (request.history) state->history = fetch_history(state->folder, state->commit.id, fetcher);
      if (request.base) {
        state->base = fetch_base(state->folder, state->commit.id, *request.base, fetcher);
        if (!state->tree_of(state->base)) state->base.clear();  // an id that is no commit's
      }
      lock.reset();
      state_->look_after_quota(remote_folder);
      return Snapshot(std::move(state));
    } catch (const Error& error) {
      const bool stale = error.code() == "StaleLock";
      if (attempt > 1 || (error.kind() != ErrorKind::kCorrupt && !stale)) throw;
      if (request.on_progress)
        request.on_progress(stale ? "removing the lock of an interrupted fetch"
                                  : "the mirror is damaged, fetching it anew");
      const auto damaged = current_mirror(remote_folder);
      if (!stale && damaged) discard_mirror(*damaged);
    }
  }
}

std::uint64_t Mirrors::size_on_disk() const {
  return git::size_on_disk(state_->options.directory);
}

fs::path Mirrors::folder_of(const std::string& remote) const {
  return state_->options.directory / sha256_hex(parse_remote(remote).normalized());
}

struct SnapshotPool::State {
  explicit State(const Snapshot& snapshot) : first(snapshot.reopen()) {}

  Snapshot take() {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        Snapshot snapshot = std::move(idle.back());
        idle.pop_back();
        return snapshot;
      }
    }
    return first.reopen();
  }
  void give_back(Snapshot snapshot) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(snapshot));
  }

  const Snapshot first;  // only reopened, which reads nothing that changes
  std::mutex mutex;
  std::vector<Snapshot> idle;
};

SnapshotPool::SnapshotPool(const Snapshot& snapshot) : state_(std::make_unique<State>(snapshot)) {}
SnapshotPool::~SnapshotPool() = default;

std::uint64_t SnapshotPool::blob_size(const std::string& object_id) const {
  Snapshot snapshot = state_->take();
  const std::uint64_t size = snapshot.blob_size(object_id);
  state_->give_back(std::move(snapshot));
  return size;
}

void SnapshotPool::read_blob(const std::string& object_id, const std::function<void(std::string_view)>& piece) const {
  Snapshot snapshot = state_->take();
  snapshot.read_blob(object_id, piece);
  state_->give_back(std::move(snapshot));
}

}  // namespace penstock::git
