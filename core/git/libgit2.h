// libgit2's start, handles and errors. Only for the .cc files of this module.
#pragma once

#include <filesystem>
#include <string_view>

#include <git2.h>
#include <git2/sys/odb_backend.h>

#include "core/base/error.h"
#include "core/base/handle.h"

namespace penstock::git {

using RepositoryHandle = Handle<git_repository, git_repository_free>;
using OdbHandle = Handle<git_odb, git_odb_free>;
using OdbObjectHandle = Handle<git_odb_object, git_odb_object_free>;
using ObjectHandle = Handle<git_object, git_object_free>;
using CommitHandle = Handle<git_commit, git_commit_free>;
using TreeHandle = Handle<git_tree, git_tree_free>;

// Initialises and configures the library, once for the process. It is never shut down: starting reads all certificates
// of the system, and with libgit2 1.5 each restart makes OpenSSL forget to free what other threads have of it.
// Thread-safe; blocks until it is done.
void start_library();

// The objects in a mirror's packs at this moment. Packs only: our fetches make nothing else, and libgit2 1.5 never
// returns from inflating a loose object that was cut off (its loop takes Z_BUF_ERROR for progress).
OdbHandle open_packs(const std::filesystem::path& mirror);

// Pure: what a return code means to the caller. `error_class` is git_error::klass.
ErrorKind kind_of(int code, int error_class) noexcept;

// Reads and clears the thread's libgit2 error. "doing: libgit2's words".
Error take_error(int code, std::string_view doing);

// Throws take_error() for negative codes.
void check(int code, std::string_view doing);

}  // namespace penstock::git
