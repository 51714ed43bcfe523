#include <algorithm>
#include <cstring>
#include <exception>
#include <fstream>
#include <stop_token>
#include <system_error>
#include <utility>

#include "core/base/digest.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/command.h"
#include "core/git/entry_names.h"
#include "core/git/fetch_errors.h"
#include "core/git/snapshot_state.h"
#include "core/git/tree.h"

namespace penstock::git {
namespace {

// Far above any repository that people work with, and low enough that a crafted one (a tree of trees that are all the
// same tree, a few KB in all) cannot use up the machine.
constexpr std::size_t kMaxFiles = 1'000'000;
constexpr std::size_t kMaxFolders = 300'000;
constexpr std::size_t kMaxPathBytesInAll = 512u << 20;
constexpr std::size_t kMaxPathBytes = 60'000;  // a zip's names end at 65,535
constexpr std::size_t kPieceBytes = 1u << 20;
constexpr std::uint64_t kStreamedBytes = 32u << 20;  // blobs above this are never held whole
constexpr std::size_t kMaxMessageBytes = 1u << 20;

std::string id_text(const git_oid& id) {
  char text[GIT_OID_HEXSZ + 1];
  git_oid_tostr(text, sizeof text, &id);
  return text;
}

git_oid id_from_hex(const std::string& text) {
  git_oid id;
  if (text.size() != GIT_OID_HEXSZ || git_oid_fromstr(&id, text.c_str()) != 0)
    throw Error(ErrorKind::kInvalidInput, "reading the object id " + in_quotes(text) + ": expected 40 hex digits");
  return id;
}

git_oid id_from_bytes(std::string_view bytes) {
  git_oid id;
  std::memcpy(id.id, bytes.data(), sizeof id.id);
  return id;
}

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

[[noreturn]] void refuse_size(const std::string& what) {
  throw Error(ErrorKind::kInvalidInput, "reading the commit's files: there are more than " + what);
}

// Walks the trees below `root` without recursion, in no particular order. `read(id, folder)` gives a tree's object;
// `on_tree(prefix, entries)` sees what is in it, with `prefix` empty or ending in '/', and returns whether to go on.
template <typename Read, typename OnTree>
void walk(const git_oid& root, const Read& read, const OnTree& on_tree) {
  struct Pending {
    git_oid id;
    std::string prefix;
  };
  std::vector<Pending> pending;
  pending.push_back({root, ""});
  std::size_t folders = 1, files = 0, path_bytes = 0;
  while (!pending.empty()) {
    const Pending tree = std::move(pending.back());
    pending.pop_back();
    const OdbObjectHandle object = read(tree.id, tree.prefix);
    const std::vector<RawTreeEntry> entries =
        parse_tree({static_cast<const char*>(git_odb_object_data(object.get())), git_odb_object_size(object.get())});
    for (const RawTreeEntry& entry : entries) {
      const std::size_t length = tree.prefix.size() + entry.name.size();
      path_bytes += length;
      if (length > kMaxPathBytes) refuse_size(std::to_string(kMaxPathBytes) + " bytes in a path");
      if (path_bytes > kMaxPathBytesInAll) refuse_size(std::to_string(kMaxPathBytesInAll >> 20) + " MiB of names");
      if (entry.mode >> 12 != 04) {
        if (++files > kMaxFiles) refuse_size(std::to_string(kMaxFiles) + " files");
        continue;
      }
      if (++folders > kMaxFolders) refuse_size(std::to_string(kMaxFolders) + " folders");
      pending.push_back({id_from_bytes(entry.id), tree.prefix + std::string(entry.name) + "/"});
    }
    if (!on_tree(tree.prefix, entries)) return;
  }
}

void refuse_unsafe_names(const std::string& prefix, const std::vector<RawTreeEntry>& entries) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const RawTreeEntry& entry : entries) {
    if (const auto fault = find_name_fault(entry.name)) {
      throw Error(ErrorKind::kInvalidInput, "reading the commit's files: the entry " +
                                                in_quotes(prefix + std::string(entry.name)) + " is refused, it has " +
                                                std::string(*fault))
          .with_code("UnsafeTreeEntry");
    }
    names.push_back(entry.name);
  }
  // All names of one folder at once: git sorts a folder "a" after a file "a.b", so a file and a folder of the same name
  // need not be neighbours.
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    throw Error(ErrorKind::kInvalidInput, "reading the commit's files: the entry " +
                                              in_quotes(prefix + std::string(*twice)) +
                                              " is refused, it is there twice")
        .with_code("UnsafeTreeEntry");
  }
}

