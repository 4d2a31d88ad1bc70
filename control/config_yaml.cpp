// SPDX-License-Identifier: Apache-2.0
#include "control/config_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <utility>

#include "control/config_text.h"

namespace belka {
namespace {

struct ReadStopped {
  YamlFault fault;
};

[[noreturn]] void stop(int line, std::string sentence) {
  throw ReadStopped{{line, std::move(sentence)}};
}

// Builds the tree from yaml-cpp's events, and stops it at once by an exception where a bound is
// passed, so that yaml-cpp's own recursion stays as shallow as kMaxYamlDepth.
class TreeBuilder : public YAML::EventHandler {
 public:
  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      stop(mark.line + 1, "found a second document, allowed is one, remove the line ---");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(YamlNode::Kind::null, mark, "?", anchor));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    stop(mark.line + 1, "found an alias (*), allowed are values alone, write the value out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = make(YamlNode::Kind::scalar, mark, tag, anchor);
    node.text = value;
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(make(YamlNode::Kind::list, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(make(YamlNode::Kind::map, mark, tag, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor) {
    const int line = mark.line + 1;
    if (++nodes_ > kMaxYamlNodes)
      stop(line, fmt::format("found more than {} values, more than a configuration can have",
                             kMaxYamlNodes));
    if (anchor != 0) stop(line, "found an anchor (&), allowed are values alone, remove it");
    // yaml-cpp's tags of what has none: "?" where plain, "!" where quoted.
    if (!tag.empty() && tag != "?" && tag != "!")
      stop(line, "found a tag (!), allowed are values alone, remove it");
    YamlNode node;
    node.kind = kind;
    node.line = line;
    return node;
  }

  static bool wants_key(const YamlNode& node) {
    return node.kind == YamlNode::Kind::map && node.keys.size() == node.items.size();
  }

  void open(YamlNode node) {
    if (open_.size() >= kMaxYamlDepth)
      stop(node.line, fmt::format("found more than {} levels of lists and maps, a configuration "
                                  "has at most 8, remove some",
                                  kMaxYamlDepth));
    if (!open_.empty() && wants_key(open_.back()))
      stop(node.line, "found a list or a map as a key, allowed are words");
    open_.push_back(std::move(node));
  }

  void close() {
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    YamlNode& parent = open_.back();
    if (wants_key(parent)) {
      parent.keys.push_back(std::move(node));
      return;
    }
    // yaml-cpp marks a value that is missing where the next token stands, often a line further
    // down.
    if (node.kind == YamlNode::Kind::null && parent.kind == YamlNode::Kind::map)
      node.line = parent.keys.back().line;
    parent.items.push_back(std::move(node));
  }

  YamlNode root_{.kind = YamlNode::Kind::null, .line = 1, .text = {}, .items = {}, .keys = {}};
  std::vector<YamlNode> open_;  // the lists and maps around the next value
  size_t nodes_ = 0;
  int documents_ = 0;
};

}  // namespace

std::variant<YamlNode, YamlFault> read_yaml(std::string_view text) {
  if (auto fault = check_text(text)) return *fault;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    while (parser.HandleNextDocument(builder)) continue;
    return builder.take_root();
  } catch (const ReadStopped& stopped) {
    return stopped.fault;
  } catch (const YAML::Exception& error) {
    return YamlFault{error.mark.line + 1, fmt::format("this is not YAML ({} at column {})",
                                                      error.msg, error.mark.column + 1)};
  }
}

}  // namespace belka
