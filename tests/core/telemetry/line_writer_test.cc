#include "core/telemetry/line_writer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/handle.h"

namespace penstock::telemetry {
namespace {

using namespace std::chrono_literals;
using Urgency = LineWriter::Urgency;

class LineWriterTest : public ::testing::Test {
 protected:
  LineWriterTest() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    reader_ = UniqueFd(ends[0]);
    writer_ = UniqueFd(ends[1]);
  }
  LineWriter::Options options(std::chrono::milliseconds delay) const {
    return {.descriptor = writer_.get(),
            .delay = delay,
            .max_waiting_bytes = 1'000,
            .describe_loss = [](std::uint64_t lines) { return "lost " + std::to_string(lines); },
            .patience_at_end = 100ms};
  }
  std::string read_some() const {
    std::string text(1 << 20, '\0');
    const auto got = ::read(reader_.get(), text.data(), text.size());
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }
  std::string read_rest() {
    writer_ = UniqueFd();
    std::string all;
    for (auto piece = read_some(); !piece.empty(); piece = read_some()) all += piece;
    return all;
  }
  // Leaves no room for a line.
  void fill_pipe() const {
    ::fcntl(writer_.get(), F_SETFL, O_NONBLOCK);
    const std::string page(4'096, '.');
    while (::write(writer_.get(), page.data(), page.size()) > 0) {
    }
    ::fcntl(writer_.get(), F_SETFL, 0);
  }

  UniqueFd reader_, writer_;
};

TEST_F(LineWriterTest, GathersLinesAndWritesThemInOrder) {
  const auto begin = std::chrono::steady_clock::now();
  LineWriter writer(options(50ms));
  writer.write("a", Urgency::kNone);
  writer.write("b", Urgency::kNone);
  EXPECT_EQ(read_some(), "a\nb\n");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
}

TEST_F(LineWriterTest, WritesUrgentLinesAtOnceWithThoseBefore) {
  LineWriter writer(options(1h));
  writer.write("info", Urgency::kNone);
  writer.write("error", Urgency::kNow);
  EXPECT_EQ(read_some(), "info\nerror\n");
}

TEST_F(LineWriterTest, WritesTheRestAtTheEnd) {
  { LineWriter(options(1h)).write("last", Urgency::kNone); }
  EXPECT_EQ(read_rest(), "last\n");
}

TEST_F(LineWriterTest, DropsAndCountsWhileNobodyReads) {
  fill_pipe();
  {
    LineWriter writer(options(0ms));
    // What is being written does not count against the bound.
    for (int i = 0; i < 5'000; ++i) writer.write(std::string(99, 'x'), Urgency::kNow);
    while (read_some().find("lost ") == std::string::npos) {
      writer.write("y", Urgency::kNow);
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  {
    LineWriter writer(options(0ms));
    fill_pipe();
    writer.write("z", Urgency::kNow);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST_F(LineWriterTest, KeepsLinesOfSeveralThreadsWhole) {
  std::string all;
  {
    auto with_room = options(1ms);
    with_room.max_waiting_bytes = 1 << 20;
    LineWriter writer(with_room);
    std::jthread reader([&] {
      while (std::count(all.begin(), all.end(), '\n') < 4'000) all += read_some();
    });
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 1'000; ++i) writer.write(std::string(50, static_cast<char>('a' + thread)), Urgency::kNone);
      });
    }
  }
  for (char letter = 'a'; letter < 'e'; ++letter) {
    const std::string line = std::string(50, letter) + "\n";
    std::size_t count = 0;
    for (auto at = all.find(line); at != std::string::npos; at = all.find(line, at + 1)) ++count;
    EXPECT_EQ(count, 1'000u);
  }
}

}  // namespace
}  // namespace penstock::telemetry
