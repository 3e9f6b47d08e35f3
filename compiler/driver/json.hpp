// Diagnostics -> JSON, for the reports of --json.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec::driver {

// One object each: severity, id, file, line, column, end_line, end_column, text, notes (place and text) and
// corrections (place and replacement), which together correct the file.
nlohmann::ordered_json to_json(const std::vector<Diagnostic>& diagnostics);

}  // namespace nodec::driver
