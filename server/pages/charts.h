// Plots as SVG, drawn on the server, each with its figures in a table for those who do not see it. Colours come from
// the style sheet by class.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/pages/html.h"

namespace penstock::server::pages {

// One stacked bar a column.
struct BarPlot {
  std::string id;  // unique on its page
  std::string title;
  std::string column_title;          // of the table: "Hour"
  std::vector<std::string> columns;  // their names: "09:00"
  std::vector<std::string> axis;     // the same, shorter
  struct Part {
    std::string name;
    std::string_view tone;  // class: good, bad, waiting, running, quiet
    std::vector<double> values;
  };
  std::vector<Part> parts;  // from below
};
Html draw(const BarPlot& plot);

// Up to two lines; a column without a value leaves a gap.
struct LinePlot {
  std::string id, title, column_title;
  std::vector<std::string> columns, axis;
  struct Line {
    std::string name;
    std::vector<std::optional<double>> values;
  };
  std::vector<Line> lines;
  std::string (*label)(double value) = nullptr;  // "4.2 s"
};
Html draw(const LinePlot& plot);

// The phases of a job, one below the other.
struct Timeline {
  std::string id;
  struct Phase {
    std::string name;
    double seconds = 0;
  };
  std::vector<Phase> phases;
  double total = 0;  // seconds; from the beginning to the end or now
  bool is_running = false;
};
Html draw(const Timeline& timeline);

// At least `most`, and readable: 1, 2 or 5 times a power of ten.
double round_up_for_axis(double most);

}  // namespace penstock::server::pages
