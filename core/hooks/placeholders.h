// {Key} in filter values: the place of a value of the target action's configuration.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::hooks {

// How braces are otherwise used where the placeholder stands. In a glob "{a,b}" are alternatives and a backslash
// escapes; in a regular expression "{2,5}" repeats and "\p{Greek}", "\x{263a}" and "\Q…\E" belong to the expression.
enum class PlaceholderSyntax { kText, kGlob, kRegex };

// Names in order of appearance, each once. A name is up to 50 of A-Z a-z 0-9 _ . @ - and space, and not a number.
std::vector<std::string> find_placeholders(std::string_view text, PlaceholderSyntax syntax);

// The text with each placeholder replaced by its value, escaped so that it stands for itself in this syntax;
// placeholders without a value stay as written.
using PlaceholderValue = std::function<std::optional<std::string>(const std::string& name)>;
std::string fill_placeholders(std::string_view text, PlaceholderSyntax syntax, const PlaceholderValue& value);

}  // namespace penstock::hooks
