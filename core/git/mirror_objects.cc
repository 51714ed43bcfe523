#include "core/git/mirror_objects.h"

#include "core/git/tree_walk.h"

namespace penstock::git {

MirrorObjects::MirrorObjects(const std::filesystem::path& mirror) : database_(open_packs(mirror)) {}

bool MirrorObjects::have(const git_oid& id) const {
  return git_odb_exists_ext(database_.get(), &id, GIT_ODB_LOOKUP_NO_REFRESH) != 0;
}

RawCommit MirrorObjects::read_commit(const git_oid& id) const {
  const std::string doing = "reading the commit " + id_text(id);
  git_odb_object* found = nullptr;
  const int code = git_odb_read(&found, database_.get(), &id);
  if (code < 0) {
    const Error error = take_error(code, doing);
    throw Error(error.kind() == ErrorKind::kExhausted ? ErrorKind::kExhausted : ErrorKind::kCorrupt, error.what());
  }
  const OdbObjectHandle object(found);
  if (git_odb_object_type(found) != GIT_OBJECT_COMMIT)
    throw Error(ErrorKind::kInvalidInput, doing + ": this object is no commit");
  return parse_commit({static_cast<const char*>(git_odb_object_data(found)), git_odb_object_size(found)});
}

CommitGraph::ReadCommit MirrorObjects::commit_reader() const {
  return [this](const std::string& raw) -> std::optional<RawCommit> {
    const git_oid id = id_from_bytes(raw);
    if (!have(id)) return std::nullopt;
    return read_commit(id);
  };
}

}  // namespace penstock::git