EntryKind kind_of_mode(std::uint32_t mode, const std::string& path) {
  switch (mode & 0170000) {
    case 0100000:
      return (mode & 0100) != 0 ? EntryKind::kExecutable : EntryKind::kFile;
    case 0120000:
      return EntryKind::kSymlink;
    case 0160000:
      return EntryKind::kSubmodule;
    default:
      throw Error(ErrorKind::kInvalidInput,
                  "reading the commit's files: the entry " + in_quotes(path) + " is neither file, link nor folder")
          .with_code("UnsafeTreeEntry");
  }
}

}  // namespace

Snapshot::State::State(std::filesystem::path mirror_folder, const std::string& revision)
    : folder(std::move(mirror_folder)), requested(revision) {
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

// Packs only: our fetches make nothing else, and libgit2 1.5 never returns from inflating a loose object that was cut
// off (its loop takes Z_BUF_ERROR for progress).
void Snapshot::State::open_objects() const {
  const std::string doing = "opening the mirror's objects";
  git_odb* database = nullptr;
  check(git_odb_new(&database), doing);
  OdbHandle opened_odb(database);
  git_odb_backend* packs = nullptr;
  check(git_odb_backend_pack(&packs, (folder / "objects").c_str()), doing);
  const int added = git_odb_add_backend(database, packs, 1);
  if (added < 0) {
    packs->free(packs);
    throw take_error(added, doing);
  }
  git_repository* opened = nullptr;
  check(git_repository_wrap_odb(&opened, database), doing);
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
  std::error_code ignored;
  if (!std::filesystem::exists(folder, ignored)) {
    throw Error(ErrorKind::kUnavailable, std::string(error.what()) + "; the mirror was replaced meanwhile, try again");
  }
  std::ofstream(folder / kDamagedMarker) << error.what() << '\n';
  throw Error(ErrorKind::kCorrupt, std::string(error.what()) + "; the next fetch replaces the damaged mirror");
}

bool Snapshot::State::is_complete() const {
  bool complete = true;
  try {
    walk(
        id_from_hex(commit.tree_id),
        [&](const git_oid& id, const std::string& folder_name) {
          git_odb_object* object = nullptr;
          check(git_odb_read(&object, odb.get(), &id), "reading the folder " + in_quotes(folder_name));
          return OdbObjectHandle(object);
        },
        [&](const std::string&, const std::vector<RawTreeEntry>& entries) {
          for (const RawTreeEntry& entry : entries) {
            const std::uint32_t type = entry.mode >> 12;
            if (type == 04 || type == 016) continue;
            const git_oid id = id_from_bytes(entry.id);
            if (git_odb_exists(odb.get(), &id) == 0) complete = false;
          }
          return complete;
        });
  } catch (const Error& error) {
    // A malformed or oversized tree is whole: fetching it again brings the same.
    return error.kind() == ErrorKind::kInvalidInput;
  }
  return complete;
}

Snapshot::Snapshot(std::unique_ptr<State> state) : state_(std::move(state)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

const Commit& Snapshot::commit() const {
  return state_->commit;
}

std::vector<TreeEntry> Snapshot::entries() const {
  std::vector<TreeEntry> result;
  walk(
      id_from_hex(state_->commit.tree_id),
      [&](const git_oid& id, const std::string& folder) { return state_->read(id, folder.empty() ? "/" : folder); },
      [&](const std::string& prefix, const std::vector<RawTreeEntry>& entries) {
        refuse_unsafe_names(prefix, entries);
        for (const RawTreeEntry& entry : entries) {
          if (entry.mode >> 12 == 04) continue;
          TreeEntry file;
          file.path = prefix + std::string(entry.name);
          file.kind = kind_of_mode(entry.mode, file.path);
          file.object_id = id_text(id_from_bytes(entry.id));
          result.push_back(std::move(file));
        }
        return true;
      });
  std::sort(result.begin(), result.end(), [](const TreeEntry& a, const TreeEntry& b) { return a.path < b.path; });
  return result;
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
    return Snapshot(std::make_unique<State>(state_->folder, state_->requested));
  } catch (const Error& error) {
    // The commit was here, so that it is not is damage, or the end of this mirror.
    state_->fail(error.kind() == ErrorKind::kNotFound ? Error(ErrorKind::kCorrupt, error.what()) : error);
  }
}

}  // namespace penstock::git
