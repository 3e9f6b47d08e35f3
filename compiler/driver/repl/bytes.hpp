// Arrays -> bytes -> the same arrays, between two processes of one program.
#pragma once

#include <string>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec::driver {

std::string to_bytes(const Arrays& arrays);
// Of what `to_bytes` wrote; a text that ends early gives what is whole.
Arrays from_bytes(const std::string& bytes);

}  // namespace nodec::driver
