#include "core/git/tree_walk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/text.h"
#include "core/git/entry_names.h"

namespace penstock::git {
namespace {

constexpr std::size_t kMaxFiles = 1'000'000;
constexpr std::size_t kMaxFolders = 300'000;
constexpr std::size_t kMaxPathBytesInAll = 512u << 20;
constexpr std::size_t kMaxCaseClashes = 100;
constexpr std::size_t kMaxPathBytes = 60'000;  // a zip's names end at 65,535

[[noreturn]] void refuse_size(const std::string& what) {
  throw Error(ErrorKind::kInvalidInput, "reading the commit's files: there are more than " + what);
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

bool comes_before_on_disk(const RawTreeEntry& a, const RawTreeEntry& b) {
  return comes_before(a, b, SubmodulesAs::kFolders);
}

}  // namespace

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

TreeCursor::TreeCursor(const git_oid& root, ReadTree read, Options options)
    : read_(std::move(read)),
      options_(std::move(options)),
      unchanged_(options_.earlier && git_oid_equal(&root, &*options_.earlier) != 0) {
  if (!unchanged_) enter(root, options_.earlier ? &*options_.earlier : nullptr, "");
}

TreeCursor::Listing TreeCursor::list(OdbObjectHandle object) {
  Listing listing{std::move(object), {}};
  listing.entries = entries_of(listing.object);
  if (!std::is_sorted(listing.entries.begin(), listing.entries.end(), comes_before_on_disk))
    std::sort(listing.entries.begin(), listing.entries.end(), comes_before_on_disk);
  return listing;
}

void TreeCursor::enter(const git_oid& id, const git_oid* earlier, std::string prefix) {
  if (++folder_count_ > kMaxFolders) refuse_size(std::to_string(kMaxFolders) + " folders");
  Folder folder{.prefix = std::move(prefix), .now = {}, .earlier = {}};
  folder.now = list(read_(id, folder.prefix));
  for (const RawTreeEntry& entry : folder.now.entries) {
    const std::size_t length = folder.prefix.size() + entry.name.size();
    path_bytes_ += length;
    if (length > kMaxPathBytes) refuse_size(std::to_string(kMaxPathBytes) + " bytes in a path");
    if (path_bytes_ > kMaxPathBytesInAll) refuse_size(std::to_string(kMaxPathBytesInAll >> 20) + " MiB of names");
  }
  refuse_unsafe_names(folder.prefix, folder.now.entries);
  if (!is_wanted(folder)) return;
  note_case_clashes(folder);
  if (earlier != nullptr) {
    if (OdbObjectHandle object = options_.read_earlier(*earlier, folder.prefix))
      folder.earlier = list(std::move(object));
  }
  folders_.push_back(std::move(folder));
}

bool TreeCursor::is_wanted(const Folder& folder) const {
  if (!options_.on_folder) return true;
  const RawTreeEntry* attributes = find_entry(folder.now.entries, ".gitattributes");
  const bool is_file = attributes != nullptr && (attributes->mode & 0170000) == 0100000;
  return options_.on_folder(folder.prefix, is_file ? id_text(id_from_bytes(attributes->id)) : "");
}

void TreeCursor::note_case_clashes(const Folder& folder) {
  std::vector<std::pair<std::string, std::string_view>> names;
  bool some_upper = false;
  for (const RawTreeEntry& entry : folder.now.entries) {
    names.emplace_back(to_lower(entry.name), entry.name);
    some_upper = some_upper || names.back().first != entry.name;
  }
  if (!some_upper) return;
  std::sort(names.begin(), names.end());
  for (std::size_t i = 1; i < names.size() && case_clashes_.size() < kMaxCaseClashes; ++i) {
    if (names[i].first == names[i - 1].first) case_clashes_.push_back(folder.prefix + std::string(names[i].second));
  }
}

std::optional<TreeEntry> TreeCursor::next() {
  if (std::exchange(unchanged_, false))
    return TreeEntry{.path = "", .kind = EntryKind::kUnchangedFolder, .object_id = ""};
  while (!folders_.empty()) {
    Folder& folder = folders_.back();
    if (folder.position == folder.now.entries.size()) {
      folders_.pop_back();
      continue;
    }
    const RawTreeEntry& entry = folder.now.entries[folder.position++];
    std::string path = folder.prefix + std::string(entry.name);
    const git_oid id = id_from_bytes(entry.id);
    if (is_folder(entry)) {
      const auto& others = folder.earlier.entries;
      const auto found = std::lower_bound(others.begin(), others.end(), entry, comes_before_on_disk);
      const bool known = found != others.end() && found->name == entry.name && is_folder(*found);
      if (known && found->id == entry.id)
        return TreeEntry{.path = std::move(path), .kind = EntryKind::kUnchangedFolder, .object_id = id_text(id)};
      const git_oid earlier = known ? id_from_bytes(found->id) : git_oid{};
      enter(id, known ? &earlier : nullptr, std::move(path) + "/");
      continue;
    }
    if (++file_count_ > kMaxFiles) refuse_size(std::to_string(kMaxFiles) + " files");
    const EntryKind kind = kind_of_mode(entry.mode, path);
    return TreeEntry{.path = std::move(path), .kind = kind, .object_id = id_text(id)};
  }
  return std::nullopt;
}

std::vector<RawTreeEntry> entries_of(const OdbObjectHandle& tree) {
  return parse_tree({static_cast<const char*>(git_odb_object_data(tree.get())), git_odb_object_size(tree.get())});
}

const RawTreeEntry* find_entry(const std::vector<RawTreeEntry>& entries, std::string_view name) noexcept {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const RawTreeEntry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

git_oid id_from_bytes(std::string_view bytes) {
  git_oid id;
  std::memcpy(id.id, bytes.data(), sizeof id.id);
  return id;
}

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

}  // namespace penstock::git
