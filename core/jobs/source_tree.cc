#include "core/jobs/source_tree.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/git/lfs_pointer.h"
#include "core/git/remote.h"
#include "core/git/submodules.h"
#include "core/jobs/credential_policy.h"
#include "core/jobs/submodule_policy.h"

namespace penstock::jobs {
namespace {

constexpr int kMaxSubmoduleDepth = 16;
constexpr std::size_t kMaxParts = 1'000;
constexpr unsigned kParallelFetches = 4;
constexpr std::size_t kMaxWarnings = 100;
constexpr std::size_t kMetadataSource = static_cast<std::size_t>(-1);
constexpr std::size_t kLfsIdDigits = 64;
constexpr std::uint64_t kMaxAttributesBytes = 100u << 20;  // git ignores larger ones as well

enum : std::size_t { kExportIgnore, kFilter };

archive::EntryKind kind_of(git::EntryKind kind) {
  switch (kind) {
    case git::EntryKind::kFile:
      return archive::EntryKind::kFile;
    case git::EntryKind::kExecutable:
      return archive::EntryKind::kExecutable;
    case git::EntryKind::kSymlink:
      return archive::EntryKind::kSymlink;
    case git::EntryKind::kSubmodule:
      return archive::EntryKind::kDirectory;
    case git::EntryKind::kUnchangedFolder:
      return archive::EntryKind::kUnchangedFolder;
  }
  return archive::EntryKind::kFile;
}

// Whether a link's target, read from the folder that the link is in, is outside of the artifact. By its text
// alone: what ".." means behind another link is not looked at.
bool leads_outside(std::string_view link, std::string_view target) {
  if (target.starts_with('/')) return true;
  std::ptrdiff_t depth = std::count(link.begin(), link.end(), '/');
  for (const std::string& part : split(target, '/')) {
    if (part == "..") --depth;
    if (!part.empty() && part != "." && part != "..") ++depth;
    if (depth < 0) return true;
  }
  return false;
}

[[noreturn]] void refuse(const std::string& what, const std::string& setting) {
  throw Error(ErrorKind::kInvalidInput, "reading the commit's files: " + what + ", which `artifact." + setting +
                                            ": refuse` forbids; `keep` would only warn")
      .with_code("UnsafeTreeEntry");
}

std::string content_of(const git::Snapshot& snapshot, const std::string& object_id) {
  std::string content;
  snapshot.read_blob(object_id, [&](std::string_view piece) { content += piece; });
  return content;
}

// Calls for each index below `count`, several at a time; the first exception is thrown when all have ended.
template <typename Call>
void for_each_in_parallel(std::size_t count, const Call& call) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        call(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min<std::size_t>(count, kParallelFetches); ++i) threads.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

struct SourceTree::Part {
  Part(std::string place, std::string address, git::Credential login, git::Snapshot commit)
      : prefix(std::move(place)),
        remote(std::move(address)),
        credential(std::move(login)),
        snapshot(std::move(commit)),
        blobs(snapshot) {}
  std::string path() const { return prefix.substr(0, prefix.empty() ? 0 : prefix.size() - 1); }

