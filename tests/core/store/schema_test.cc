#include "core/store/schema.h"

#include <algorithm>
#include <fstream>
#include <functional>

#include <sys/stat.h>

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class Opening : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store().record_delivery(delivery());
    store_.reset();
  }
  void execute(const char* sql) { Connection(path(), Connection::Mode::kReadWrite, 0ms).execute(sql); }
  Error opening_error() {
    return error_of([&] { reopen(); });
  }
};

TEST_F(Opening, AStoreStampsItsFile) {
  Connection connection(path(), Connection::Mode::kReadOnly, 0ms);
  EXPECT_EQ(connection.query_integer("PRAGMA application_id"), kApplicationId);
  EXPECT_EQ(connection.query_integer("PRAGMA user_version"), newest_schema_version());
  EXPECT_EQ(connection.query_text("PRAGMA journal_mode"), "wal");
}

// What an earlier version would have made of the same deliveries.
constexpr const char* kBackToVersion6 =
    "CREATE TABLE delivery_terms (term INTEGER NOT NULL, delivery_id BLOB NOT NULL, PRIMARY KEY (term, delivery_id)) "
    "STRICT, WITHOUT ROWID;"
    "INSERT INTO delivery_terms SELECT json_each.value, deliveries.id FROM deliveries "
    "JOIN delivery_contents USING (seq) JOIN json_each(delivery_contents.terms) "
    "WHERE seq <= (SELECT value FROM meta WHERE name = 'indexed_seq');"
    "DROP TABLE postings; DROP TABLE delivery_texts; DROP INDEX jobs_action_type; DROP INDEX jobs_delivery;"
    "CREATE INDEX jobs_pipeline_state ON jobs (pipeline, state, id);"
    "DELETE FROM meta WHERE name IN ('id_disorder_ms', 'job_skew_ms', 'texts_from_seq', 'texts_to_merge');"
    "PRAGMA user_version = 6;";

TEST_F(Opening, BringsAFileOfTheFirstVersionUpToDate) {
  execute(kBackToVersion6);
  execute(
      "DROP INDEX triggers_deferred; ALTER TABLE triggers DROP COLUMN cleared_at; "
      "ALTER TABLE deliveries DROP COLUMN pull_request; DROP INDEX triggers_awaiting_paths; "
      "ALTER TABLE triggers DROP COLUMN awaits_paths; ALTER TABLE triggers DROP COLUMN note; "
      "DROP TABLE sign_ups; DROP TABLE sign_up_requests; ALTER TABLE jobs DROP COLUMN client_id; "
      "DROP INDEX jobs_working; ALTER TABLE jobs DROP COLUMN continuation_of; ALTER TABLE jobs DROP COLUMN progress; "
      "ALTER TABLE jobs DROP COLUMN work_state; ALTER TABLE jobs DROP COLUMN work_result; PRAGMA user_version = 1");
  reopen();
  Connection connection(path(), Connection::Mode::kReadOnly, 0ms);
  EXPECT_EQ(connection.query_integer("PRAGMA user_version"), newest_schema_version());
  EXPECT_EQ(connection.query_integer("SELECT count(*) FROM pragma_table_info('triggers') WHERE name IN "
                                     "('cleared_at', 'awaits_paths', 'note')"),
            3);
}

TEST_F(Opening, MakesTheNewSearchIndexOfTheOldOne) {
  reopen();
  std::vector<std::string> recorded;
  for (int i = 0; i < 50; ++i) {
    NewDelivery next = delivery({make_trigger("push-" + std::to_string(i), i % 2 ? "shop" : "web")});
    next.ref_updates = {{"refs/heads/" + std::to_string(i), "", ""}};
    next.body = "message " + std::to_string(i % 5);
    if (i % 7 == 3) {  // stored later than its id says
      next.id = next.id.substr(0, 9) + "0" + next.id.substr(10);
      next.id[7] = next.id[7] == '0' ? '1' : '0';
    }
    recorded.push_back(store().record_delivery(next).id);
    clock_.advance(500ms);
  }
  std::sort(recorded.begin(), recorded.end(), std::greater<>());
  store_.reset();
  execute(kBackToVersion6);

  Store::Options options = store_options(path());
  std::vector<std::string> told;
  options.on_progress = [&](const std::string& how_far) { told.push_back(how_far); };
  options.search_text = [](std::string_view body) { return std::string(body); };
  Store migrated(options, clock_);
  ASSERT_FALSE(told.empty());
  EXPECT_NE(told.front().find("51 deliveries"), std::string::npos) << told.front();

  const auto walk = [&](DeliveryQuery query) {
    std::vector<std::string> ids;
    query.limit = 7;
    do {
      const DeliveryPage page = migrated.list_deliveries(query);
      for (const auto& found : page.deliveries) ids.push_back(found.id);
      query.cursor = page.next_cursor;
    } while (!query.cursor.empty());
    return ids;
  };
  DeliveryQuery by_outcome;
  by_outcome.outcome = Outcome::kTriggered;
  EXPECT_EQ(walk(by_outcome), recorded);
  DeliveryQuery by_ref;
  by_ref.ref = "refs/heads/17";
  EXPECT_EQ(walk(by_ref).size(), 1u);

  DeliveryQuery by_words;
  by_words.words = "message 3";
  EXPECT_EQ(walk(by_words).size(), 0u);
  while (migrated.index_older_texts(9) > 0) {
  }
  EXPECT_EQ(walk(by_words).size(), 10u);
  by_words.pipeline = "shop";
  EXPECT_EQ(walk(by_words).size(), 5u);
}

