#include "core/git/progress.h"

#include <gtest/gtest.h>

namespace penstock::git {
namespace {

using std::chrono::milliseconds;

struct Recorder {
  std::vector<std::string> lines;
  std::chrono::steady_clock::time_point now{};
  ProgressFilter filter{[this](std::string_view line) { lines.emplace_back(line); },
                        {"Basic OmFiYw==", "OmFiYw=="},
                        [this] { return now; }};
};

TEST(ProgressFilter, LetsOneLineASecondOfAPhaseThroughAndItsEnd) {
  Recorder recorder;
  for (int i = 0; i <= 100; ++i) {
    recorder.filter.feed("Receiving objects: " + std::to_string(i) + "% (" + std::to_string(i) + "/100)");
    recorder.now += milliseconds(25);
  }
  recorder.filter.feed("Receiving objects: 100% (100/100), 1.20 MiB | 5 MiB/s, done.");
  recorder.filter.feed("Resolving deltas:   0% (0/3)");
  ASSERT_EQ(recorder.lines.size(), 5u);
  EXPECT_EQ(recorder.lines.front(), "Receiving objects: 0% (0/100)");
  EXPECT_EQ(recorder.lines[1], "Receiving objects: 40% (40/100)");
  EXPECT_EQ(recorder.lines[3], "Receiving objects: 100% (100/100), 1.20 MiB | 5 MiB/s, done.");
}

TEST(ProgressFilter, MasksSecretsUserInfoAndControlCharacters) {
  Recorder recorder;
  recorder.filter.feed("remote: you sent OmFiYw== \x1b[31mred\x1b[0m");
  recorder.filter.feed("fatal: unable to access 'https://u:hunter2@host/'");
  recorder.filter.feed("debug1: Connecting");
  ASSERT_EQ(recorder.lines.size(), 2u);
  EXPECT_EQ(recorder.lines[0], "remote: you sent ***  [31mred [0m");
  EXPECT_EQ(recorder.lines[1], "fatal: unable to access 'https://host/'");
}

TEST(ProgressFilter, BoundsWhatAServerCanWriteIntoTheLog) {
  Recorder recorder;
  for (int i = 0; i < 10000; ++i) recorder.filter.feed("remote: spam " + std::to_string(i));
  EXPECT_EQ(recorder.lines.size(), 200u);
}

}  // namespace
}  // namespace penstock::git
