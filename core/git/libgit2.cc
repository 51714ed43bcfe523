#include "core/git/libgit2.h"

#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h>  // git_error_clear(), since libgit2 1.8
#endif

#include <string>

#include "core/git/fetch_errors.h"

namespace penstock::git {
namespace {

void configure() {
  // The mirrors are ours, whoever owns the volume that they are on; and no configuration but theirs is read.
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
  for (const int level :
       {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL})
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  // Every object read is hashed and compared with its name: a flipped bit on disk must not reach an artifact.
  git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
  // A walk reads each tree once; a cache of them would only grow with the repository.
  git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
}

}  // namespace

void start_library() {
  static const int started = [] {
    const int users = git_libgit2_init();
    if (users < 0) throw take_error(users, "starting libgit2");
    configure();
    return users;
  }();
  static_cast<void>(started);
}

OdbHandle open_packs(const std::filesystem::path& mirror) {
  start_library();
  const std::string doing = "opening the mirror's objects";
  git_odb* database = nullptr;
  check(git_odb_new(&database), doing);
  OdbHandle opened(database);
  git_odb_backend* packs = nullptr;
  check(git_odb_backend_pack(&packs, (mirror / "objects").c_str()), doing);
  const int added = git_odb_add_backend(database, packs, 1);
  if (added < 0) packs->free(packs);
  check(added, doing);
  return opened;
}

ErrorKind kind_of(int code, int error_class) noexcept {
  switch (code) {
    case GIT_ENOTFOUND:
      return ErrorKind::kNotFound;
    case GIT_EMISMATCH:
      return ErrorKind::kCorrupt;
    case GIT_EINVALIDSPEC:
    case GIT_EAMBIGUOUS:
    case GIT_EPEEL:
      return ErrorKind::kInvalidInput;
    case GIT_ELOCKED:
      return ErrorKind::kConflict;
    case GIT_EOWNER:
      return ErrorKind::kConfiguration;
    case GIT_EUSER:
      return ErrorKind::kCancelled;
    default:
      break;
  }
  switch (error_class) {
    case GIT_ERROR_NOMEMORY:
      return ErrorKind::kExhausted;
    case GIT_ERROR_OS:
      return ErrorKind::kUnavailable;
    case GIT_ERROR_ODB:
    case GIT_ERROR_OBJECT:
    case GIT_ERROR_ZLIB:
    case GIT_ERROR_INDEXER:
    case GIT_ERROR_TREE:
    case GIT_ERROR_REFERENCE:
    case GIT_ERROR_REPOSITORY:
      return ErrorKind::kCorrupt;
    default:
      return ErrorKind::kInternal;
  }
}

Error take_error(int code, std::string_view doing) {
  const git_error* error = git_error_last();
  const int error_class = error != nullptr ? error->klass : GIT_ERROR_NONE;
  const std::string words = error != nullptr && error->message != nullptr ? printable_line(error->message)
                                                                          : "libgit2 code " + std::to_string(code);
  git_error_clear();
  return Error(kind_of(code, error_class), std::string(doing) + ": " + words);
}

void check(int code, std::string_view doing) {
  if (code < 0) throw take_error(code, doing);
}

}  // namespace penstock::git
