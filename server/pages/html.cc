#include "server/pages/html.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/text.h"

namespace penstock::server::pages {
namespace {

constexpr std::array<std::string_view, 8> kVoid = {"br", "hr", "img", "input", "link", "meta", "col", "wbr"};
constexpr std::array<std::string_view, 5> kLinks = {"href", "src", "action", "formaction", "xlink:href"};

bool is_void(std::string_view name) {
  return std::find(kVoid.begin(), kVoid.end(), name) != kVoid.end();
}

// Left-to-right and right-to-left marks, embeddings, overrides and isolates; invisible characters that hide what a name
// is.
bool turns_or_hides(std::uint32_t c) {
  return c == 0x061c || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) ||
         c == 0xfeff;
}

// `c` begins a code point of valid UTF-8 of three bytes.
std::uint32_t three_bytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i])); };
  return ((byte(0) & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f);
}

void append_escaped(std::string& out, std::string_view given) {
  std::string repaired;
  std::string_view text = given;
  if (!is_valid_utf8(given)) {
    repaired = truncate_utf8(given, given.size(), 3 * given.size());
    text = repaired;
  }
  out.reserve(out.size() + text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&':
        out += "&amp;";
        continue;
      case '<':
        out += "&lt;";
        continue;
      case '>':
        out += "&gt;";
        continue;
      case '"':
        out += "&quot;";
        continue;
      case '\'':
        out += "&#39;";
        continue;
      case '\n':
      case '\t':
        out.push_back(c);
        continue;
    }
    if (byte < 0x20 || byte == 0x7f) {
      out += "\u00b7";
    } else if ((byte & 0xf0) == 0xe0 && i + 2 < text.size() && turns_or_hides(three_bytes(text, i))) {
      out += "\u00b7";
      i += 2;
    } else if (byte == 0xd8 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) == 0x9c) {
      out += "\u00b7";  // U+061C
      i += 1;
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace

Html::Html(std::string_view text) {
  append_escaped(markup_, text);
}

Html Html::begin(Name name, const Attribute* attributes, std::size_t count) {
  Html html;
  html.markup_.append("<").append(name.text());
  for (std::size_t i = 0; i < count; ++i) {
    const Attribute& attribute = attributes[i];
    if (attribute.presence == Attribute::Presence::kAbsent) continue;
    const std::string_view what = attribute.name.text();
    html.markup_.append(" ").append(what);
    if (!attribute.has_value) continue;
    const bool is_link = std::find(kLinks.begin(), kLinks.end(), what) != kLinks.end();
    html.markup_ += "=\"";
    append_escaped(html.markup_, is_link && !is_safe_link(attribute.value) ? std::string_view("#") : attribute.value);
    html.markup_ += '"';
  }
  html.markup_ += '>';
  return html;
}

void Html::end(Html& html, Name name) {
  if (!is_void(name.text())) html.markup_.append("</").append(name.text()).append(">");
}

Html element(Name name, std::initializer_list<Attribute> attributes, std::initializer_list<Html> children) {
  Html html = Html::begin(name, attributes.begin(), attributes.size());
  for (const Html& child : children) html += child;
  Html::end(html, name);
  return html;
}

Html element(Name name, const std::vector<Attribute>& attributes, const Html& content) {
  Html html = Html::begin(name, attributes.data(), attributes.size());
  html += content;
  Html::end(html, name);
  return html;
}

Html join(std::initializer_list<Html> parts) {
  Html joined;
  for (const Html& part : parts) joined += part;
  return joined;
}

std::string document(const Html& head, const Html& body) {
  Html html;
  html.markup_ = "<!doctype html>\n";
  html += element("html", {{"lang", "en"}}, {head, body});
  html.markup_ += '\n';
  return std::move(html.markup_);
}

bool is_safe_link(std::string_view link) noexcept {
  if (std::any_of(link.begin(), link.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == '\\'; }))
    return false;
  if (link.starts_with('#') || link.starts_with('?')) return true;
  if (link.starts_with('/')) return !link.starts_with("//");
  return link.starts_with("https://");
}

std::string path_to(std::string_view folder, std::string_view id, std::string_view below) {
  return "/" + std::string(folder) + "/" + percent_encode(id) + (below.empty() ? "" : "/" + std::string(below));
}

std::string query_string(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    query += (query.empty() ? "?" : "&") + percent_encode(name) + "=" + percent_encode(value);
  }
  return query;
}

}  // namespace penstock::server::pages
