// The tables, and how a file gets to the newest version of them.
#pragma once

#include <filesystem>

#include "core/store/index_migration.h"
#include "core/store/sqlite.h"

namespace penstock::store {

// "PENS": what `file` and SQLite's own tools see in the header.
constexpr std::int64_t kApplicationId = 0x50454e53;
// The version that this program reads and writes.
int newest_schema_version() noexcept;

// Makes an empty file (mode 0600: commit messages and request bodies are nobody else's) unless there is one.
void create_database_file(const std::filesystem::path& path);

// Throws Error{kConfiguration} unless the file is a history of just this version: for those who only read.
void check_readable(Connection& connection);

// Refuses what is not ours, is damaged, is read-only or was written by a newer program; then switches to WAL with
// synchronous=FULL and migrates, each step in a transaction of its own. A file of at most `quick_check_bytes` is
// checked page by page; of a larger one only the edges of the tables are read, as the check would take minutes. Throws
// Error{kCorrupt | kConfiguration | kPermission | kUnavailable | kExhausted}. A migration that
// takes longer says how far it is.
void prepare_database(Connection& connection, std::uintmax_t quick_check_bytes, const Progress& progress = {});

}  // namespace penstock::store
