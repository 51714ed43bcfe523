#include "core/store/postings.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/base/error.h"

namespace penstock::store {
namespace {

// A row's key is term and chunk in one number, which makes the tree's inner pages small.
constexpr int kChunkBits = 20;
constexpr std::int64_t kMaxChunk = (std::int64_t{1} << kChunkBits) - 1;
constexpr std::size_t kBitmapBytes = Places::kChunk / 8;

std::int64_t key_of(std::int64_t term, std::int64_t chunk) {
  if (chunk < 0 || chunk > kMaxChunk) throw Error(ErrorKind::kExhausted, "indexing a delivery: its number is too high");
  return (term << kChunkBits) | chunk;
}

std::int64_t chunk_of(std::int64_t seq) {
  return seq / Places::kChunk;
}
std::int64_t place_of(std::int64_t seq) {
  return seq % Places::kChunk;
}

std::optional<Places> load_places(Connection& connection, std::int64_t key) {
  Statement row = connection.prepare("SELECT places FROM postings WHERE key = ?1");
  row.bind(key);
  if (!row.step()) return std::nullopt;
  return Places::decode(row.view(0));
}

void store_places(Connection& connection, std::int64_t key, const Places& places) {
  connection.prepare("INSERT INTO postings (key, places) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET places = ?2")
      .run(key, Blob{places.encode()});
}

}  // namespace

Places Places::decode(std::string_view bytes) {
  Places places;
  if (bytes.size() == kBitmapBytes) {
    for (std::size_t i = 0; i < kBitmapBytes; ++i) {
      places.words_[i / 8] |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * (i % 8));
    }
    return places;
  }
  if (bytes.size() % 2 != 0 || bytes.size() > kBitmapBytes)
    throw Error(ErrorKind::kCorrupt,
                "reading the search index: an entry has " + std::to_string(bytes.size()) + " bytes");
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const int place = static_cast<unsigned char>(bytes[i]) | (static_cast<unsigned char>(bytes[i + 1]) << 8);
    if (place >= kChunk) throw Error(ErrorKind::kCorrupt, "reading the search index: place " + std::to_string(place));
    places.add(place);
  }
  return places;
}

std::string Places::encode() const {
  std::string bytes;
  const int number = count();
  if (static_cast<std::size_t>(number) * 2 >= kBitmapBytes) {
    bytes.reserve(kBitmapBytes);
    for (const std::uint64_t word : words_)
      for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>((word >> shift) & 0xff));
    return bytes;
  }
  bytes.reserve(static_cast<std::size_t>(number) * 2);
  for (std::size_t i = 0; i < words_.size(); ++i) {
    for (std::uint64_t left = words_[i]; left != 0; left &= left - 1) {
      const std::size_t place = 64 * i + static_cast<std::size_t>(std::countr_zero(left));
      bytes.push_back(static_cast<char>(place & 0xff));
      bytes.push_back(static_cast<char>(place >> 8));
    }
  }
  return bytes;
}

Places& Places::operator|=(const Places& other) noexcept {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  return *this;
}

Places& Places::operator&=(const Places& other) noexcept {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  return *this;
}

int Places::count() const noexcept {
  int number = 0;
  for (const std::uint64_t word : words_) number += std::popcount(word);
  return number;
}

std::optional<std::int64_t> Places::last_up_to(std::int64_t place) const noexcept {
  if (place < 0) return std::nullopt;
  place = std::min(place, kChunk - 1);
  std::uint64_t mask = ~std::uint64_t{0} >> (63 - (place & 63));
  for (std::int64_t i = place >> 6; i >= 0; --i, mask = ~std::uint64_t{0}) {
    const std::uint64_t word = words_[static_cast<std::size_t>(i)] & mask;
    if (word != 0) return 64 * i + 63 - std::countl_zero(word);
  }
  return std::nullopt;
}

std::optional<std::int64_t> Places::first() const noexcept {
  for (std::size_t i = 0; i < words_.size(); ++i)
    if (words_[i] != 0) return static_cast<std::int64_t>(64 * i) + std::countr_zero(words_[i]);
  return std::nullopt;
}

void add_postings(Connection& connection, const std::vector<FoundUnder>& deliveries) {
  std::vector<std::pair<std::int64_t, std::int64_t>> links;  // term, delivery
  for (const FoundUnder& delivery : deliveries)
    for (const std::int64_t term : delivery.terms) links.emplace_back(term, delivery.seq);
  std::sort(links.begin(), links.end());
  for (std::size_t i = 0; i < links.size();) {
    const std::int64_t key = key_of(links[i].first, chunk_of(links[i].second));
    Places places = load_places(connection, key).value_or(Places());
    for (; i < links.size() && key_of(links[i].first, chunk_of(links[i].second)) == key; ++i)
      places.add(place_of(links[i].second));
    store_places(connection, key, places);
  }
}

void remove_posting(Connection& connection, std::int64_t term, std::int64_t seq) {
  const std::int64_t key = key_of(term, chunk_of(seq));
  std::optional<Places> places = load_places(connection, key);
  if (!places) return;
  places->remove(place_of(seq));
  if (places->count() > 0) {
    store_places(connection, key, *places);
  } else {
    connection.prepare("DELETE FROM postings WHERE key = ?1").run(key);
  }
}

