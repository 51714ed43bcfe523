// Which deliveries a term is found in, as sets of their numbers: any combination of terms costs at most one pass over a
// few hundred kilobytes, however many deliveries each of them has.
//
// The numbers of 4096 deliveries in a row are a chunk. A term has one row for each chunk that it occurs in, which holds
// the places as a list of 16-bit numbers, or as a bitmap of 512 bytes from 256 places on.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/sqlite.h"

namespace penstock::store {

// The places of one chunk.
class Places {
 public:
  static constexpr std::int64_t kChunk = 4096;

  static Places decode(std::string_view bytes);  // Error{kCorrupt}
  std::string encode() const;

  void add(std::int64_t place) noexcept { word(place) |= bit(place); }
  void remove(std::int64_t place) noexcept { word(place) &= ~bit(place); }
  Places& operator|=(const Places& other) noexcept;
  Places& operator&=(const Places& other) noexcept;
  int count() const noexcept;
  // The highest place that is not above `place`.
  std::optional<std::int64_t> last_up_to(std::int64_t place) const noexcept;
  std::optional<std::int64_t> first() const noexcept;

 private:
  static constexpr std::uint64_t bit(std::int64_t place) noexcept { return std::uint64_t{1} << (place & 63); }
  std::uint64_t& word(std::int64_t place) noexcept { return words_[static_cast<std::size_t>(place >> 6)]; }
  std::array<std::uint64_t, kChunk / 64> words_{};
};

// A delivery, by its number, and the numbers of the terms that it is found under.
struct FoundUnder {
  std::int64_t seq = 0;
  std::vector<std::int64_t> terms;
};

void add_postings(Connection& connection, const std::vector<FoundUnder>& deliveries);
void remove_posting(Connection& connection, std::int64_t term, std::int64_t seq);
bool has_postings(Connection& connection, std::int64_t term);
// Replaces all that the term has. `deliveries` in ascending order.
void store_postings(Connection& connection, std::int64_t term, const std::vector<std::int64_t>& deliveries);

struct PostingCount {
  std::int64_t count = 0;
  std::optional<std::int64_t> first;
};
PostingCount count_postings(Connection& connection, std::int64_t term);

// Walks the deliveries that have one term of each group, from the newest to the oldest.
class PostingWalk {
 public:
  using Group = std::vector<std::int64_t>;  // not empty
  // Only numbers in [first, last]. `unindexed`: deliveries that the rows do not have yet; all of them are newer.
  PostingWalk(Connection& connection, std::vector<Group> groups, std::vector<FoundUnder> unindexed, std::int64_t first,
              std::int64_t last);

  // The highest number that is not above `at`. To be asked for descending numbers.
  std::optional<std::int64_t> seek(std::int64_t at);

 private:
  struct Found {
    std::int64_t chunk;
    Places places;
  };
  struct List {
    std::int64_t term = 0;
    std::optional<std::map<std::int64_t, Places>> united;  // of a group with several terms, read whole
    std::optional<Found> found;                            // the last that was read
  };
  // The highest chunk up to `chunk` that the list has something in.
  const Found* read(List& list, std::int64_t chunk);
  bool advance(std::int64_t chunk);
  bool has_all(const FoundUnder& delivery) const;

  Connection& connection_;
  const std::vector<Group> groups_;
  const std::vector<FoundUnder> unindexed_;
  std::size_t unindexed_left_;
  const std::int64_t first_, last_;
  std::vector<List> lists_;
  std::optional<Found> common_;
};

}  // namespace penstock::store
