// Panels of curves -> text of block characters, for a terminal.
#pragma once

#include <string>
#include <vector>

#include "compiler/driver/picture.hpp"

namespace nodec::driver {

struct BlockStyle {
  int columns = 80, rows = 16;  // of a panel
  bool color = false;           // without it every curve has a panel of its own
};

// Lines, points and bars; arrows and maps are for pictures in files.
std::string blocks(const std::vector<Panel>& panels, const BlockStyle& style);

}  // namespace nodec::driver
