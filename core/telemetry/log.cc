#include "core/telemetry/log.h"

#include <array>
#include <charconv>
#include <cmath>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "core/base/text.h"
#include "core/base/time.h"

namespace penstock::telemetry {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      return "off";
  }
  return "off";
}

// A JSON string of at most 8 KiB; invalid UTF-8 is replaced, so that a line is always valid JSON.
void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : truncate_utf8(text, 8192, 8192)) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          out += "\\u00";
          out.push_back(kDigits[byte >> 4]);
          out.push_back(kDigits[byte & 15]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

void append_value(std::string& out, const LogValue& value) {
  struct Visitor {
    std::string& out;
    void operator()(const std::string& text) const { append_json_string(out, text); }
    void operator()(std::int64_t number) const { out += std::to_string(number); }
    void operator()(double number) const {
      if (!std::isfinite(number)) {
        out += "null";
        return;
      }
      std::array<char, 32> buffer{};
      const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
      out.append(buffer.data(), result.ptr);
    }
    void operator()(bool flag) const { out += flag ? "true" : "false"; }
  };
  std::visit(Visitor{out}, value);
}

std::string to_json_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = "{\"time\":\"" + format_rfc3339(SystemClock().now()) + "\",\"level\":\"";
  line += name_of(level);
  line += "\",\"message\":";
  append_json_string(line, message);
  for (const LogField& field : fields) {
    line += ",";
    append_json_string(line, field.name);
    line += ":";
    append_value(line, field.value);
  }
  line += "}";
  return line;
}

std::string to_text_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = format_rfc3339(SystemClock().now());
  line += " ";
  std::string padded(name_of(level));
  padded.resize(7, ' ');
  line += padded + " ";
  line += message;
  for (const LogField& field : fields) {
    line += " ";
    line += field.name;
    line += "=";
    append_value(line, field.value);
  }
  return line;
}

}  // namespace

struct Log::Sink {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::kJson;
};

Log::Log(const Options& options) : sink_(std::make_unique<Sink>()) {
  sink_->format = options.format;
  sink_->logger = std::make_shared<spdlog::logger>("penstock", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  // The line is finished before spdlog sees it: its own pattern must not look into foreign text.
  sink_->logger->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
  sink_->logger->set_error_handler([](const std::string&) {});
  sink_->logger->flush_on(spdlog::level::debug);
  set_level(options.level);
}

Log Log::silent() {
  return Log(Options{.level = LogLevel::kOff, .format = LogFormat::kJson});
}

Log::Log(Log&&) noexcept = default;
Log::~Log() = default;

void Log::set_level(LogLevel level) {
  sink_->logger->set_level(to_spdlog(level));
}

bool Log::enabled(LogLevel level) const {
  return sink_->logger->should_log(to_spdlog(level));
}

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  if (!enabled(level)) return;
  const std::string line =
      sink_->format == LogFormat::kJson ? to_json_line(level, message, fields) : to_text_line(level, message, fields);
  sink_->logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void Log::debug(std::string_view message, std::initializer_list<LogField> fields) const {
  write(LogLevel::kDebug, message, fields);
}
void Log::info(std::string_view message, std::initializer_list<LogField> fields) const {
  write(LogLevel::kInfo, message, fields);
}
void Log::warning(std::string_view message, std::initializer_list<LogField> fields) const {
  write(LogLevel::kWarning, message, fields);
}
void Log::error(std::string_view message, std::initializer_list<LogField> fields) const {
  write(LogLevel::kError, message, fields);
}

}  // namespace penstock::telemetry