TEST_F(Opening, RefusesAFileOfANewerVersionAndSaysWhatToDo) {
  execute("PRAGMA user_version = 1000");
  Error error = opening_error();
  EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(std::string(error.what()),
            "opening history \"" + path().string() +
                "\": it was written by a newer version of this program (schema 1000, this one knows " +
                std::to_string(newest_schema_version()) +
                "); run the newer version, or set history.database to another path");
}

TEST_F(Opening, LeavesAnotherProgramsFileAlone) {
  std::filesystem::path other = folder_.path() / "other.db";
  create_database_file(other);
  Connection(other, Connection::Mode::kReadWrite, 0ms).execute("CREATE TABLE users (name)");
  Error error = error_of([&] { Store(store_options(other), clock_); });
  EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
  Connection connection(other, Connection::Mode::kReadOnly, 0ms);
  EXPECT_EQ(connection.query_text("PRAGMA journal_mode"), "delete");
  EXPECT_EQ(connection.query_integer("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST_F(Opening, RefusesWhatIsNoDatabase) {
  std::ofstream(path(), std::ios::trunc) << std::string(8192, 'x');
  Error error = opening_error();
  EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  EXPECT_NE(std::string(error.what()).find("restore a backup"), std::string::npos) << error.what();
}

TEST_F(Opening, RefusesADamagedFile) {
  for (std::uintmax_t quick_check_bytes : {std::uintmax_t{64u << 20}, std::uintmax_t{0}}) {
    auto size = std::filesystem::file_size(path());
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    // All but the first page, which holds header and schema.
    file.seekp(4096);
    file << std::string(static_cast<std::size_t>(size) - 4096, '\x5a');
    file.close();
    Store::Options options = store_options(path());
    options.quick_check_bytes = quick_check_bytes;
    Error error = error_of([&] { Store(options, clock_); });
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << error.what();
  }
}

TEST_F(Opening, RefusesATruncatedFile) {
  std::filesystem::resize_file(path(), 3 * 4096);
  EXPECT_EQ(opening_error().kind(), ErrorKind::kCorrupt);
}

TEST_F(Opening, AMissingFolderIsAConfigurationError) {
  Error error = error_of([&] { Store(store_options(folder_.path() / "no" / "history.db"), clock_); });
  EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
  EXPECT_NE(std::string(error.what()).find("does not exist"), std::string::npos);
}

TEST_F(Opening, KeepsTheModeOfAFileThatExists) {
  ASSERT_EQ(::chmod(path().c_str(), 0640), 0);
  reopen();
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(Opening, AHalfMadeFileIsMadeAnew) {
  std::filesystem::path fresh = folder_.path() / "fresh.db";
  create_database_file(fresh);
  Connection(fresh, Connection::Mode::kReadWrite, 0ms).execute("PRAGMA journal_mode = WAL");
  Store(store_options(fresh), clock_).record_delivery(delivery());
}

TEST_F(Opening, TwoStoresShareOneFile) {
  Store one(store_options(path()), clock_);
  Store two(store_options(path()), clock_);
  NewDelivery first = delivery({make_trigger("push-1")});
  one.record_delivery(first);
  EXPECT_EQ(two.record_delivery(delivery({make_trigger("push-1")})).duplicate_of, first.id);
  EXPECT_TRUE(two.find_delivery(first.id));
}

}  // namespace
}  // namespace penstock::store