  const std::string prefix;  // in the artifact: empty, or ending in '/'
  const std::string remote;
  const git::Credential credential;
  const git::Snapshot snapshot;
  const git::SnapshotPool blobs;
  std::filesystem::path lfs_folder;
  std::map<std::string, git::LfsPointer> pointers;  // by path in the artifact
};

// The call's errors, with the submodule that they are about.
template <typename Call>
auto SourceTree::in_context_of(const Part& part, const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    if (part.prefix.empty()) throw;
    throw error.with_context("reading the submodule " + in_quotes(part.path()));
  }
}

struct SourceTree::Visit {
  std::size_t part = 0;
  std::string folder;  // of the part's tree: what is above the walk's paths; empty, or ending in '/'
  git::Attributes attributes{{"export-ignore", "filter"}};
  std::optional<git::TreeWalk> walk;
};

bool SourceTree::can_compare(const ArtifactOptions& options) noexcept {
  return options.submodules == ArtifactOptions::Submodules::kNone && !options.lfs && !options.export_ignore &&
         !options.git_metadata;
}

SourceTree::SourceTree(const Sources& sources, const ArtifactOptions& options, git::Snapshot snapshot)
    : sources_(sources),
      options_(options),
      folder_(folder_path(options.subdirectory)),
      selection_(options.include, options.exclude) {
  parts_.push_back(std::make_unique<Part>("", sources_.fetch.remote, sources_.fetch.credential, std::move(snapshot)));
  if (options_.submodules != ArtifactOptions::Submodules::kNone) add_submodules(0, 1);
  if (options_.lfs) fetch_lfs();
  if (options_.git_metadata) add_metadata();
}

SourceTree::~SourceTree() = default;

void SourceTree::add_submodules(std::size_t parent_index, int depth) {
  const Part& parent = *parts_[parent_index];
  struct Wanted {
    std::string place;  // in the artifact
    git::FetchRequest fetch;
    std::optional<git::Snapshot> snapshot;
  };
  std::vector<Wanted> wanted;
  const std::string above = parent_index == 0 && !folder_.empty() ? folder_ + "/" : "";
  const std::vector<git::Submodule> listed =
      in_context_of(parent, [&] { return git::read_submodules(parent.snapshot); });
  if (listed.empty()) return;
  std::optional<std::set<std::string>> exported;
  if (options_.export_ignore) exported = exported_submodules(parent_index);
  for (const git::Submodule& submodule : listed) {
    const auto entry = parent.snapshot.find(submodule.path);
    if (!entry || entry->kind != git::EntryKind::kSubmodule || !submodule.path.starts_with(above)) continue;
    const std::string place = parent.prefix + submodule.path.substr(above.size());
    if (selection_.leaves_out(place) || (exported && !exported->contains(place))) continue;
    try {
      git::FetchRequest fetch = sources_.fetch;
      fetch.remote = git::submodule_remote(parent.remote, submodule.url);
      fetch.commit_id = entry->object_id;
      fetch.ref = "HEAD";
      fetch.history = false;
      fetch.credential = credential_for(fetch.remote, CredentialUse::kCached);
      if (sources_.fetch.on_progress) {
        fetch.on_progress = [this, said = "submodule " + in_quotes(place) + ": "](std::string_view line) {
          const std::lock_guard lock(shared_mutex_);
          sources_.fetch.on_progress(said + std::string(line));
        };
      }
      wanted.push_back({place, std::move(fetch), std::nullopt});
    } catch (const Error& error) {
      throw error.with_context("fetching the submodule " + in_quotes(place));
    }
  }
  if (parts_.size() + wanted.size() > kMaxParts || (depth > kMaxSubmoduleDepth && !wanted.empty())) {
    throw Error(ErrorKind::kInvalidInput, "fetching the submodules of " +
                                              (parent_index == 0 ? "the commit" : in_quotes(parent.path())) +
                                              ": there are more than " + std::to_string(kMaxParts) + ", or more than " +
                                              std::to_string(kMaxSubmoduleDepth) + " levels of them");
  }
  for_each_in_parallel(wanted.size(), [&](std::size_t i) {
    try {
      git::FetchRequest& fetch = wanted[i].fetch;
      log_in(fetch.remote, fetch.credential, [&] { wanted[i].snapshot.emplace(sources_.mirrors.fetch(fetch)); });
    } catch (const Error& error) {
      throw error.with_context("fetching the submodule " + in_quotes(wanted[i].place));
    }
  });
  const std::size_t first = parts_.size();
  for (Wanted& submodule : wanted) {
    part_of_submodule_[submodule.place] = parts_.size();
    parts_.push_back(std::make_unique<Part>(submodule.place + "/", submodule.fetch.remote, submodule.fetch.credential,
                                            std::move(*submodule.snapshot)));
  }
  if (options_.submodules != ArtifactOptions::Submodules::kRecursive) return;
  for (std::size_t i = first, end = parts_.size(); i < end; ++i) add_submodules(i, depth + 1);
}

git::Credential SourceTree::credential_for(const std::string& remote, CredentialUse use) const {
  if (!sources_.submodule_credential) return {};
  const std::lock_guard lock(shared_mutex_);
  try {
    return sources_.submodule_credential(remote, use);
  } catch (const Error& error) {
    throw with_submodule_remedy(error);
  }
}

// Calls, and once more with the credential freshly read when the server refuses it. The repository's own is left to
// whoever has given it, and may have others.
template <typename Call>
void SourceTree::log_in(const std::string& remote, git::Credential& credential, const Call& call) const {
  if (is_same_credential(credential, sources_.fetch.credential)) return call();
  try {
    try {
      return call();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnauthenticated) throw;
      git::Credential fresh = credential_for(remote, CredentialUse::kAnew);
      if (is_same_credential(fresh, credential)) throw;
      credential = std::move(fresh);
    }
    if (sources_.fetch.on_progress) {
      const std::lock_guard lock(shared_mutex_);
      sources_.fetch.on_progress("the credential for " + in_quotes(git::parse_remote(remote).normalized()) +
                                 " was refused, trying it freshly read");
    }
    call();
  } catch (const Error& error) {
    throw with_submodule_remedy(error);
  }
}

