#include "core/base/regex.h"

#include <re2/re2.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock {
namespace {

RE2::Options make_options(std::size_t max_memory) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(max_memory));
  options.set_encoding(RE2::Options::EncodingUTF8);
  return options;
}

re2::StringPiece to_piece(std::string_view text) {
  return re2::StringPiece(text.data(), text.size());
}

}  // namespace

struct Regex::Compiled {
  Compiled(std::string_view pattern, std::size_t max_memory) : regex(to_piece(pattern), make_options(max_memory)) {}
  RE2 regex;
};

Regex::Regex(std::string_view pattern, std::size_t max_memory)
    : pattern_(pattern), compiled_(std::make_unique<Compiled>(pattern, max_memory)) {
  if (!compiled_->regex.ok()) {
    throw Error(ErrorKind::kInvalidInput,
                "compiling the regular expression " + in_quotes(pattern) + ": " + compiled_->regex.error());
  }
}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

bool Regex::matches_whole(std::string_view text) const {
  return RE2::FullMatch(to_piece(text), compiled_->regex);
}

bool Regex::matches_part(std::string_view text) const {
  return RE2::PartialMatch(to_piece(text), compiled_->regex);
}

}  // namespace penstock
