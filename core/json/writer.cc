#include "core/json/writer.h"

#include <vector>

#include "core/json/utf8.h"

namespace penstock::json {

void write_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (append_control_escape(out, c)) continue;
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void write_value(std::string& out, const Tape& tape, Tape::Index value,
                 const std::function<std::string_view(Tape::Index)>& number_text) {
  struct Open {
    bool is_object;
    Tape::Elements::Iterator element;
    Tape::Elements::Iterator elements_end;
    Tape::Members::Iterator member;
    Tape::Members::Iterator members_end;
  };
  std::vector<Open> open;
  const auto write_one = [&](Tape::Index at) {
    switch (tape.type(at)) {
      case Type::kNull:
        out += "null";
        break;
      case Type::kBoolean:
        out += tape.kind(at) == 't' ? "true" : "false";
        break;
      case Type::kString:
        write_string(out, tape.string(at));
        break;
      case Type::kNumber:
        if (number_text) {
          out += number_text(at);
        } else {
          tape.number(at).append_to(out);
        }
        break;
      case Type::kArray: {
        out.push_back('[');
        const Tape::Elements elements = tape.elements(at);
        const Tape::Members::Iterator none(tape, at, at);
        open.push_back({false, elements.begin(), elements.end(), none, none});
        break;
      }
      case Type::kObject: {
        out.push_back('{');
        const Tape::Members members = tape.members(at);
        const Tape::Elements::Iterator none(tape, at);
        open.push_back({true, none, none, members.begin(), members.end()});
        break;
      }
    }
  };
  write_one(value);
  while (!open.empty()) {
    Open& top = open.back();
    const bool first = out.back() == '[' || out.back() == '{';
    if (top.is_object) {
      if (top.member == top.members_end) {
        out.push_back('}');
        open.pop_back();
        continue;
      }
      const Tape::Member member = *top.member;
      ++top.member;
      if (!first) out.push_back(',');
      write_string(out, member.name);
      out.push_back(':');
      write_one(member.value);
    } else {
      if (top.element == top.elements_end) {
        out.push_back(']');
        open.pop_back();
        continue;
      }
      const Tape::Index element = *top.element;
      ++top.element;
      if (!first) out.push_back(',');
      write_one(element);
    }
  }
}

}  // namespace penstock::json
