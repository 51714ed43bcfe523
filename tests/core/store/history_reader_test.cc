#include "core/store/history_reader.h"

#include <fstream>

#include "core/store/schema.h"
#include "core/store/sqlite.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class HistoryReaderTest : public StoreTest {
 protected:
  HistoryReader::Options options() const {
    return {.path = path(), .expand_decisions = store_options("").expand_decisions};
  }
};

void expect_same(const Delivery& a, const Delivery& b) {
  EXPECT_EQ(a.decisions_json, b.decisions_json);
  EXPECT_EQ(a.body, b.body);
  EXPECT_EQ(a.body_sha256, b.body_sha256);
  EXPECT_EQ(a.judged_webhooks, b.judged_webhooks);
  EXPECT_EQ(a.triggers.size(), b.triggers.size());
}

TEST_F(HistoryReaderTest, ReadsBesideTheWriterAndWithoutOne) {
  const std::string first = store().record_delivery(delivery({make_trigger("push-1")})).id;
  HistoryReader reader(options());
  expect_same(reader.find_delivery(first).value(), store().find_delivery(first).value());
  EXPECT_EQ(reader.pending_triggers(10).size(), 1u);
  // What is written later is seen by the same reader, and writing goes on while it has the file open.
  const std::string second = store().record_delivery(delivery({make_trigger("push-2")})).id;
  EXPECT_TRUE(reader.find_delivery(second));
  EXPECT_EQ(reader.find_delivery("019a0000-0000-7000-8000-000000000000"), std::nullopt);
  EXPECT_EQ(reader.find_delivery("no id"), std::nullopt);

  store_.reset();
  EXPECT_TRUE(reader.find_delivery(second));
  EXPECT_TRUE(HistoryReader(options()).find_delivery(first));
  reopen();
  EXPECT_TRUE(store().find_delivery(second));
}

TEST_F(HistoryReaderTest, ALogThatACrashHasLeftIsReadToo) {
  const std::string id = store().record_delivery(delivery()).id;
  TemporaryDirectory copy(fast_folder());
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(path().native() + suffix, (copy.path() / "history.db").native() + suffix);
  }
  HistoryReader reader({.path = copy.path() / "history.db", .expand_decisions = options().expand_decisions});
  EXPECT_TRUE(reader.find_delivery(id));
}

TEST_F(HistoryReaderTest, MakesNoFile) {
  const std::filesystem::path absent = folder_.path() / "none.db";
  EXPECT_EQ(error_of([&] { HistoryReader({.path = absent}); }).kind(), ErrorKind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(absent));
}

TEST_F(HistoryReaderTest, RefusesWhatIsNotAHistoryOfThisVersion) {
  const std::filesystem::path other = folder_.path() / "other.db";
  std::ofstream(other) << "";
  EXPECT_EQ(error_of([&] { HistoryReader({.path = other}); }).kind(), ErrorKind::kConfiguration);
  std::ofstream(other) << std::string(8192, 'x');
  EXPECT_EQ(error_of([&] { HistoryReader({.path = other}); }).kind(), ErrorKind::kCorrupt);
  store_.reset();
  const auto set_version = [&](int version) {
    Connection connection(path(), Connection::Mode::kReadWrite, 1s);
    connection.execute(("PRAGMA user_version = " + std::to_string(version)).c_str());
  };
  for (const int version : {newest_schema_version() - 1, newest_schema_version() + 1}) {
    set_version(version);
    const Error error = error_of([&] { HistoryReader reader(options()); });
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration) << error.what();
    EXPECT_NE(std::string(error.what()).find(version < newest_schema_version() ? "older" : "newer"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace penstock::store