// Places in the artifact.
std::set<std::string> SourceTree::exported_submodules(std::size_t part) const {
  std::set<std::string> submodules;
  const std::unique_ptr<Visit> visit = begin_visit(part, "");
  while (const std::optional<git::TreeEntry> entry = next_of(*visit)) {
    if (entry->kind == git::EntryKind::kSubmodule && !is_export_ignored(*visit, *entry))
      submodules.insert(parts_[part]->prefix + entry->path);
  }
  return submodules;
}

void SourceTree::fetch_lfs() {
  for (std::size_t index = 0; index < parts_.size(); ++index) {
    Part* const part = parts_[index].get();
    git::LfsRequest request;
    request.objects = collect_pointers(index);
    if (request.objects.empty()) continue;
    if (sources_.lfs == nullptr)
      throw Error(ErrorKind::kConfiguration, "fetching Git LFS objects: this program cannot do it here");
    request.folder = part->lfs_folder = sources_.mirrors.folder_of(part->remote) / "lfs";
    request.remote = part->remote;
    request.ref = index == 0 ? sources_.fetch.ref : "";
    request.credential = part->credential;
    request.timeout = sources_.fetch.timeout;
    request.stop = sources_.fetch.stop;
    request.on_progress = sources_.fetch.on_progress;
    log_in(part->remote, request.credential, [&] { sources_.lfs->fetch(request); });
  }
}

// Into the part's pointers too.
std::vector<git::LfsObject> SourceTree::collect_pointers(std::size_t index) {
  Part& part = *parts_[index];
  std::vector<git::LfsObject> objects;
  const std::unique_ptr<Visit> visit = begin_visit(index, "");
  while (const std::optional<git::TreeEntry> entry = next_of(*visit)) {
    const bool is_file = entry->kind == git::EntryKind::kFile || entry->kind == git::EntryKind::kExecutable;
    const std::string path = part.prefix + entry->path;
    if (!is_file || !selection_.has(path)) continue;
    const auto& attributes = visit->attributes.lookup(visit->folder + entry->path, git::PathKind::kFile);
    if (!attributes[kFilter].is_text("lfs") || (options_.export_ignore && attributes[kExportIgnore].is_set())) continue;
    if (part.snapshot.blob_size(entry->object_id) > git::kMaxLfsPointerBytes) continue;
    const auto pointer = git::parse_lfs_pointer(content_of(part.snapshot, entry->object_id));
    if (!pointer) continue;
    part.pointers.emplace(path, *pointer);
    objects.push_back({*pointer, path});
  }
  return objects;
}

void SourceTree::add_metadata() {
  const git::Snapshot& snapshot = parts_.front()->snapshot;
  metadata_folder_.emplace(sources_.scratch, ".penstock-");
  git::MetadataRequest request;
  request.mirror = snapshot.mirror();
  request.commit_id = snapshot.commit().id;
  request.history = snapshot.history();
  request.ref = sources_.fetch.ref;
  request.remote = sources_.fetch.remote;
  request.folder = metadata_folder_->path() / "git";
  request.timeout = sources_.fetch.timeout;
  request.stop = sources_.fetch.stop;
  metadata_ = git::write_metadata(request);
}

