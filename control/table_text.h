// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

namespace belka {

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

// A table for a terminal: as wide as its cells (which are ASCII), two spaces between columns, none
// at the end of a line. The same cells give the same text, so it can be compared and cut by column.
class TableText {
 public:
  explicit TableText(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string text() const;  // with its titles; every line ends in a line feed

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// `5.0003 %`, from 0 to 1; four decimals tell the shares of rings up to 2^20 slots apart.
std::string percent_text(double share);

}  // namespace belka
