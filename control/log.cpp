// SPDX-License-Identifier: Apache-2.0
#include "control/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "control/error.h"
#include "control/quote.h"

namespace belka {

void start_log(const std::string& level) {
  const auto least = spdlog::level::from_str(level);
  if (least == spdlog::level::off && level != "off") {
    throw Error("unknown --log_level=" + quote(level) +
                ": allowed are trace, debug, info, warning, error, critical and off");
  }
  auto logger = spdlog::stderr_logger_mt("belkad");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
  logger->set_level(least);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void log_debug(const std::string& line) { spdlog::debug(line); }
void log_info(const std::string& line) { spdlog::info(line); }
void log_warn(const std::string& line) { spdlog::warn(line); }
void log_error(const std::string& line) { spdlog::error(line); }

}  // namespace belka
