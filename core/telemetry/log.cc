#include "core/telemetry/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/base/text.h"
#include "core/base/time.h"
#include "core/telemetry/line_writer.h"

namespace penstock::telemetry {
namespace {

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
  // Nearly all values are short and plain.
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (text.size() <= 8192 && std::all_of(text.begin(), text.end(), is_plain)) {
    ((out += '"') += text) += '"';
    return;
  }
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

std::string to_json_line(std::string_view level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line;
  line.reserve(320);
  line += "{\"time\":\"";
  line += format_rfc3339(SystemClock().now());
  line += "\",\"level\":\"";
  line += level;
  line += "\",\"message\":";
  append_json_string(line, message);
  for (const LogField& field : fields) {
    line += ',';
    append_json_string(line, field.name);
    line += ':';
    append_value(line, field.value);
  }
  line += '}';
  return line;
}

std::string to_text_line(std::string_view level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = format_rfc3339(SystemClock().now());
  line += " ";
  std::string padded(level);
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

std::string to_line(LogFormat format, std::string_view level, std::string_view message,
                    std::initializer_list<LogField> fields) {
  return format == LogFormat::kJson ? to_json_line(level, message, fields) : to_text_line(level, message, fields);
}

}  // namespace

struct Log::Sink {
  explicit Sink(LogFormat line_format) : format(line_format) {}
  const LogFormat format;
  std::atomic<LogLevel> level = LogLevel::kOff;
  LineWriter writer{{.describe_loss = [this](std::uint64_t lines) {
    return to_line(format, name_of(LogLevel::kWarning), "log lines were dropped: stderr was not read",
                   {{"lines", lines}});
  }}};
};

Log::Log(const Options& options) : sink_(std::make_unique<Sink>(options.format)) {
  set_level(options.level);
}

Log Log::silent() {
  return Log(Options{.level = LogLevel::kOff, .format = LogFormat::kJson});
}

Log::Log(Log&&) noexcept = default;
Log::~Log() = default;

void Log::set_level(LogLevel level) {
  sink_->level = level;
}

bool Log::enabled(LogLevel level) const {
  return level >= sink_->level.load(std::memory_order_relaxed);
}

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  if (!enabled(level)) return;
  sink_->writer.write(to_line(sink_->format, name_of(level), message, fields),
                      level >= LogLevel::kWarning ? LineWriter::Urgency::kNow : LineWriter::Urgency::kNone);
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
void Log::audit(std::string_view message, std::initializer_list<LogField> fields) const {
  if (sink_->level.load(std::memory_order_relaxed) == LogLevel::kOff) return;
  sink_->writer.write(to_line(sink_->format, "audit", message, fields), LineWriter::Urgency::kNone);
}

}  // namespace penstock::telemetry
