// One array as numpy stores it: .npy files, which are also the entries of .npz archives.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/arrays.hpp"

namespace nodec::runtime {

// `mapping`: as for read_npz (formats.hpp).
// Format versions 1 to 3; elements f2 f4 f8 i1…i8 u1…u8 b1 of either byte order (f2 becomes f32); C or
// Fortran order.
Result<Array> read_npy(const std::string& file, const std::string& name, std::span<const std::byte> bytes,
                       const std::shared_ptr<const void>& mapping = nullptr);

// Version 1 (2 for a header that needs it), C order.
std::vector<std::byte> write_npy(const Array& array);

}  // namespace nodec::runtime