std::unique_ptr<SourceTree::Visit> SourceTree::begin_visit(std::size_t index, const std::string& since) const {
  auto visit = std::make_unique<Visit>();
  const Part& part = *parts_[index];
  visit->part = index;
  git::WalkOptions options;
  options.since = since;
  if (index == 0 && !folder_.empty()) {
    options.folder = folder_;
    visit->folder = folder_ + "/";
  }
  if (options_.lfs || options_.export_ignore) {
    Visit* const self = visit.get();
    const auto enter = [self, &part](const std::string& folder, const std::string& attributes_id) {
      if (attributes_id.empty() || part.snapshot.blob_size(attributes_id) > kMaxAttributesBytes) return;
      self->attributes.enter(folder, content_of(part.snapshot, attributes_id));
    };
    // What is above the subdirectory counts as well.
    for (std::size_t end = 0; !visit->folder.empty() && end < visit->folder.size();
         end = visit->folder.find('/', end) + 1) {
      const auto file = part.snapshot.find(visit->folder.substr(0, end) + ".gitattributes");
      if (file && file->kind != git::EntryKind::kSymlink) enter(visit->folder.substr(0, end), file->object_id);
    }
    options.on_folder = [this, self, enter](const std::string& folder, const std::string& attributes_id) {
      const std::string whole = self->folder + folder;
      if (options_.export_ignore && !folder.empty() &&
          self->attributes.lookup(whole.substr(0, whole.size() - 1), git::PathKind::kFolder)[kExportIgnore].is_set()) {
        return false;
      }
      enter(whole, attributes_id);
      return true;
    };
  }
  visit->walk = in_context_of(part, [&] { return part.snapshot.walk(options); });
  if (!visit->walk) {
    throw Error(ErrorKind::kConfiguration,
                "selecting subdirectory " + in_quotes(options_.subdirectory) + ": the commit has no such folder");
  }
  return visit;
}

std::optional<git::TreeEntry> SourceTree::next_of(Visit& visit) const {
  return in_context_of(*parts_[visit.part], [&] { return visit.walk->next(); });
}

void SourceTree::start(const std::string& since) {
  visits_.clear();
  warnings_.clear();
  unsaid_warnings_ = 0;
  next_metadata_ = 0;
  held_back_.reset();
  has_entries_ = false;
  visits_.push_back(begin_visit(0, since));
}

std::optional<archive::Entry> SourceTree::next() {
  std::optional<archive::Entry> entry = next_in_order();
  has_entries_ = has_entries_ || entry;
  return entry;
}

std::optional<archive::Entry> SourceTree::next_in_order() {
  if (next_metadata_ == metadata_.size()) {
    if (held_back_) return std::exchange(held_back_, std::nullopt);
    return next_of_tree();
  }
  if (!held_back_) held_back_ = next_of_tree();
  // A tree has no ".git" of its own, so nothing of it lies between the entries of this one.
  if (held_back_ && held_back_->path < ".git/") return std::exchange(held_back_, std::nullopt);
  const git::MetadataEntry& entry = metadata_[next_metadata_++];
  return archive::Entry{.path = ".git/" + entry.path,
                        .kind = entry.kind == git::MetadataEntry::Kind::kFolder ? archive::EntryKind::kDirectory
                                                                                : archive::EntryKind::kFile,
                        .source = kMetadataSource};
}

std::optional<archive::Entry> SourceTree::next_of_tree() {
  while (!visits_.empty()) {
    Visit& visit = *visits_.back();
    const Part& part = *parts_[visit.part];
    std::optional<git::TreeEntry> found = next_of(visit);
    if (!found) {
      for (const std::string& clash : visit.walk->case_clashes()) {
        const std::string what =
            in_quotes(part.prefix + clash) + " differs from a neighbour in upper and lower case only";
        if (options_.refuse_case_clashes) {
          refuse(what, "caseClashes");
        }
        warn(what + ": on some systems one of them replaces the other");
      }
      visits_.pop_back();
      continue;
    }
    const bool is_submodule = found->kind == git::EntryKind::kSubmodule;
    if (options_.export_ignore && is_export_ignored(visit, *found)) continue;
    const std::string path = part.prefix + found->path;
    if (is_submodule) {
      if (selection_.leaves_out(path)) continue;
      const auto submodule = part_of_submodule_.find(path);
      if (submodule != part_of_submodule_.end()) {
        visits_.push_back(begin_visit(submodule->second, ""));
        continue;
      }
      if (options_.submodules == ArtifactOptions::Submodules::kRecursive ||
          (options_.submodules == ArtifactOptions::Submodules::kDirect && visit.part == 0)) {
        throw Error(ErrorKind::kConfiguration,
                    "fetching the submodule " + in_quotes(path) +
                        ": .gitmodules has no path and url for it; add them, or leave it out with `artifact.exclude`");
      }
      if (!selection_.has(path)) continue;
      warn("the submodule " + in_quotes(path) + " is an empty folder in the artifact");
    } else if (found->kind != git::EntryKind::kUnchangedFolder && !selection_.has(path)) {
      continue;
    }
    archive::Entry entry = entry_of(part, visit.part, std::move(*found));
    if (entry.kind == archive::EntryKind::kSymlink) look_at_link(part, entry);
    if (entry.content_id.size() == kLfsIdDigits && part.pointers.at(entry.path).extended)
      warn(in_quotes(entry.path) + " is in the artifact as a Git LFS extension of whoever pushed it has made it");
    return entry;
  }
  return std::nullopt;
}

