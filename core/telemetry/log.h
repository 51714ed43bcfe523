// Structured log: one line an entry, JSON or text, on stderr. Values given as fields are escaped; nothing is formatted
// into the message, so that a stranger's bytes cannot forge a line.
//
// Levels by consequence: error = somebody must act; warning = somebody should know; info = what the operator asked for
// and a stranger cannot trigger at will; debug = everything else.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace penstock::telemetry {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kJson, kText };

using LogValue = std::variant<std::string, std::int64_t, double, bool>;

struct LogField {
  std::string_view name;
  LogValue value;
  LogField(std::string_view field, std::string_view text) : name(field), value(std::string(text)) {}
  LogField(std::string_view field, const std::string& text) : name(field), value(text) {}
  LogField(std::string_view field, const char* text) : name(field), value(std::string(text)) {}
  LogField(std::string_view field, bool flag) : name(field), value(flag) {}
  LogField(std::string_view field, double number) : name(field), value(number) {}
  template <std::integral T>
  LogField(std::string_view field, T number) : name(field), value(static_cast<std::int64_t>(number)) {}
};

// Thread-safe. Nobody waits for stderr: entries are written within 100 ms by a thread of the log's own, warnings and
// errors at once. When stderr is gone or not read, entries are dropped, and counted. The destructor writes what is
// left.
class Log {
 public:
  struct Options {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kJson;
  };
  explicit Log(const Options& options);
  // A log that drops everything, for tests and one-shot commands.
  static Log silent();
  Log(Log&&) noexcept;
  ~Log();

  void set_level(LogLevel level);
  bool enabled(LogLevel level) const;

  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void warning(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  // Who was let in or turned away: "audit" instead of a level, written whatever the level is, unless that is kOff.
  void audit(std::string_view message, std::initializer_list<LogField> fields = {}) const;

 private:
  struct Sink;
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const;
  std::unique_ptr<Sink> sink_;
};

}  // namespace penstock::telemetry
