// Arrays -> text as a prompt shows it: with their type, large ones abbreviated.
#pragma once

#include <string>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec::driver {

// The numbers of an array: "[1, 2, 3]", a row a line where there are several axes. `type`: "bool" and "int"
// are shown as what they are.
std::string numbers_text(const Array& array, const std::string& type, int digits);

// "real[3] = [1, 2, 3]"; the numbers stand on lines of their own where they take several.
std::string value_text(const Array& array, const std::string& type, int digits);

}  // namespace nodec::driver
