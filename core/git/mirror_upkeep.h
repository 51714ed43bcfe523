// What keeps a mirror small and quick from fetch to fetch. Private to this module; the caller holds the mirror's lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace penstock::git {

// One ref for each commit that was fetched by its id.
inline constexpr std::string_view kCommitRefs = "refs/penstock/commits/";
// Refs are what git offers the server as already here. More than 15 cost another round trip with servers of protocol 0.
inline constexpr std::size_t kKeptRefs = 15;

// Removes what git left when it was killed.
void remove_leftovers(const std::filesystem::path& mirror);

// Removes the refs of all but the kKeptRefs commits that came last.
void forget_old_refs(const std::filesystem::path& mirror);

// Merges small packs when there are many, so that look-ups stay cheap; and when the packs have doubled since the last
// time, and grown by more than `prune_bytes`, keeps only what the refs lead to. Blocks until the deadline at most. What
// fails leaves the mirror as it was. Readers of what is merged find it in the new pack; readers of what is pruned are
// told so (see Snapshot::State::pruned).
void tidy_packs(const std::filesystem::path& mirror, std::uint64_t prune_bytes,
                std::chrono::steady_clock::time_point deadline);

}  // namespace penstock::git
