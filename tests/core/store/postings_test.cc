#include "core/store/postings.h"

#include <algorithm>
#include <random>
#include <set>

#include "core/store/schema.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

TEST(Places, SurviveTheirEncoding) {
  std::mt19937 random(7);
  for (const int number : {0, 1, 2, 255, 256, 257, 3000, 4096}) {
    std::set<std::int64_t> expected;
    while (static_cast<int>(expected.size()) < number) expected.insert(static_cast<std::int64_t>(random() % 4096));
    Places places;
    for (const std::int64_t place : expected) places.add(place);
    const std::string bytes = places.encode();
    EXPECT_EQ(bytes.size(), std::min<std::size_t>(512, 2 * static_cast<std::size_t>(number)));
    const Places read = Places::decode(bytes);
    EXPECT_EQ(read.count(), number);
    std::optional<std::int64_t> place = read.last_up_to(5000);
    for (auto next = expected.rbegin(); next != expected.rend(); ++next) {
      ASSERT_EQ(place, *next);
      place = read.last_up_to(*place - 1);
    }
    EXPECT_FALSE(place);
    EXPECT_EQ(read.first(), expected.empty() ? std::nullopt : std::optional(*expected.begin()));
  }
}

TEST(Places, RefuseDamagedBytes) {
  for (const std::string& bytes :
       {std::string(3, 'x'), std::string(513, 'x'), std::string(514, 'x'), std::string(2, '\xff')})
    EXPECT_THROW(Places::decode(bytes), Error) << bytes.size();
}

class Walking : public ::testing::Test {
 protected:
  void SetUp() override {
    create_database_file(path_);
    connection_ = std::make_unique<Connection>(path_, Connection::Mode::kReadWrite, 0ms);
    prepare_database(*connection_, 0);
  }
  std::vector<std::int64_t> walk(std::vector<PostingWalk::Group> groups, std::vector<FoundUnder> unindexed,
                                 std::int64_t first, std::int64_t last) {
    PostingWalk walk(*connection_, std::move(groups), std::move(unindexed), first, last);
    std::vector<std::int64_t> found;
    for (auto next = walk.seek(last + 5); next; next = walk.seek(*next - 1)) found.push_back(*next);
    return found;
  }
  TemporaryDirectory folder_{fast_folder()};
  const std::filesystem::path path_ = folder_.path() / "history.db";
  std::unique_ptr<Connection> connection_;
};

TEST_F(Walking, FindsWhatAPlainComparisonFinds) {
  std::mt19937 random(3);
  constexpr std::int64_t kDeliveries = 30'000;
  // Terms of all densities, one that ends early, and two that never meet.
  std::vector<std::vector<std::int64_t>> terms(kDeliveries + 1);
  std::vector<FoundUnder> batch, unindexed;
  for (std::int64_t seq = 1; seq <= kDeliveries; ++seq) {
    auto& has = terms[static_cast<std::size_t>(seq)];
    if (random() % 2) has.push_back(1);
    if (random() % 10 == 0) has.push_back(2);
    if (random() % 1000 == 0) has.push_back(3);
    if (seq < 9'000) has.push_back(4);
    has.push_back(seq % 2 ? 5 : 6);
    (seq > kDeliveries - 100 ? unindexed : batch).push_back({seq, has});
    if (batch.size() == 256) {
      add_postings(*connection_, batch);
      batch.clear();
    }
  }
  add_postings(*connection_, batch);
  for (const std::vector<PostingWalk::Group>& groups : std::vector<std::vector<PostingWalk::Group>>{
           {{1}}, {{1}, {2}}, {{3}, {1}, {2}}, {{5}, {6}}, {{4}, {3}}, {{3, 4}}, {{2, 3, 4}, {1}}, {{9}}, {{1}, {9}}}) {
    for (const auto& [first, last] : {std::pair<std::int64_t, std::int64_t>{1, kDeliveries},
                                      {8'192, 12'288},
                                      {5'000, 5'001},
                                      {29'950, 40'000},
                                      {9, 8}}) {
      std::vector<std::int64_t> expected;
      for (std::int64_t seq = std::min(last, kDeliveries); seq >= first; --seq) {
        const auto& has = terms[static_cast<std::size_t>(seq)];
        if (std::all_of(groups.begin(), groups.end(), [&](const auto& group) {
              return std::any_of(group.begin(), group.end(),
                                 [&](auto term) { return std::find(has.begin(), has.end(), term) != has.end(); });
            }))
          expected.push_back(seq);
      }
      EXPECT_EQ(walk(groups, unindexed, first, last), expected) << groups.size() << " " << first << " " << last;
    }
  }
}

TEST_F(Walking, ForgetsWhatIsRemoved) {
  add_postings(*connection_, {{1, {7}}, {5'000, {7}}, {5'001, {7, 8}}});
  EXPECT_EQ(count_postings(*connection_, 7).count, 3);
  EXPECT_EQ(count_postings(*connection_, 7).first, 1);
  remove_posting(*connection_, 7, 5'000);
  remove_posting(*connection_, 7, 1);
  remove_posting(*connection_, 7, 1);
  EXPECT_EQ(walk({{7}}, {}, 1, 9'000), (std::vector<std::int64_t>{5'001}));
  remove_posting(*connection_, 7, 5'001);
  EXPECT_FALSE(has_postings(*connection_, 7));
  EXPECT_TRUE(has_postings(*connection_, 8));
}

}  // namespace
}  // namespace penstock::store