bool has_postings(Connection& connection, std::int64_t term) {
  Statement row = connection.prepare("SELECT 1 FROM postings WHERE key BETWEEN ?1 AND ?2 LIMIT 1");
  row.bind(key_of(term, 0), key_of(term, kMaxChunk));
  return row.step();
}

void store_postings(Connection& connection, std::int64_t term, const std::vector<std::int64_t>& deliveries) {
  connection.prepare("DELETE FROM postings WHERE key BETWEEN ?1 AND ?2").run(key_of(term, 0), key_of(term, kMaxChunk));
  for (std::size_t i = 0; i < deliveries.size();) {
    const std::int64_t chunk = chunk_of(deliveries[i]);
    Places places;
    for (; i < deliveries.size() && chunk_of(deliveries[i]) == chunk; ++i) places.add(place_of(deliveries[i]));
    store_places(connection, key_of(term, chunk), places);
  }
}

PostingCount count_postings(Connection& connection, std::int64_t term) {
  PostingCount counted;
  Statement rows = connection.prepare("SELECT key, places FROM postings WHERE key BETWEEN ?1 AND ?2 ORDER BY key");
  rows.bind(key_of(term, 0), key_of(term, kMaxChunk));
  while (rows.step()) {
    const Places places = Places::decode(rows.view(1));
    if (!counted.first) counted.first = (rows.integer(0) & kMaxChunk) * Places::kChunk + places.first().value_or(0);
    counted.count += places.count();
  }
  return counted;
}

PostingWalk::PostingWalk(Connection& connection, std::vector<Group> groups, std::vector<FoundUnder> unindexed,
                         std::int64_t first, std::int64_t last)
    : connection_(connection),
      groups_(std::move(groups)),
      unindexed_(std::move(unindexed)),
      unindexed_left_(unindexed_.size()),
      first_(std::max<std::int64_t>(first, 0)),
      last_(std::min(last, (kMaxChunk + 1) * Places::kChunk - 1)) {
  for (const Group& group : groups_) {
    List& list = lists_.emplace_back();
    list.term = group.front();
    if (group.size() == 1) continue;
    list.united.emplace();
    for (const std::int64_t term : group) {
      Statement rows = connection_.prepare("SELECT key, places FROM postings WHERE key BETWEEN ?1 AND ?2");
      rows.bind(key_of(term, chunk_of(first_)), key_of(term, last_ < 0 ? 0 : chunk_of(last_)));
      while (rows.step()) (*list.united)[rows.integer(0) & kMaxChunk] |= Places::decode(rows.view(1));
    }
  }
}

const PostingWalk::Found* PostingWalk::read(List& list, std::int64_t chunk) {
  if (list.found && list.found->chunk <= chunk) return &*list.found;
  list.found.reset();
  if (list.united) {
    auto above = list.united->upper_bound(chunk);
    if (above == list.united->begin()) return nullptr;
    --above;
    list.found = Found{above->first, above->second};
    return &*list.found;
  }
  Statement row =
      connection_.prepare("SELECT key, places FROM postings WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC LIMIT 1");
  row.bind(key_of(list.term, 0), key_of(list.term, chunk));
  if (!row.step()) return nullptr;
  list.found = Found{row.integer(0) & kMaxChunk, Places::decode(row.view(1))};
  return &*list.found;
}

// Makes common_ the highest chunk up to this one that all lists have something in.
bool PostingWalk::advance(std::int64_t chunk) {
  common_.reset();
  std::size_t agreeing = 0;
  for (std::size_t i = 0; agreeing < lists_.size(); i = (i + 1) % lists_.size()) {
    const Found* found = read(lists_[i], chunk);
    if (found == nullptr || found->chunk < chunk_of(first_)) return false;
    agreeing = found->chunk == chunk ? agreeing + 1 : 1;
    chunk = found->chunk;
  }
  common_ = Found{chunk, lists_.front().found->places};
  for (std::size_t i = 1; i < lists_.size(); ++i) common_->places &= lists_[i].found->places;
  return true;
}

bool PostingWalk::has_all(const FoundUnder& delivery) const {
  return std::all_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    return std::any_of(group.begin(), group.end(), [&](std::int64_t term) {
      return std::find(delivery.terms.begin(), delivery.terms.end(), term) != delivery.terms.end();
    });
  });
}

std::optional<std::int64_t> PostingWalk::seek(std::int64_t at) {
  at = std::min(at, last_);
  for (; unindexed_left_ > 0; --unindexed_left_) {
    const FoundUnder& late = unindexed_[unindexed_left_ - 1];
    if (late.seq <= at && late.seq >= first_ && has_all(late)) return late.seq;
  }
  if (lists_.empty()) return std::nullopt;
  while (at >= first_) {
    if (!common_ || common_->chunk > chunk_of(at)) {
      if (!advance(chunk_of(at))) return std::nullopt;
    }
    const std::int64_t base = common_->chunk * Places::kChunk;
    if (const auto place = common_->places.last_up_to(at - base)) {
      if (base + *place < first_) return std::nullopt;
      return base + *place;
    }
    at = base - 1;
  }
  return std::nullopt;
}

}  // namespace penstock::store
