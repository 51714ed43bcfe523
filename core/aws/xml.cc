#include "core/aws/xml.h"

#include <charconv>
#include <cstdint>
#include <vector>

#include "core/base/text.h"

namespace penstock::aws {

namespace {

constexpr int kMaxDepth = 64;

struct Tag {
  enum class Kind { kOpen, kClose, kEmpty } kind = Kind::kOpen;
  std::string_view name;  // without prefix
  std::size_t begin = 0, end = 0;
};

std::string_view local_name(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

// The next tag at or after `position`, skipping comments, processing instructions, CDATA and declarations.
std::optional<Tag> next_tag(std::string_view document, std::size_t position) {
  for (;;) {
    const std::size_t begin = document.find('<', position);
    if (begin == std::string_view::npos) return std::nullopt;
    const std::string_view rest = document.substr(begin);
    const auto skip_to = [&](std::string_view end) {
      const std::size_t found = document.find(end, begin);
      position = found == std::string_view::npos ? document.size() : found + end.size();
    };
    if (rest.starts_with("<!--")) {
      skip_to("-->");
    } else if (rest.starts_with("<![CDATA[")) {
      skip_to("]]>");
    } else if (rest.starts_with("<?")) {
      skip_to("?>");
    } else if (rest.starts_with("<!")) {
      skip_to(">");
    } else {
      std::size_t end = begin + 1;
      char quote = '\0';
      while (end < document.size() && (quote != '\0' || document[end] != '>')) {
        const char c = document[end++];
        if (quote != '\0') {
          if (c == quote) quote = '\0';
        } else if (c == '"' || c == '\'') {
          quote = c;
        }
      }
      if (end >= document.size()) return std::nullopt;
      Tag tag;
      tag.begin = begin;
      tag.end = end + 1;
      std::string_view inside = document.substr(begin + 1, end - begin - 1);
      if (inside.starts_with('/')) {
        tag.kind = Tag::Kind::kClose;
        inside.remove_prefix(1);
      } else if (inside.ends_with('/')) {
        tag.kind = Tag::Kind::kEmpty;
        inside.remove_suffix(1);
      }
      tag.name = local_name(inside.substr(0, inside.find_first_of(" \t\r\n")));
      return tag;
    }
  }
}

// What stands between the first `name` element's tags.
std::optional<std::string_view> find_element(std::string_view document, std::string_view name) {
  std::size_t position = 0;
  while (const auto tag = next_tag(document, position)) {
    position = tag->end;
    if (tag->name != name || tag->kind == Tag::Kind::kClose) continue;
    if (tag->kind == Tag::Kind::kEmpty) return std::string_view();
    int depth = 1;
    while (const auto inner = next_tag(document, position)) {
      position = inner->end;
      if (inner->kind == Tag::Kind::kOpen) ++depth;
      if (inner->kind == Tag::Kind::kClose) --depth;
      if (depth == 0) return document.substr(tag->end, inner->begin - tag->end);
      if (depth > kMaxDepth) return std::nullopt;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) code = 0xfffd;
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | (code >> 6));
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3f));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

bool append_entity(std::string& out, std::string_view name) {
  if (name == "amp") return out += '&', true;
  if (name == "lt") return out += '<', true;
  if (name == "gt") return out += '>', true;
  if (name == "quot") return out += '"', true;
  if (name == "apos") return out += '\'', true;
  if (!name.starts_with('#')) return false;
  name.remove_prefix(1);
  const bool hexadecimal = name.starts_with('x');
  if (hexadecimal) name.remove_prefix(1);
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), code, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != name.data() + name.size()) return false;
  append_utf8(out, code);
  return true;
}

std::string decode_text(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') {
      if (text.substr(i).starts_with("<![CDATA[")) {
        const std::size_t end = text.find("]]>", i);
        const std::size_t begin = i + 9;
        result += text.substr(begin, end == std::string_view::npos ? end : end - begin);
        i = end == std::string_view::npos ? text.size() : end + 2;
        continue;
      }
      const std::size_t end = text.find('>', i);
      if (end == std::string_view::npos) break;
      i = end;
    } else if (text[i] == '&') {
      const std::size_t end = text.substr(0, i + 12).find(';', i);
      if (end != std::string_view::npos && append_entity(result, text.substr(i + 1, end - i - 1))) {
        i = end;
      } else {
        result += '&';
      }
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

std::optional<std::string> find_xml_text(std::string_view document, std::string_view path) {
  std::string_view scope = document;
  for (const std::string& name : split(path, '/')) {
    const auto element = find_element(scope, name);
    if (!element) return std::nullopt;
    scope = *element;
  }
  return decode_text(scope);
}

std::vector<std::string_view> list_xml_elements(std::string_view document, std::string_view path,
                                                std::string_view name) {
  std::string_view scope = document;
  for (const std::string& step : split(path, '/')) {
    const auto element = find_element(scope, step);
    if (!element) return {};
    scope = *element;
  }
  std::vector<std::string_view> found;
  int depth = 0;
  std::size_t position = 0, begin = 0;
  while (const auto tag = next_tag(scope, position)) {
    position = tag->end;
    if (tag->kind == Tag::Kind::kEmpty) {
      if (depth == 0 && tag->name == name) found.emplace_back();
      continue;
    }
    if (tag->kind == Tag::Kind::kOpen) {
      if (depth == 0) begin = tag->end;
      if (++depth > kMaxDepth) return {};
    } else if (--depth == 0 && tag->name == name) {
      found.push_back(scope.substr(begin, tag->begin - begin));
    }
    if (depth < 0) break;
  }
  return found;
}

std::string xml_root(std::string_view document) {
  if (document.starts_with("\xef\xbb\xbf")) document.remove_prefix(3);
  if (!trim(document).starts_with('<')) return "";
  const auto tag = next_tag(document, 0);
  return tag && tag->kind != Tag::Kind::kClose ? std::string(tag->name) : "";
}

std::string escape_xml(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&apos;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n') result += c;
    }
  }
  return result;
}

}  // namespace penstock::aws
