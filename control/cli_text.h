// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace belka {

// What people read, from the same JSON that programs get: a command shows the daemon's answer and
// one it computed itself with the same words. All end in a line feed. Throw Error where the JSON
// lacks a field (a daemon of another version).
std::string services_text(const nlohmann::json& answer);
std::string pools_text(const nlohmann::json& answer);
std::string backends_text(const nlohmann::json& answer);
std::string status_text(const nlohmann::json& answer);
std::string stats_text(const nlohmann::json& answer);
std::string explain_text(const nlohmann::json& answer);
std::string drains_text(const nlohmann::json& drains);  // cli_text_drains.cpp

// What they call the service of an entry: its `name`, marked where it is `removed` and only drains
// (which a daemon before this version does not say).
std::string service_label(const nlohmann::json& entry, const char* name = "name",
                          const char* removed = "removed");

}  // namespace belka
