#include "core/store/checkpointer.h"

#include "core/store/schema.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class CheckpointerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    create_database_file(path_);
    writer_ = std::make_unique<Connection>(path_, Connection::Mode::kReadWrite, 1s);
    prepare_database(*writer_, 0);
    writer_->execute("PRAGMA synchronous = OFF; CREATE TABLE t (x)");
    checkpointer_ =
        std::make_unique<Checkpointer>(std::make_unique<Connection>(path_, Connection::Mode::kReadWrite, 0ms),
                                       Checkpointer::Options{.passive_pages = 20, .restart_pages = 60});
    writer_->set_commit_hook([this](int pages) {
      most_pages_ = std::max(most_pages_, pages);
      checkpointer_->note_log_pages(pages);
    });
  }
  void write_until(const std::function<bool(const Checkpointer::Counts&)>& enough) {
    for (int i = 0; i < 200'000 && !enough(checkpointer_->counts()); ++i) {
      writer_->prepare("INSERT INTO t VALUES (zeroblob(3000))").run();
      checkpointer_->restart_if_wanted(*writer_);
    }
  }

  TemporaryDirectory folder_{fast_folder()};
  std::filesystem::path path_ = folder_.path() / "x.db";
  int most_pages_ = 0;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<Connection> writer_;
};

TEST_F(CheckpointerTest, TheLogBeginsAnewUnderConstantWriting) {
  write_until([](const auto& counts) { return counts.restarts >= 3; });
  EXPECT_GE(checkpointer_->counts().restarts, 3u);
  EXPECT_EQ(checkpointer_->counts().failures, 0u);
}

TEST_F(CheckpointerTest, AReaderOfAnOldMomentOnlyDelaysIt) {
  {
    Connection reader(path_, Connection::Mode::kReadOnly, 1s);
    Transaction moment(reader, Transaction::Kind::kRead);
    reader.query_integer("SELECT count(*) FROM t");
    write_until([](const auto& counts) { return counts.checkpoints >= 5; });
    EXPECT_EQ(checkpointer_->counts().restarts, 0u);
  }
  write_until([](const auto& counts) { return counts.restarts >= 1; });
  EXPECT_GE(checkpointer_->counts().restarts, 1u);
}

}  // namespace
}  // namespace penstock::store
