#include <algorithm>
#include <exception>
#include <fstream>
#include <stop_token>
#include <system_error>
#include <utility>

#include "core/base/digest.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/command.h"
#include "core/git/fetch_errors.h"
#include "core/git/remote.h"
#include "core/git/snapshot_state.h"
#include "core/git/tree.h"
#include "core/git/tree_walk.h"

namespace penstock::git {
namespace {

constexpr std::size_t kPieceBytes = 1u << 20;
constexpr std::uint64_t kStreamedBytes = 32u << 20;  // blobs above this are never held whole
constexpr std::size_t kMaxMessageBytes = 1u << 20;

std::string valid_text(const char* text, std::size_t limit = kMaxMessageBytes) {
  return text == nullptr ? "" : truncate_utf8(text, limit, limit);
}

Timestamp time_of(git_time_t seconds) {
  // Authors can write any number; 1 is the year 1, 2 the year 9999, the ends of RFC 3339.
  constexpr git_time_t kEarliest = -62'135'596'800, kLatest = 253'402'300'799;
  return from_milliseconds(std::clamp(seconds, kEarliest, kLatest) * 1000);
}

Commit read_commit(git_commit* commit) {
  const git_signature* author = git_commit_author(commit);
  const git_signature* committer = git_commit_committer(commit);
  Commit result;
  result.id = id_text(*git_commit_id(commit));
  result.tree_id = id_text(*git_commit_tree_id(commit));
  result.message = valid_text(git_commit_message(commit));
  result.summary = valid_text(git_commit_summary(commit));
  if (author != nullptr) {
    result.author_name = valid_text(author->name, 1000);
    result.author_email = valid_text(author->email, 1000);
    result.author_time = time_of(author->when.time);
  }
  if (committer != nullptr) result.committer_name = valid_text(committer->name, 1000);
  result.commit_time = time_of(git_commit_time(commit));
  return result;
}

// Whoever fetched a commit fetched all of it, so whatever keeps us from reading a part of it is damage.
Error damage(int code, const std::string& doing) {
  const Error error = take_error(code, doing);
  return Error(error.kind() == ErrorKind::kExhausted ? ErrorKind::kExhausted : ErrorKind::kCorrupt, error.what());
}

}  // namespace

std::filesystem::file_time_type pruned_at(const std::filesystem::path& mirror) noexcept {
  std::error_code missing;
  const auto time = std::filesystem::last_write_time(mirror / kPrunedNote, missing);
  return missing ? std::filesystem::file_time_type() : time;
}

void fail_damaged(const std::filesystem::path& mirror, std::filesystem::file_time_type pruned,
                  const std::string& message) {
  std::error_code ignored;
  if (!std::filesystem::exists(mirror, ignored))
    throw Error(ErrorKind::kUnavailable, message + "; the mirror was replaced meanwhile, try again");
  // What only older commits need is gone then, and that is no damage.
  if (pruned_at(mirror) != pruned)
    throw Error(ErrorKind::kUnavailable, message + "; the mirror was pruned meanwhile, try again");
  std::ofstream(mirror / kDamagedMarker) << message << '\n';
  throw Error(ErrorKind::kCorrupt, message + "; the next fetch replaces the damaged mirror");
}

Snapshot::State::State(std::filesystem::path mirror_folder, const std::string& revision)
    : folder(std::move(mirror_folder)), pruned(pruned_at(folder)), requested(revision) {
  open_objects();
  const git_oid id = id_from_hex(revision);
  const std::string doing = "reading the commit " + revision;
  git_object* found = nullptr;
  check(git_object_lookup(&found, repository.get(), &id, GIT_OBJECT_ANY), doing);
  const ObjectHandle object(found);
  git_object* peeled = nullptr;
  const int code = git_object_peel(&peeled, found, GIT_OBJECT_COMMIT);
  if (code == GIT_ENOTFOUND) throw Error(ErrorKind::kCorrupt, doing + ": the tag's commit is missing");
  if (code == GIT_EPEEL || code == GIT_EINVALIDSPEC)
    throw Error(ErrorKind::kInvalidInput, doing + ": this object is no commit");
  check(code, doing);
  const ObjectHandle peeled_object(peeled);
  git_commit* looked_up = nullptr;
  check(git_commit_lookup(&looked_up, repository.get(), git_object_id(peeled)), doing);
  const CommitHandle commit_handle(looked_up);
  commit = read_commit(looked_up);
}

void Snapshot::State::open_objects() const {
  OdbHandle opened_odb = open_packs(folder);
  git_repository* opened = nullptr;
  check(git_repository_wrap_odb(&opened, opened_odb.get()), "opening the mirror's objects");
  repository.reset(opened);
  odb = std::move(opened_odb);
}

OdbObjectHandle Snapshot::State::read(const git_oid& id, std::string_view what) const {
  git_odb_object* object = nullptr;
  if (git_odb_read(&object, odb.get(), &id) == 0) return OdbObjectHandle(object);
  // A pack that was merged into another one meanwhile is not damage.
  open_objects();
  const int code = git_odb_read(&object, odb.get(), &id);
  if (code == 0) return OdbObjectHandle(object);
  fail(damage(code, "reading " + in_quotes(what) + " (object " + id_text(id) + ")"));
}

void Snapshot::State::fail(Error error) const {
  if (error.kind() != ErrorKind::kCorrupt) throw error;
  fail_damaged(folder, pruned, error.what());
}

OdbObjectHandle Snapshot::State::find(const git_oid& id, git_object_t type) const {
  git_odb_object* object = nullptr;
  if (git_odb_read(&object, odb.get(), &id) != 0) return {};
  OdbObjectHandle found(object);
  return git_odb_object_type(object) == type ? std::move(found) : OdbObjectHandle();
}

std::optional<git_oid> Snapshot::State::tree_of(const std::string& commit_id) const {
  if (!is_object_id(commit_id)) return std::nullopt;
  const git_oid id = id_from_hex(commit_id);
  git_commit* found = nullptr;
  if (git_commit_lookup(&found, repository.get(), &id) != 0) return std::nullopt;
  const CommitHandle earlier(found);
  return *git_commit_tree_id(found);
}

TreeCursor::ReadTree Snapshot::State::tree_reader() const {
  return [this](const git_oid& id, const std::string& path) { return read(id, path.empty() ? "/" : path); };
}

Snapshot::Snapshot(std::unique_ptr<State> state) : state_(std::move(state)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

const Commit& Snapshot::commit() const {
  return state_->commit;
}

const History& Snapshot::history() const {
  return state_->history;
}

const std::string& Snapshot::base() const {
  return state_->base;
}

const std::filesystem::path& Snapshot::mirror() const {
  return state_->folder;
}

struct TreeWalk::State {
  TreeCursor files;
};

TreeWalk::TreeWalk(std::unique_ptr<State> state) : state_(std::move(state)) {}
TreeWalk::TreeWalk(TreeWalk&&) noexcept = default;
TreeWalk& TreeWalk::operator=(TreeWalk&&) noexcept = default;
TreeWalk::~TreeWalk() = default;

std::optional<TreeEntry> TreeWalk::next() {
  return state_->files.next();
}

const std::vector<std::string>& TreeWalk::case_clashes() const {
  return state_->files.case_clashes();
}

namespace {

// The tree of a folder below a root; nothing when there is none.
std::optional<git_oid> find_folder(git_oid root, std::string_view folder, const TreeCursor::ReadTree& read) {
  for (const std::string& name : split(folder, '/')) {
    if (name.empty()) continue;
    const OdbObjectHandle object = read(root, std::string(folder));
    if (!object) return std::nullopt;
    const std::vector<RawTreeEntry> entries = entries_of(object);
    const RawTreeEntry* found = find_entry(entries, name);
    if (found == nullptr || !is_folder(*found)) return std::nullopt;
    root = id_from_bytes(found->id);
  }
  return root;
}

}  // namespace

std::optional<TreeWalk> Snapshot::walk(const WalkOptions& options) const {
  const auto read = state_->tree_reader();
  const auto root = find_folder(id_from_hex(state_->commit.tree_id), options.folder, read);
  if (!root) return std::nullopt;
  TreeCursor::Options cursor{.on_folder = options.on_folder};
  if (const auto earlier_root = state_->tree_of(options.since)) {
    cursor.read_earlier = [state = state_.get()](const git_oid& id, const std::string&) {
      return state->find(id, GIT_OBJECT_TREE);
    };
    cursor.earlier = find_folder(*earlier_root, options.folder, cursor.read_earlier);
  }
  return TreeWalk(std::make_unique<TreeWalk::State>(TreeWalk::State{TreeCursor(*root, read, std::move(cursor))}));
}

std::optional<TreeEntry> Snapshot::find(std::string_view path) const {
  const std::size_t slash = path.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : path.substr(0, slash);
  const auto read = state_->tree_reader();
  const auto tree = find_folder(id_from_hex(state_->commit.tree_id), folder, read);
  if (!tree) return std::nullopt;
  const OdbObjectHandle object = read(*tree, std::string(folder));
  const std::vector<RawTreeEntry> entries = entries_of(object);
  const RawTreeEntry* found = find_entry(entries, path.substr(slash == std::string_view::npos ? 0 : slash + 1));
  if (found == nullptr || is_folder(*found)) return std::nullopt;
  return TreeEntry{.path = std::string(path),
                   .kind = kind_of_mode(found->mode, std::string(path)),
                   .object_id = id_text(id_from_bytes(found->id))};
}

std::uint64_t Snapshot::blob_size(const std::string& object_id) const {
  const git_oid id = id_from_hex(object_id);
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  int code = git_odb_read_header(&size, &type, state_->odb.get(), &id);
  if (code < 0) {
    state_->open_objects();
    code = git_odb_read_header(&size, &type, state_->odb.get(), &id);
  }
  if (code < 0) state_->fail(damage(code, "reading the object " + object_id));
  if (type != GIT_OBJECT_BLOB)
    throw Error(ErrorKind::kInvalidInput, "reading the object " + object_id + ": expected a file's content");
  return size;
}

void Snapshot::read_blob(const std::string& object_id, const std::function<void(std::string_view)>& piece) const {
  const std::uint64_t size = blob_size(object_id);
  if (size > kStreamedBytes) return stream_blob(object_id, size, piece);
  const OdbObjectHandle object = state_->read(id_from_hex(object_id), "a file");
  std::string_view rest(static_cast<const char*>(git_odb_object_data(object.get())), git_odb_object_size(object.get()));
  while (!rest.empty()) {
    piece(rest.substr(0, kPieceBytes));
    rest.remove_prefix(std::min(rest.size(), kPieceBytes));
  }
}

// libgit2 can only give out a packed object whole; git itself streams one that is not a delta. What comes is hashed, as
// libgit2 does with what it reads.
void Snapshot::stream_blob(const std::string& object_id, std::uint64_t size,
                           const std::function<void(std::string_view)>& piece) const {
  Hasher hasher(HashAlgorithm::kSha1);
  hasher.update("blob " + std::to_string(size) + std::string(1, '\0'));
  std::exception_ptr failure;
  std::stop_source stop;
  ProcessOptions options;
  options.argv = {"git", "cat-file", "blob", object_id};
  options.environment = git_environment(state_->folder);
  GitSettings settings;
  settings.set("core.bigFileThreshold", std::to_string(kStreamedBytes));
  settings.write_to(options.environment);
  options.timeout = std::chrono::hours(2);  // ends with the reader, which has its own deadline
  options.stop = stop.get_token();
  options.max_output_bytes = 1 << 16;
  options.on_output = [&](std::string_view bytes) {
    if (failure) return;
    try {
      hasher.update(bytes);
      piece(bytes);
    } catch (...) {
      failure = std::current_exception();
      stop.request_stop();
    }
  };
  const ProcessResult result = run_process(options);
  if (failure) std::rethrow_exception(failure);
  if (!result.succeeded()) {
    state_->fail(Error(ErrorKind::kCorrupt, "reading the object " + object_id +
                                                ": git cat-file: " + diagnose_fetch(result.standard_error).detail));
  }
  if (to_hex(hasher.finish()) != object_id)
    state_->fail(Error(ErrorKind::kCorrupt, "reading the object " + object_id + ": its content does not match its id"));
}

Snapshot Snapshot::reopen() const {
  try {
    auto state = std::make_unique<State>(state_->folder, state_->requested);
    state->pruned = state_->pruned;  // while it is being pruned, what is read again may go at any moment
    return Snapshot(std::move(state));
  } catch (const Error& error) {
    // The commit was here, so that it is not is damage, or the end of this mirror.
    state_->fail(error.kind() == ErrorKind::kNotFound ? Error(ErrorKind::kCorrupt, error.what()) : error);
  }
}

}  // namespace penstock::git
