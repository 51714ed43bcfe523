#include "server/pages/charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include "server/pages/parts.h"

namespace penstock::server::pages {
namespace {

constexpr double kWidth = 480, kHeight = 210;
constexpr double kLeft = 60, kRight = 8, kTop = 12, kBottom = 26;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
constexpr int kGridLines = 4;

std::string number(double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.1f", std::isfinite(value) ? value : 0.0);
  return text.data();
}

std::string count_label(double value) {
  return value == std::floor(value) ? count_text(static_cast<std::uint64_t>(std::max(0.0, value))) : number(value);
}

double y_of(double value, double most) {
  return kTop + kPlotHeight * (1 - (most > 0 ? value / most : 0));
}

// Whose quarters are whole numbers.
double round_up_for_counts(double most) {
  double power = 1;
  while (most > 20 * power) power *= 10;
  for (const double factor : {4.0, 8.0, 12.0}) {
    if (most <= factor * power) return factor * power;
  }
  return 20 * power;
}

Html line(double x1, double y1, double x2, double y2, std::string_view kind) {
  return element("line",
                 {{"x1", number(x1)}, {"y1", number(y1)}, {"x2", number(x2)}, {"y2", number(y2)}, {"class", kind}}, {});
}

Html text(double x, double y, std::string_view anchor, std::string_view words) {
  return element("text", {{"x", number(x)}, {"y", number(y)}, {"text-anchor", anchor}}, {words});
}

Html rectangle(double x, double y, double width, double height, std::string_view kind) {
  return element(
      "rect",
      {{"x", number(x)}, {"y", number(y)}, {"width", number(width)}, {"height", number(height)}, {"class", kind}}, {});
}

Html grid(double most, int lines, const std::function<std::string(double)>& label) {
  Html drawn;
  for (int i = 0; i <= lines; ++i) {
    const double value = most * i / lines, y = y_of(value, most);
    drawn += line(kLeft, y, kWidth - kRight, y, i == 0 ? "axis" : "grid");
    drawn += text(kLeft - 6, y + 4, "end", label(value));
  }
  return drawn;
}

Html column_names(const std::vector<std::string>& names) {
  Html drawn;
  if (names.empty()) return drawn;
  const std::size_t every = std::max<std::size_t>(1, (names.size() + 5) / 6);
  const double step = kPlotWidth / static_cast<double>(names.size());
  for (std::size_t i = 0; i < names.size(); i += every) {
    drawn += text(kLeft + step * (static_cast<double>(i) + 0.5), kHeight - 8, "middle", names[i]);
  }
  return drawn;
}

Html svg(const std::string& title_id, const std::string& title, double height, const Html& content) {
  return element("svg",
                 {{"viewBox", "0 0 " + number(kWidth) + " " + number(height)},
                  {"class", "chart"},
                  {"role", "img"},
                  {"aria-labelledby", title_id}},
                 {element("title", {{"id", title_id}}, {title}), content});
}

Html swatch(std::string_view kind) {
  return element(
      "svg", {{"viewBox", "0 0 24 12"}, {"class", "chart"}, {"aria-hidden", "true"}, {"focusable", "false"}},
      {kind == "first" || kind == "second" ? line(0, 6, 24, 6, kind == "first" ? "line first" : "line second")
                                           : rectangle(4, 0, 16, 12, "bar " + std::string(kind))});
}

Html figure(const std::string& title, const Html& drawing, const Html& legend, const std::string& table_title,
            const Html& table) {
  return element(
      "figure", {{"class", "chart-frame"}},
      {element("figcaption", {title}), drawing,
       legend.empty() ? Html() : element("ul", {{"class", "legend"}}, {legend}),
       element(
           "details",
           {element("summary", {"Figures", element("span", {{"class", "unseen"}}, {" of: ", table_title})}), table})});
}

}  // namespace

double round_up_for_axis(double most) {
  if (!(most > 0) || !std::isfinite(most)) return 1;
  const double power = std::pow(10, std::floor(std::log10(most)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (most <= factor * power * (1 + 1e-9)) return factor * power;
  }
  return 10 * power;
}

Html draw(const BarPlot& plot) {
  std::vector<double> sums(plot.columns.size());
  for (const BarPlot::Part& part : plot.parts) {
    for (std::size_t i = 0; i < sums.size() && i < part.values.size(); ++i) sums[i] += part.values[i];
  }
  const double highest = sums.empty() ? 0 : *std::max_element(sums.begin(), sums.end());
  const double most = round_up_for_counts(highest);
  Html drawing = grid(most, kGridLines, count_label);
  const double step = kPlotWidth / static_cast<double>(std::max<std::size_t>(1, plot.columns.size()));
  const double gap = std::min(4.0, step * 0.2);
  std::vector<double> below(plot.columns.size());
  Html legend;
  for (const BarPlot::Part& part : plot.parts) {
    for (std::size_t i = 0; i < below.size() && i < part.values.size(); ++i) {
      if (part.values[i] <= 0) continue;
      const double top = y_of(below[i] + part.values[i], most);
      drawing += rectangle(kLeft + step * static_cast<double>(i) + gap / 2, top, step - gap, y_of(below[i], most) - top,
                           "bar " + std::string(part.tone));
      below[i] += part.values[i];
    }
    legend += element("li", {swatch(part.tone), part.name});
  }
  drawing += column_names(plot.axis);

  std::vector<Table::Column> titles{{plot.column_title}};
  for (const BarPlot::Part& part : plot.parts) titles.push_back({part.name, "number"});
  Table table(plot.title, titles);
  for (std::size_t i = 0; i < plot.columns.size(); ++i) {
    std::vector<Html> cells{Html(plot.columns[i])};
    for (const BarPlot::Part& part : plot.parts)
      cells.emplace_back(i < part.values.size() ? count_label(part.values[i]) : "");
    table.add_row("", cells);
  }
  return figure(plot.title, svg(plot.id + "-title", plot.title, kHeight, drawing), legend, plot.title, table.build());
}

Html draw(const LinePlot& plot) {
  double highest = 0;
  for (const LinePlot::Line& one : plot.lines) {
    for (const auto& value : one.values) highest = std::max(highest, value.value_or(0));
  }
  const double most = round_up_for_axis(highest);
  Html drawing = grid(most, kGridLines, plot.label);
  const double step = kPlotWidth / static_cast<double>(std::max<std::size_t>(1, plot.columns.size()));
  Html legend;
  for (std::size_t which = 0; which < plot.lines.size(); ++which) {
    const LinePlot::Line& one = plot.lines[which];
    const std::string kind = which == 0 ? "first" : "second";
    std::string path;
    Html dots;
    bool pen_is_down = false;
    for (std::size_t i = 0; i < one.values.size(); ++i) {
      if (!one.values[i]) {
        pen_is_down = false;
        continue;
      }
      const double x = kLeft + step * (static_cast<double>(i) + 0.5), y = y_of(*one.values[i], most);
      path += (pen_is_down ? "L" : "M") + number(x) + " " + number(y);
      pen_is_down = true;
      dots += element("circle", {{"cx", number(x)}, {"cy", number(y)}, {"r", "2.5"}, {"class", "dot " + kind}}, {});
    }
    if (!path.empty()) drawing += element("path", {{"d", path}, {"class", "line " + kind}}, {});
    drawing += dots;
    legend += element("li", {swatch(kind), one.name});
  }
  drawing += column_names(plot.axis);

  std::vector<Table::Column> titles{{plot.column_title}};
  for (const LinePlot::Line& one : plot.lines) titles.push_back({one.name, "number"});
  Table table(plot.title, titles);
  for (std::size_t i = 0; i < plot.columns.size(); ++i) {
    std::vector<Html> cells{Html(plot.columns[i])};
    for (const LinePlot::Line& one : plot.lines) {
      cells.emplace_back(i < one.values.size() && one.values[i] ? plot.label(*one.values[i]) : "–");
    }
    table.add_row("", cells);
  }
  return figure(plot.title, svg(plot.id + "-title", plot.title, kHeight, drawing), legend, plot.title, table.build());
}

Html draw(const Timeline& timeline) {
  constexpr double kRow = 30, kNames = 96, kValues = 76;
  double sum = 0;
  for (const Timeline::Phase& phase : timeline.phases) sum += phase.seconds;
  // Phases can overlap, an upload begins while the archive is written: then they are longer than the whole.
  const double total = std::max(timeline.total, 0.001);
  const double height = kRow * static_cast<double>(timeline.phases.size()) + 8;
  const double width = kWidth - kNames - kValues;
  Html drawing;
  double begin = 0, y = 4;
  std::string spoken = "Phases of the job, " + duration_text(timeline.total) + " in all:";
  for (const Timeline::Phase& phase : timeline.phases) {
    const double length = std::min(phase.seconds, total);
    const double from = std::min(sum > total ? begin * total / sum : begin, total - length);
    const double drawn = std::max(2.0, width * length / total);
    drawing += rectangle(kNames, y + 5, width, kRow - 12, "bar track");
    drawing += rectangle(kNames + std::min(width - drawn, width * std::max(0.0, from) / total), y + 5, drawn, kRow - 12,
                         phase.name == "other" ? "bar quiet" : "bar phase");
    drawing += text(kNames - 8, y + 18, "end", phase.name);
    drawing += text(kWidth - kValues + 8, y + 18, "start", duration_text(phase.seconds));
    begin += phase.seconds;
    y += kRow;
    spoken += " " + phase.name + " " + duration_text(phase.seconds) + ",";
  }
  if (!timeline.phases.empty()) spoken.pop_back();
  return element("figure", {{"class", "chart-frame timeline"}}, {svg(timeline.id + "-title", spoken, height, drawing)});
}

}  // namespace penstock::server::pages
