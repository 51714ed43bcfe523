#include "core/telemetry/log.h"

#include <gtest/gtest.h>

namespace penstock::telemetry {
namespace {

std::string logged(LogFormat format, LogLevel level, std::string_view message) {
  ::testing::internal::CaptureStderr();
  {
    const Log log({.level = level, .format = format});
    log.info(message, {{"name", "a\nb\"c"}, {"count", 3}, {"seconds", 0.5}, {"ok", true}, {"raw", "\xFF"}});
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, WritesOneJsonObjectALineWhateverTheValuesHold) {
  const std::string line = logged(LogFormat::kJson, LogLevel::kInfo, "hello {} %v");
  EXPECT_EQ(line.substr(0, 9), "{\"time\":\"");
  EXPECT_EQ(line.substr(line.find("\",\"level\"")),
            "\",\"level\":\"info\",\"message\":\"hello {} %v\",\"name\":\"a\\nb\\\"c\",\"count\":3,\"seconds\":0.5,"
            "\"ok\":true,\"raw\":\"\xEF\xBF\xBD\"}\n");
}

TEST(Log, WritesTextForPeople) {
  const std::string line = logged(LogFormat::kText, LogLevel::kDebug, "hello");
  EXPECT_EQ(line.substr(25), "info    hello name=\"a\\nb\\\"c\" count=3 seconds=0.5 ok=true raw=\"\xEF\xBF\xBD\"\n");
}

TEST(Log, IsSilentBelowItsLevel) {
  EXPECT_EQ(logged(LogFormat::kJson, LogLevel::kWarning, "hello"), "");
}

TEST(Log, WritesAuditRecordsWhateverTheLevelIs) {
  const auto audited = [](LogLevel level) {
    ::testing::internal::CaptureStderr();
    Log({.level = level, .format = LogFormat::kJson}).audit("request refused", {{"principal", "ops"}});
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_NE(audited(LogLevel::kError).find("\"level\":\"audit\",\"message\":\"request refused\",\"principal\":\"ops\""),
            std::string::npos);
  EXPECT_EQ(audited(LogLevel::kOff), "");
}

TEST(Log, LevelCanChangeWhileRunning) {
  ::testing::internal::CaptureStderr();
  {
    Log log({.level = LogLevel::kOff, .format = LogFormat::kText});
    log.error("unseen");
    log.set_level(LogLevel::kError);
    log.error("seen");
  }
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(lines.find("unseen"), std::string::npos);
  EXPECT_NE(lines.find("seen"), std::string::npos);
}

}  // namespace
}  // namespace penstock::telemetry
