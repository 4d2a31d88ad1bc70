// SPDX-License-Identifier: Apache-2.0
#include "control/table_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace belka {
namespace {

std::string line_of(const std::vector<std::string>& cells, const std::vector<Column>& columns,
                    const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < columns.size(); i++) {
    const std::string padding(widths[i] - std::min(widths[i], cells[i].size()), ' ');
    if (i > 0) line += "  ";
    line += columns[i].align == Align::left ? cells[i] + padding : padding + cells[i];
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::string TableText::text() const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    widths.push_back(column.title.size());
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < columns_.size(); i++) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text = line_of(titles, columns_, widths);
  for (const auto& row : rows_) text += line_of(row, columns_, widths);
  return text;
}

std::string percent_text(double share) { return fmt::format("{:.4f} %", share * 100); }

}  // namespace belka
