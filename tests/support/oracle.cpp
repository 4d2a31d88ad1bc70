// SPDX-License-Identifier: Apache-2.0
#include "tests/support/oracle.h"

#include <fmt/format.h>
#include <zlib.h>

#include <map>
#include <sstream>

#include "control/error.h"

namespace belka {
namespace {

using Fields = std::map<std::string, std::string>;

std::string unzip(const std::filesystem::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file) throw Error(fmt::format("cannot read {}", path.string()));
  std::string text;
  char block[65536];
  for (int bytes; (bytes = gzread(file, block, sizeof block)) > 0;) {
    text.append(block, static_cast<size_t>(bytes));
  }
  gzclose(file);
  return text;
}

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

uint32_t number(const std::string& text) {
  return text.empty() ? 0 : static_cast<uint32_t>(std::stoul(text, nullptr, 0));
}

uint16_t short_number(const std::string& text) { return static_cast<uint16_t>(number(text)); }

OracleRow row_from(const Fields& field) {
  OracleRow row;
  row.wire_bytes = number(field.at("len"));
  row.captured_bytes = number(field.at("cap"));
  for (const std::string& tag : split(field.at("vlan"), ',')) row.tags.push_back(short_number(tag));
  row.version = static_cast<int>(number(field.at("ver")));
  row.source = field.at("src");
  row.destination = field.at("dst");
  row.l4 = field.at("l4");
  row.fragment = field.at("frag");
  row.source_port = short_number(field.at("sport"));
  row.destination_port = short_number(field.at("dport"));
  row.extension_headers = number(field.at("ext"));
  row.tcp_flags = short_number(field.at("flags"));
  if (field.at("icmp").find('/') != std::string::npos) row.icmp_type = std::stoi(field.at("icmp"));
  row.quoted_l4 = field.at("il4");
  row.quoted_source = field.at("isrc");
  row.quoted_destination = field.at("idst");
  row.quoted_source_port = short_number(field.at("isport"));
  row.quoted_destination_port = short_number(field.at("idport"));
  row.quoted_ports = !field.at("isport").empty();
  row.agree = field.at("agree") == "1";
  return row;
}

}  // namespace

std::vector<OracleRow> read_oracle(const std::filesystem::path& directory,
                                   const std::string& capture) {
  const std::vector<std::string> lines =
      split(unzip(directory / "truth" / (capture + ".pkts.tsv.gz")), '\n');
  if (lines.empty()) throw Error(fmt::format("the oracle of {} is empty", capture));
  const std::vector<std::string> names = split(lines[0], '\t');
  std::vector<OracleRow> rows;
  for (size_t line = 1; line < lines.size(); line++) {
    const std::vector<std::string> values = split(lines[line], '\t');
    Fields fields;
    for (size_t i = 0; i < names.size(); i++) fields[names[i]] = i < values.size() ? values[i] : "";
    rows.push_back(row_from(fields));
  }
  return rows;
}

}  // namespace belka
