// The command line as CLI11 knows it -> the text of nodec(1), in the man macros of groff.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace nodec::driver {

// What `--help` tells of every verb, in one page: options that all verbs take stand in a section of their
// own.
std::string manual(const CLI::App& app);

}  // namespace nodec::driver