// Folders have been asked about when the walk came to them.
bool SourceTree::is_export_ignored(Visit& visit, const git::TreeEntry& entry) {
  const auto kind = entry.kind == git::EntryKind::kSubmodule ? git::PathKind::kFolder : git::PathKind::kFile;
  return visit.attributes.lookup(visit.folder + entry.path, kind)[kExportIgnore].is_set();
}

archive::Entry SourceTree::entry_of(const Part& part, std::size_t index, git::TreeEntry found) {
  archive::Entry entry{.path = part.prefix + found.path,
                       .kind = kind_of(found.kind),
                       .content_id = std::move(found.object_id),
                       .source = index};
  if (entry.kind == archive::EntryKind::kDirectory) entry.content_id.clear();
  const auto pointer = part.pointers.find(entry.path);
  if (pointer != part.pointers.end()) entry.content_id = pointer->second.oid;
  return entry;
}

void SourceTree::look_at_link(const Part& part, const archive::Entry& link) {
  constexpr std::uint64_t kLongestTarget = 4095;  // what Linux makes links of, and the longest of all systems
  const std::uint64_t length = part.snapshot.blob_size(link.content_id);
  std::string what = "the link " + in_quotes(link.path);
  if (length > kLongestTarget) {
    what += " points to a name of " + std::to_string(length) + " bytes, which no system can follow";
  } else {
    const std::string target = content_of(part.snapshot, link.content_id);
    if (!leads_outside(link.path, target)) return;
    what += " points outside of the artifact, to " + in_quotes(target);
  }
  if (options_.refuse_outside_links) {
    refuse(what, "outsideLinks");
  }
  warn(what);
}

void SourceTree::warn(const std::string& warning) {
  if (warnings_.size() < kMaxWarnings) {
    warnings_.push_back("warning: " + warning);
  } else {
    ++unsaid_warnings_;
  }
}

std::vector<std::string> SourceTree::warnings() const {
  std::vector<std::string> all = warnings_;
  if (unsaid_warnings_ > 0) all.push_back("warning: and " + std::to_string(unsaid_warnings_) + " more of the like");
  if (!has_entries_) {
    const bool is_part = !folder_.empty() || !selection_.is_everything() || options_.export_ignore;
    all.push_back(std::string("warning: the artifact has no entries: ") +
                  (is_part ? "nothing of the commit is selected; look at `artifact.subdirectory`, `include`, `exclude` "
                             "and `exportIgnore`"
                           : "the commit has no files"));
  }
  return all;
}

archive::ContentReader SourceTree::contents() const {
  const auto file_of = [this](const archive::Entry& entry) {
    return metadata_folder_->path() / "git" / entry.path.substr(5);
  };
  return {.size = [this, file_of](const archive::Entry& entry) -> std::uint64_t {
            if (entry.source == kMetadataSource) return std::filesystem::file_size(file_of(entry));
            const Part& part = *parts_[entry.source];
            if (entry.content_id.size() == kLfsIdDigits) return part.pointers.at(entry.path).size;
            return part.blobs.blob_size(entry.content_id);
          },
          .read =
              [this, file_of](const archive::Entry& entry, const std::function<void(std::string_view)>& piece) {
                if (entry.source == kMetadataSource) return read_in_pieces(file_of(entry), piece);
                const Part& part = *parts_[entry.source];
                if (entry.content_id.size() == kLfsIdDigits)
                  return sources_.lfs->read(part.lfs_folder, part.pointers.at(entry.path), piece);
                part.blobs.read_blob(entry.content_id, piece);
              }};
}

}  // namespace penstock::jobs
