// HTML that is escaped by construction: what is not made of elements is text, and is escaped.
//
// There is no way to make markup of a text at run time. Names of elements and attributes are literals that are checked
// while compiling: no inline script or style, no event handlers. Addresses are checked as well: a link leads to a place
// of our own, or to https.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::server::pages {

// "td"; refuses to compile for anything but the name of an element or an attribute that may be used.
class Name {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor)
  consteval Name(const char* name) : text_(name) {
    if (text_.empty()) throw "a name is empty";
    for (const char c : text_) {
      const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                        c == ':' || c == '_';
      if (!good) throw "a name has a character that does not belong there";
    }
    for (const std::string_view refused : {"style", "srcdoc", "iframe", "object", "embed", "base"}) {
      if (text_ == refused) throw "this element or attribute is not used";
    }
    if (text_.starts_with("on")) throw "event handlers are inline scripts";
  }
  constexpr std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

struct Attribute {
  enum class Presence { kAbsent, kPresent };
  Attribute(Name attribute, std::string_view text) : name(attribute), value(text) {}
  Attribute(Name attribute, const std::string& text) : name(attribute), value(text) {}
  Attribute(Name attribute, const char* text) : name(attribute), value(text) {}
  Attribute(Name attribute, Presence is_present) : name(attribute), presence(is_present), has_value(false) {}
  Name name;
  std::string value;
  Presence presence = Presence::kPresent;
  bool has_value = true;
};
// {"checked", when(is_chosen)}
inline Attribute::Presence when(bool condition) {
  return condition ? Attribute::Presence::kPresent : Attribute::Presence::kAbsent;
}

class Html {
 public:
  Html() = default;
  // Text. Bytes that are no UTF-8 become U+FFFD, and control characters and those that turn the direction of writing a
  // visible sign: a branch name must not change how the page around it reads.
  // NOLINTBEGIN(google-explicit-constructor)
  Html(std::string_view text);
  Html(const std::string& text) : Html(std::string_view(text)) {}
  Html(const char* text) : Html(std::string_view(text)) {}
  // NOLINTEND(google-explicit-constructor)

  Html& operator+=(const Html& more) {
    markup_ += more.markup_;
    return *this;
  }
  bool empty() const noexcept { return markup_.empty(); }
  const std::string& markup() const noexcept { return markup_; }

 private:
  friend Html element(Name name, std::initializer_list<Attribute> attributes, std::initializer_list<Html> children);
  friend Html element(Name name, const std::vector<Attribute>& attributes, const Html& content);
  friend std::string document(const Html& head, const Html& body);
  static Html begin(Name name, const Attribute* attributes, std::size_t count);
  static void end(Html& html, Name name);
  std::string markup_;
};

Html element(Name name, std::initializer_list<Attribute> attributes, std::initializer_list<Html> children);
Html element(Name name, const std::vector<Attribute>& attributes, const Html& content);
inline Html element(Name name, std::initializer_list<Html> children) {
  return element(name, {}, children);
}

// All of them, one after the other.
Html join(std::initializer_list<Html> parts);

// <!doctype html> and the rest.
std::string document(const Html& head, const Html& body);

// Whether a link may lead there: a path of our own ("/…", not "//…"), a part of this page ("#…", "?…"), or https.
bool is_safe_link(std::string_view link) noexcept;

// A path of our own with what comes from outside encoded.
std::string path_to(std::string_view folder, std::string_view id, std::string_view below = "");
// "?a=1&b=2", leaving out empty values; empty when all are.
std::string query_string(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace penstock::server::pages
