// SPDX-License-Identifier: Apache-2.0
#include "control/state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "control/descriptor.h"
#include "control/error.h"
#include "control/log.h"
#include "control/siphash.h"

namespace belka {
namespace {

constexpr std::string_view kHeader = "# belkad keeps here what is applied. Digest of --config: ";
constexpr std::string_view kSeedHeader = "\n# Digest of the seed: ";

[[noreturn]] void fail(std::string_view what, const std::string& path) {
  throw Error(fmt::format("cannot {} {}: {}; give a directory that can be written with --state",
                          what, path, std::strerror(errno)));
}

void write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("write", path);
    text.remove_prefix(static_cast<size_t>(written));
  }
}

// The file has its new name by then, so a fault here refuses nothing: only a power cut could undo
// it.
void sync_directory(const std::string& directory) {
  const Descriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && fsync(fd.get()) == 0) return;
  log_warn(fmt::format("{} could not be written through to the disk: {}", directory,
                       std::strerror(errno)));
}

void write_file(const std::string& path, std::string_view text) {
  const Descriptor fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) fail("write", path);
  write_all(fd.get(), text, path);
  if (fsync(fd.get()) != 0) fail("save", path);
}

// Takes a header and its digest off the text; empty where it has none.
std::string take_digest(std::string_view header, std::string_view& text) {
  if (!text.starts_with(header)) return "";
  text.remove_prefix(header.size());
  const std::string_view word = text.substr(0, text.find('\n'));
  text.remove_prefix(word.size());
  return word == "none" ? "" : std::string(word);
}

std::string word_of(const std::string& digest) { return digest.empty() ? "none" : digest; }

}  // namespace

std::string digest_of(std::string_view text) {
  constexpr SipKey kFirst{0, 0};
  constexpr SipKey kSecond{1, 0};
  return fmt::format("{:016x}{:016x}", siphash24(kFirst, text), siphash24(kSecond, text));
}

std::string digest_of(const Seed& seed) {
  return digest_of(
      std::string_view(reinterpret_cast<const char*>(seed.bytes.data()), seed.bytes.size()));
}

State::State(std::string directory)
    : directory_(std::move(directory)), file_(directory_ + "/applied.yaml") {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(directory_).parent_path(), error);
  if (mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    fail("make the directory", directory_);
  }
  lock_.emplace(directory_, "keeps its state in", "--state");
}

std::optional<State::Saved> State::load() const {
  std::ifstream stream(file_, std::ios::binary);
  if (!stream) {
    if (errno == ENOENT) return std::nullopt;
    fail("read", file_);
  }
  std::ostringstream text;
  text << stream.rdbuf();
  Saved saved;
  ConfigResult result = parse_config(text.str(), file_);
  if (!result.config) {
    throw Error(
        fmt::format("what was applied last cannot be read: {}", result.errors.front().text()));
  }
  saved.config = std::move(*result.config);
  saved.digest = digest_of(text.str());
  std::string_view rest = text.view();
  saved.loaded_digest = take_digest(kHeader, rest);
  saved.seed_digest = take_digest(kSeedHeader, rest);
  struct stat status {};
  if (stat(file_.c_str(), &status) == 0) saved.time_s = status.st_mtime;
  return saved;
}

std::string State::save(const Config& config, const std::string& loaded_digest,
                        const std::string& seed_digest) const {
  const std::string text = fmt::format("{}{}{}{}\n{}", kHeader, word_of(loaded_digest), kSeedHeader,
                                       word_of(seed_digest), to_yaml(config));
  const std::string temporary = file_ + ".new";
  try {
    write_file(temporary, text);
    if (rename(temporary.c_str(), file_.c_str()) != 0) fail("save", file_);
  } catch (const Error&) {
    (void)unlink(temporary.c_str());
    throw;
  }
  sync_directory(directory_);
  return digest_of(text);
}

}  // namespace belka
